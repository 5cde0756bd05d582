import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from 'react';
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import classes from './split-view.module.css';

const usePaneWidths = create<{ widths: Record<string, number>; set(id: string, width: number): void }>()(
	persist((set) => ({ widths: {}, set: (id, width) => set(({ widths }) => ({ widths: { ...widths, [id]: width } })) }), { name: 'holdfast.panes' }),
);

/** List left, details right. The border between them is dragged, or moved with the arrow keys; its place is kept per `id`. */
export function SplitView({
	id,
	children,
	details,
	defaultWidth = 420,
	minWidth = 300,
}: {
	readonly id: string;
	readonly children: ReactNode;
	/** Null: the list has all the room. */
	readonly details: ReactNode | null;
	readonly defaultWidth?: number;
	readonly minWidth?: number;
}): ReactNode {
	const frame = useRef<HTMLDivElement>(null);
	const stored = usePaneWidths((state) => state.widths[id]);
	const set = usePaneWidths((state) => state.set);
	const width = stored ?? defaultWidth;
	const resize = (to: number): void => set(id, Math.round(Math.max(minWidth, Math.min(to, (frame.current?.clientWidth ?? 1200) - 320))));

	const onPointerDown = (down: PointerEvent<HTMLDivElement>): void => {
		const bar = down.currentTarget;
		bar.setPointerCapture(down.pointerId);
		const right = frame.current?.getBoundingClientRect().right ?? 0;
		const onMove = (move: globalThis.PointerEvent): void => resize(right - move.clientX);
		bar.addEventListener('pointermove', onMove);
		bar.addEventListener('lostpointercapture', () => bar.removeEventListener('pointermove', onMove), { once: true });
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key === 'ArrowLeft') resize(width + 24);
		else if (event.key === 'ArrowRight') resize(width - 24);
		else return;
		event.preventDefault();
	};

	return (
		<div ref={frame} className={classes.frame}>
			<div className={classes.list}>{children}</div>
			{details !== null && (
				<>
					{/* biome-ignore lint/a11y/useSemanticElements: a separator that can be moved is a widget, which hr is not */}
					<div
						className={classes.bar}
						role="separator"
						aria-orientation="vertical"
						aria-label="Width of the details"
						aria-valuenow={width}
						aria-valuemin={minWidth}
						tabIndex={0}
						onPointerDown={onPointerDown}
						onKeyDown={onKeyDown}
						onDoubleClick={() => resize(defaultWidth)}
					/>
					<aside className={classes.details} style={{ width }} aria-label="Details">
						{details}
					</aside>
				</>
			)}
		</div>
	);
}
