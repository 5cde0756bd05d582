import { ActionIcon, Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArrowsHorizontal, IconChevronLeft, IconChevronRight, IconZoomIn, IconZoomOut } from '@tabler/icons-react';
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import type { Point } from '../../../engine/contract/index.ts';
import { formatBytes, formatFull } from '../../ui/format.ts';
import { PointJump } from './point-jump.tsx';
import classes from './timeline.module.css';
import { cluster, fitAll, inside, nearest, reveal, type TimeWindow, ticks, timeAt, xOf, zoom } from './timeline-scale.ts';

const heightPx = 64;
const baseLinePx = 44;
const barPx = { full: 32, reverse: 20, increment: 16 } as const;

export const kindWord = { full: 'Full', increment: 'Increment', reverse: 'Reverse increment' } as const;

const pointText = (point: Point): string =>
	[
		formatFull(point.createdAt),
		`${point.isAdHoc ? 'Ad-hoc full' : kindWord[point.kind]}, ${formatBytes(point.sourceBytes)} to restore, ${formatBytes(point.storedBytes)} stored`,
		point.problem ?? (point.restorable ? '' : 'Cannot be restored.'),
	]
		.filter(Boolean)
		.join('\n');

/**
 * All restore points of one object on a strip of time. Wheel and +/− zoom, dragging pans, a click takes the nearest point;
 * arrows go from point to point, Home and End to the oldest and the newest.
 */
