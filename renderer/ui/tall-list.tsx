// biome-ignore-all lint/a11y/useSemanticElements: rows come and go with scrolling; a table element lays out all or nothing
import { type KeyboardEvent, type ReactNode, type Ref, type UIEvent, useImperativeHandle, useLayoutEffect, useRef, useState } from 'react';
import classes from './tall-list.module.css';
import { laidOutHeight, placeAt, rowsInView, scrolled, type TallPlace, topToShow } from './tall-scroll.ts';

export type TallListHandle = { readonly focus: () => void; readonly scrollToRow: (index: number) => void };

/**
 * A list of any number of rows of one height, which asks only for what is in view. The list holds the focus and an active row;
 * arrows, Page Up/Down, Home and End move it, Enter opens it, Space picks it. Everything else about a row is the caller's.
 */
export function TallList({
	rowCount,
	rowHeightPx,
	row,
	header,
	empty,
	label,
	active = -1,
	onActive,
	onOpen,
	onPick,
	onKey,
	onRange,
	handle,
	idPrefix = 'row',
}: {
	readonly rowCount: number;
	readonly rowHeightPx: number;
	/** The content of a row; it may be called for a row that has not arrived yet. */
	readonly row: (index: number) => ReactNode;
	readonly header?: ReactNode;
	readonly empty?: ReactNode;
	readonly label: string;
	readonly active?: number;
	readonly onActive?: (index: number) => void;
	readonly onOpen?: (index: number) => void;
	readonly onPick?: (index: number) => void;
	/** Further keys; true when it was taken. */
	readonly onKey?: (event: KeyboardEvent, active: number) => boolean;
	readonly onRange?: (first: number, last: number) => void;
	readonly handle?: Ref<TallListHandle>;
	readonly idPrefix?: string;
}): ReactNode {
	const scroller = useRef<HTMLDivElement>(null);
	const headerBox = useRef<HTMLDivElement>(null);
	const [viewportPx, setViewportPx] = useState(0);
	const [place, setPlace] = useState<TallPlace>({ scrollTop: 0, top: 0 });
	const placeRef = useRef(place);
	const shape = { rowCount, rowHeightPx, viewportPx };

	const show = (next: TallPlace): void => {
		placeRef.current = next;
		setPlace(next);
		if (scroller.current && Math.abs(scroller.current.scrollTop - next.scrollTop) >= 1) scroller.current.scrollTop = next.scrollTop;
	};
	const scrollToRow = (index: number): void => {
		const top = topToShow(shape, placeRef.current.top, index);
		if (top !== placeRef.current.top) show(placeAt(shape, top));
	};
	useImperativeHandle(handle, () => ({ focus: () => scroller.current?.focus(), scrollToRow }));

	useLayoutEffect(() => {
		const box = scroller.current;
		if (!box) return;
		const measure = (): void => setViewportPx(box.clientHeight - (headerBox.current?.offsetHeight ?? 0));
		measure();
		const observer = new ResizeObserver(measure);
		observer.observe(box);
		return () => observer.disconnect();
	}, []);

	// A list that has become shorter must not stay scrolled past its end.
	// biome-ignore lint/correctness/useExhaustiveDependencies: only a change of the length or of the room matters
	useLayoutEffect(() => {
		const next = placeAt(shape, placeRef.current.top);
		if (next.top !== placeRef.current.top) show(next);
	}, [rowCount, viewportPx]);

	const onScroll = (event: UIEvent<HTMLDivElement>): void => {
		const at = event.currentTarget.scrollTop;
		if (Math.abs(at - placeRef.current.scrollTop) < 1) return;
		show(scrolled(shape, placeRef.current, at));
	};

	const { first, last } = rowsInView(shape, place.top);
	// biome-ignore lint/correctness/useExhaustiveDependencies: the callback may be a new one at each render
	useLayoutEffect(() => onRange?.(first, last), [first, last]);

	const move = (index: number): void => {
		if (rowCount === 0) return;
		const next = Math.min(Math.max(index, 0), rowCount - 1);
		onActive?.(next);
		scrollToRow(next);
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.target !== scroller.current) return;
		const page = Math.max(1, Math.floor(viewportPx / rowHeightPx) - 1);
		const moves: Record<string, number> = {
			ArrowDown: active + 1,
			ArrowUp: active - 1,
			PageDown: active + page,
			PageUp: active - page,
			Home: 0,
			End: rowCount - 1,
		};
		const target = event.altKey || event.ctrlKey || event.metaKey ? undefined : moves[event.key];
		if (target !== undefined) move(target);
		else if (event.key === 'Enter' && active >= 0 && onOpen) onOpen(active);
		else if (event.key === ' ' && active >= 0 && onPick) onPick(active);
		else if (!onKey?.(event, active)) return;
		event.preventDefault();
	};

	const shift = place.top - place.scrollTop;
	const rows: ReactNode[] = [];
	for (let index = first; index <= last; index++) {
		rows.push(
			// biome-ignore lint/a11y/useKeyWithClickEvents: the list itself holds the focus and takes the keys
			<div
				key={index}
				id={`${idPrefix}-${index}`}
				role="row"
				tabIndex={-1}
				aria-rowindex={index + 1}
				aria-selected={index === active}
				className={classes.row}
				data-active={index === active || undefined}
				style={{ height: rowHeightPx, transform: `translateY(${index * rowHeightPx - shift}px)` }}
				onClick={() => {
					onActive?.(index);
					// The list keeps the focus, also when a button in the row was pressed, so that the arrows go on from here.
					scroller.current?.focus({ preventScroll: true });
				}}
				onDoubleClick={() => onOpen?.(index)}
			>
				{row(index)}
			</div>,
		);
	}
	return (
		<div
			ref={scroller}
			className={classes.scroller}
			role="grid"
			aria-label={label}
			aria-rowcount={rowCount}
			aria-activedescendant={active >= first && active <= last ? `${idPrefix}-${active}` : undefined}
			tabIndex={0}
			onScroll={onScroll}
			onKeyDown={onKeyDown}
		>
			{header === undefined ? null : (
				<div ref={headerBox} className={classes.header} role="row" tabIndex={-1}>
					{header}
				</div>
			)}
			{rowCount === 0 ? (
				<div className={classes.empty}>{empty}</div>
			) : (
				<div className={classes.rows} role="rowgroup" style={{ height: laidOutHeight(shape) }}>
					{rows}
				</div>
			)}
		</div>
	);
}
