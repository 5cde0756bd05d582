// biome-ignore-all lint/a11y/useSemanticElements: rows come and go with scrolling; a table element lays out all or nothing
import { useElementSize } from '@mantine/hooks';
import { IconChevronDown, IconChevronUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, type ReactNode, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import classes from './table.module.css';

export type GridColumn<T> = {
	readonly id: string;
	readonly header: string;
	/** Any track of a CSS grid: `120px`, `minmax(160px, 2fr)`. */
	readonly width: string;
	readonly align?: 'end';
	/** Left out while the table is narrower than this, in pixels. */
	readonly dropBelow?: number;
	readonly cell: (row: T) => ReactNode;
};

export type SortState = { readonly id: string; readonly descending: boolean };

export type TableGridProps<T> = {
	/** Names the table for a screen reader. */
	readonly label: string;
	readonly columns: readonly GridColumn<T>[];
	readonly count: number;
	/** Undefined: not loaded yet; the row shows placeholders. */
	readonly rowAt: (index: number) => T | undefined;
	readonly rowId: (row: T) => string;
	readonly rowHeight?: number;
	/** The row whose details are shown. */
	readonly activeId?: string | null;
	/** Click, or the arrow keys: the details follow. */
	readonly onActivate?: (row: T) => void;
	/** Enter or double click. */
	readonly onOpen?: (row: T) => void;
	/** Present: rows can be selected. */
	readonly selectedIds?: ReadonlySet<string>;
	/** `range`: from the row selected before, with Shift. */
	readonly onSelect?: (row: T, index: number, range: boolean) => void;
	readonly onSelectAll?: (selected: boolean) => void;
	readonly isAllSelected?: boolean;
	readonly sort?: SortState | null;
	/** The ids of the columns that can be sorted, and what a click on one does. */
	readonly sortable?: ReadonlySet<string>;
	readonly onSort?: (id: string) => void;
	/** Called when other rows come into view, for lists that are loaded page by page. */
	readonly onRange?: (first: number, last: number) => void;
	/** Shown in place of the rows when there are none. */
	readonly empty?: ReactNode;
};

const isControl = (target: EventTarget): boolean => target instanceof Element && target.closest('button, a, input') !== null;

/** Draws only the rows in view; the focus stays on the grid and moves over rows by `aria-activedescendant`, so rows may come and go. */
export function TableGrid<T>(props: TableGridProps<T>): ReactNode {
	const { count, rowAt, rowId, rowHeight = 34, activeId = null, onActivate, onOpen, selectedIds, onSelect, onSelectAll, onRange } = props;
	const prefix = useId();
	const scroller = useRef<HTMLDivElement>(null);
	const [focused, setFocused] = useState(-1);
	const { ref: frame, width } = useElementSize();
	const columns = useMemo(() => props.columns.filter(({ dropBelow = 0 }) => width === 0 || width >= dropBelow), [props.columns, width]);
	const hands: Hands<T> = useRef({ focus: setFocused, activate: onActivate, open: onOpen, select: onSelect });
	useLayoutEffect(() => {
		hands.current = { focus: setFocused, activate: onActivate, open: onOpen, select: onSelect };
	});
	const virtualizer = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12 });
	const items = virtualizer.getVirtualItems();
	const first = items[0]?.index ?? 0;
	const last = items.at(-1)?.index ?? 0;
	// biome-ignore lint/correctness/useExhaustiveDependencies: a new callback alone is no new range
	useEffect(() => onRange?.(first, last), [first, last, count]);

	const template = `${selectedIds ? '34px ' : ''}${columns.map(({ width }) => width).join(' ')}`;
	const focusIndex = focused < count ? focused : count - 1;

	const move = (to: number): void => {
		if (count === 0) return;
		const index = Math.max(0, Math.min(count - 1, to));
		setFocused(index);
		virtualizer.scrollToIndex(index, { align: 'auto' });
		const row = rowAt(index);
		if (row !== undefined) onActivate?.(row);
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.target !== event.currentTarget) return;
		const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2);
		const row = focusIndex >= 0 ? rowAt(focusIndex) : undefined;
		const moves: Record<string, number> = {
			ArrowDown: focusIndex + 1,
			ArrowUp: focusIndex - 1,
			PageDown: focusIndex + page,
			PageUp: focusIndex - page,
			Home: 0,
			End: count - 1,
		};
		if (event.key in moves && !event.altKey) move(moves[event.key] as number);
		else if (event.key === 'Enter' && row !== undefined && onOpen) onOpen(row);
		else if (event.key === ' ' && row !== undefined && onSelect) onSelect(row, focusIndex, event.shiftKey);
		else if (event.key === 'a' && (event.ctrlKey || event.metaKey) && onSelectAll) onSelectAll(true);
		else return;
		event.preventDefault();
	};

	return (
		<div ref={frame} className={classes.frame}>
			<div
				ref={scroller}
				className={classes.scroller}
				role="grid"
				aria-label={props.label}
				aria-rowcount={count + 1}
				aria-colcount={columns.length}
				aria-multiselectable={selectedIds ? true : undefined}
				aria-activedescendant={focusIndex >= first && focusIndex <= last ? `${prefix}-${focusIndex}` : undefined}
				tabIndex={0}
				onKeyDown={onKeyDown}
				onFocus={() => setFocused((old) => (old < 0 ? Math.max(0, findActive(props)) : old))}
			>
				<div className={classes.head} role="row" style={{ gridTemplateColumns: template }} tabIndex={-1}>
					{selectedIds && (
						<div role="columnheader" className={classes.check} tabIndex={-1}>
							<input
								type="checkbox"
								aria-label="Select all"
								checked={props.isAllSelected === true && count > 0}
								ref={(box) => {
									if (box) box.indeterminate = selectedIds.size > 0 && props.isAllSelected !== true;
								}}
								onChange={(event) => onSelectAll?.(event.currentTarget.checked)}
							/>
						</div>
					)}
					{columns.map((column) => (
						<HeadCell key={column.id} column={column} {...props} />
					))}
				</div>
				{count === 0 ? (
					props.empty
				) : (
					<div style={{ height: virtualizer.getTotalSize(), position: 'relative' }} role="presentation">
						{items.map((item) => {
							const row = rowAt(item.index);
							const id = row === undefined ? null : rowId(row);
							return (
								<Row
									key={item.key}
									elementId={`${prefix}-${item.index}`}
									row={row}
									index={item.index}
									start={item.start}
									height={rowHeight}
									template={template}
									columns={columns}
									isActive={id !== null && id === activeId}
									isFocused={item.index === focusIndex}
									isSelected={selectedIds === undefined ? null : id !== null && selectedIds.has(id)}
									hands={hands}
								/>
							);
						})}
					</div>
				)}
			</div>
		</div>
	);
}