export function Timeline({
	points,
	selected,
	onSelect,
	now,
}: {
	/** Oldest first. */
	readonly points: readonly Point[];
	readonly selected: Point | null;
	readonly onSelect: (point: Point) => void;
	readonly now: number;
}): ReactNode {
	const { ref: sizeRef, width } = useElementSize<HTMLDivElement>();
	const times = useMemo(() => points.map((point) => point.createdAt), [points]);
	const bounds = useMemo(() => fitAll(times, now), [times, now]);
	const [view, setView] = useState<TimeWindow | null>(null);
	const window = inside(view ?? bounds, bounds);
	const strip = useRef<HTMLDivElement>(null);
	const drag = useRef<{ x: number; from: TimeWindow; moved: boolean } | null>(null);
	const [hovered, setHovered] = useState<number | null>(null);
	const index = selected === null ? -1 : points.findIndex((point) => point.id === selected.id);

	const latest = useRef({ window, bounds, width });
	latest.current = { window, bounds, width };
	// React attaches wheel listeners as passive; zooming must keep the page where it is.
	useEffect(() => {
		const box = strip.current;
		if (!box) return;
		const onWheel = (event: WheelEvent): void => {
			event.preventDefault();
			const current = latest.current;
			const x = event.clientX - box.getBoundingClientRect().left;
			const span = current.window.to - current.window.from;
			if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
				const shift = (event.deltaX / current.width) * span;
				setView(inside({ from: current.window.from + shift, to: current.window.to + shift }, current.bounds));
			} else setView(zoom(current.window, Math.exp(event.deltaY / 400), timeAt(current.window, current.width, x), current.bounds));
		};
		box.addEventListener('wheel', onWheel, { passive: false });
		return () => box.removeEventListener('wheel', onWheel);
	}, []);

	const go = (to: number): void => {
		const point = points[Math.min(Math.max(to, 0), points.length - 1)];
		if (!point) return;
		if (view) setView(reveal(window, point.createdAt, bounds));
		onSelect(point);
	};
	const zoomBy = (factor: number): void => setView(zoom(window, factor, selected?.createdAt ?? (window.from + window.to) / 2, bounds));

	const onKeyDown = (event: KeyboardEvent): void => {
		const moves: Record<string, number> = {
			ArrowLeft: index - 1,
			ArrowRight: index + 1,
			PageUp: index - 10,
			PageDown: index + 10,
			Home: 0,
			End: points.length - 1,
		};
		const target = moves[event.key];
		if (target !== undefined) go(target);
		else if (event.key === '+' || event.key === '=') zoomBy(0.5);
		else if (event.key === '-') zoomBy(2);
		else if (event.key === '0') setView(null);
		else return;
		event.preventDefault();
	};
	const xIn = (event: PointerEvent): number => event.clientX - (strip.current?.getBoundingClientRect().left ?? 0);
	const onPointerDown = (event: PointerEvent<HTMLDivElement>): void => {
		if (event.button !== 0) return;
		drag.current = { x: event.clientX, from: window, moved: false };
		event.currentTarget.setPointerCapture(event.pointerId);
	};
	const onPointerMove = (event: PointerEvent): void => {
		const start = drag.current;
		if (!start) {
			const candidate = nearest(times, timeAt(window, width, xIn(event)));
			setHovered(candidate >= 0 && Math.abs(xOf(window, width, times[candidate] as number) - xIn(event)) < 24 ? candidate : null);
			return;
		}
		const dx = event.clientX - start.x;
		if (!start.moved && Math.abs(dx) < 4) return;
		start.moved = true;
		const shift = (-dx / width) * (start.from.to - start.from.from);
		setView(inside({ from: start.from.from + shift, to: start.from.to + shift }, bounds));
	};
	const onPointerUp = (event: PointerEvent): void => {
		const start = drag.current;
		drag.current = null;
		if (start?.moved) return;
		const candidate = nearest(times, timeAt(window, width, xIn(event)));
		if (candidate >= 0) go(candidate);
	};

	const groups = useMemo(() => cluster(times, window, width, 7), [times, window, width]);
	const shown = hovered === null ? null : (points[hovered] ?? null);
	return (
		<div className={classes.timeline}>
			<div className={classes.tools}>
				<Tooltip label="Older point (←)">
					<ActionIcon variant="default" aria-label="Older point" disabled={index <= 0} onClick={() => go(index - 1)}>
						<IconChevronLeft size={16} />
					</ActionIcon>
				</Tooltip>
				<PointJump points={points} selected={selected} onSelect={(point) => go(points.indexOf(point))} />
				<Tooltip label="Newer point (→)">
					<ActionIcon variant="default" aria-label="Newer point" disabled={index < 0 || index >= points.length - 1} onClick={() => go(index + 1)}>
						<IconChevronRight size={16} />
					</ActionIcon>
				</Tooltip>
				<span className={classes.position}>{index < 0 ? `${points.length} points` : `${index + 1} of ${points.length}`}</span>
				<span className={classes.legend} aria-hidden>
					<i data-kind="full" /> full <i data-kind="increment" /> increment
					{points.some((point) => point.problem !== null || !point.restorable) ? (
						<>
							<i data-kind="damaged" /> damaged
						</>
					) : null}
				</span>
				<ActionIcon.Group>
					<ActionIcon variant="default" aria-label="Zoom out" title="Zoom out (−)" disabled={view === null} onClick={() => zoomBy(2)}>
						<IconZoomOut size={15} />
					</ActionIcon>
					<ActionIcon variant="default" aria-label="All points" title="All points (0)" disabled={view === null} onClick={() => setView(null)}>
						<IconArrowsHorizontal size={15} />
					</ActionIcon>
					<ActionIcon variant="default" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoomBy(0.5)}>
						<IconZoomIn size={15} />
					</ActionIcon>
				</ActionIcon.Group>
			</div>
			<div
				ref={strip}
				className={classes.strip}
				role="slider"
				tabIndex={0}
				aria-label="Restore point"
				aria-valuemin={1}
				aria-valuemax={points.length}
				aria-valuenow={index + 1}
				aria-valuetext={selected ? pointText(selected) : 'none chosen'}
				title={shown ? pointText(shown) : undefined}
				onKeyDown={onKeyDown}
				onPointerDown={onPointerDown}
				onPointerMove={onPointerMove}
				onPointerUp={onPointerUp}
				onPointerCancel={() => {
					drag.current = null;
				}}
				onPointerLeave={() => setHovered(null)}
			>
				<div ref={sizeRef} className={classes.measure} />
				<svg width={width} height={heightPx} aria-hidden="true">
					{ticks(window, width).map((tick) => {
						const x = Math.round(xOf(window, width, tick.at)) + 0.5;
						return (
							<g key={tick.at}>
								<line className={classes.tick} data-major={tick.isMajor || undefined} x1={x} x2={x} y1={4} y2={baseLinePx + 4} />
								{x < 34 || x > width - 34 ? null : (
									<text className={classes.tickLabel} data-major={tick.isMajor || undefined} x={x} y={heightPx - 5} textAnchor="middle">
										{tick.label}
									</text>
								)}
							</g>
						);
					})}
					<line className={classes.base} x1={0} x2={width} y1={baseLinePx + 0.5} y2={baseLinePx + 0.5} />
					{groups.map((group) => (
						<Mark key={group.indexes[0]} x={group.x} points={group.indexes.map((at) => points[at] as Point)} selectedId={selected?.id ?? null} />
					))}
				</svg>
			</div>
		</div>
	);
}

/** One point, or several that would overlap: then the most telling one gives the look, and the bar is wider. */
function Mark({ x, points, selectedId }: { readonly x: number; readonly points: readonly Point[]; readonly selectedId: string | null }): ReactNode {
	const isSelected = points.some((point) => point.id === selectedId);
	const isDamaged = points.some((point) => point.problem !== null || !point.restorable);
	const kind = points.some((point) => point.kind === 'full') ? 'full' : (points[0]?.kind ?? 'increment');
	const height = barPx[kind];
	return (
		<g
			transform={`translate(${Math.round(x)} 0)`}
			className={classes.mark}
			data-kind={kind}
			data-damaged={isDamaged || undefined}
			data-selected={isSelected || undefined}
		>
			{isSelected ? <rect className={classes.halo} x={-6} y={2} width={12} height={baseLinePx} rx={3} /> : null}
			<rect className={classes.bar} x={-2} y={baseLinePx - height} width={points.length > 1 ? 5 : 4} height={height} rx={1.5} />
			{isDamaged ? <path className={classes.cross} d={`M-3.5 ${baseLinePx - height - 9.5}l7 7m0 -7l-7 7`} /> : null}
		</g>
	);
}