/** What a row may do, always the latest: rows are drawn again only when something of their own has changed. */
type Hands<T> = {
	current: {
		focus: (index: number) => void;
		activate: ((row: T) => void) | undefined;
		open: ((row: T) => void) | undefined;
		select: TableGridProps<T>['onSelect'];
	};
};

type RowProps<T> = {
	readonly elementId: string;
	readonly row: T | undefined;
	readonly index: number;
	readonly start: number;
	readonly height: number;
	readonly template: string;
	readonly columns: readonly GridColumn<T>[];
	readonly isActive: boolean;
	readonly isFocused: boolean;
	/** Null: rows cannot be selected. */
	readonly isSelected: boolean | null;
	readonly hands: Hands<T>;
};

const Row = memo(function Row<T>({ elementId, row, index, start, height, template, columns, isActive, isFocused, isSelected, hands }: RowProps<T>): ReactNode {
	return (
		// biome-ignore lint/a11y/useKeyWithClickEvents: the grid itself has the keyboard
		// biome-ignore lint/a11y/useFocusableInteractive: the focus is on the grid, which names its active row
		<div
			id={elementId}
			className={classes.row}
			role="row"
			aria-rowindex={index + 2}
			aria-selected={isSelected ?? isActive}
			data-active={isActive || undefined}
			data-focused={isFocused || undefined}
			style={{ gridTemplateColumns: template, height, transform: `translateY(${start}px)` }}
			onClick={(event) => {
				if (isControl(event.target)) return;
				const { focus, activate, select } = hands.current;
				focus(index);
				if (row === undefined) return;
				if (select && (event.ctrlKey || event.metaKey || event.shiftKey)) select(row, index, event.shiftKey);
				else activate?.(row);
			}}
			onDoubleClick={(event) => row !== undefined && !isControl(event.target) && hands.current.open?.(row)}
		>
			{isSelected !== null && (
				<div role="gridcell" className={classes.check} tabIndex={-1}>
					{row !== undefined && (
						<input
							type="checkbox"
							tabIndex={-1}
							aria-label="Select"
							checked={isSelected}
							onChange={(event) => hands.current.select?.(row, index, (event.nativeEvent as MouseEvent).shiftKey)}
						/>
					)}
				</div>
			)}
			{columns.map((column) => (
				<div key={column.id} role="gridcell" className={classes.cell} data-align={column.align} tabIndex={-1}>
					{row === undefined ? <span className={classes.placeholder} /> : column.cell(row)}
				</div>
			))}
		</div>
	);
}) as <T>(props: RowProps<T>) => ReactNode;

function findActive<T>({ activeId, count, rowAt, rowId }: TableGridProps<T>): number {
	if (activeId == null) return -1;
	for (let i = 0; i < Math.min(count, 100_000); i++) {
		const row = rowAt(i);
		if (row !== undefined && rowId(row) === activeId) return i;
	}
	return -1;
}

function HeadCell<T>({
	column,
	sort,
	sortable,
	onSort,
}: { readonly column: GridColumn<T> } & Pick<TableGridProps<T>, 'sort' | 'sortable' | 'onSort'>): ReactNode {
	const direction = sort?.id === column.id ? (sort.descending ? 'descending' : 'ascending') : undefined;
	return (
		<div
			role="columnheader"
			className={classes.headCell}
			data-align={column.align}
			aria-sort={direction ?? (sortable?.has(column.id) ? 'none' : undefined)}
			tabIndex={-1}
		>
			{sortable?.has(column.id) ? (
				<button type="button" className={classes.sort} onClick={() => onSort?.(column.id)}>
					{column.header}
					{direction === 'ascending' && <IconChevronUp size={13} aria-hidden />}
					{direction === 'descending' && <IconChevronDown size={13} aria-hidden />}
				</button>
			) : (
				column.header
			)}
		</div>
	);
}
