import type { ReactNode } from 'react';
import { formatBytes, formatDayMonth } from '../../../ui/index.ts';
import type { ForecastStep } from './forecast.ts';
import classes from './forecast-chart.module.css';

const side = 6;
const barsTop = 24;
const barsHeight = 66;
const barsBottom = barsTop + barsHeight;
const areaTop = barsBottom + 26;
const areaHeight = 62;
const areaBottom = areaTop + areaHeight;
const height = areaBottom + 18;
const dayMs = 86_400_000;
const labelPx = 64;

/** The files after the run that is pointed at (the last one, if none is): solid where they exist, faint where a run has made one that is gone by then. */
export function ForecastDrawing({
	steps,
	width,
	peakBytes,
	pointed,
	onPoint,
}: {
	readonly steps: readonly ForecastStep[];
	readonly width: number;
	readonly peakBytes: number;
	readonly pointed: number | null;
	readonly onPoint: (index: number | null) => void;
}): ReactNode {
	const [first, last] = [steps[0], steps.at(-1)];
	if (!first || !last) return null;
	const span = Math.max(1, last.at - first.at);
	const x = (at: number): number => side + ((at - first.at) / span) * (width - 2 * side);
	const isSized = peakBytes > 0;
	const largest = Math.max(1, ...steps.flatMap(({ files }) => files.map(({ bytes }) => bytes)));
	const barWidth = Math.max(2, Math.min(12, ((width - 2 * side) / steps.length) * 0.7));
	const shown = (pointed === null ? last : steps[pointed]) ?? last;
	const present = shown.files.filter(({ at }) => at >= first.at);
	const taken = new Set(present.map(({ at }) => at));
	const ghosts = steps.filter(({ at }) => at <= shown.at && !taken.has(at)).map(({ at, made }) => ({ at, ...made }));
	// The square root keeps increments visible beside a full.
	const barHeight = ({ bytes, kind }: { readonly bytes: number; readonly kind: string }): number =>
		isSized ? Math.max(4, Math.sqrt(bytes / largest) * barsHeight) : kind === 'full' ? barsHeight : barsHeight * 0.2;
	const y = (total: number): number => areaBottom - (isSized ? total / peakBytes : 0) * areaHeight;
	const line = steps.map((step, i) => `${i === 0 ? `M${x(step.at)} ` : `H${x(step.at)} V`}${y(step.totalBytes)}`).join(' ');
	const weeks = Array.from({ length: Math.floor(span / (7 * dayMs)) + 1 }, (_, i) => first.at + i * 7 * dayMs);
	const every = Math.max(1, Math.ceil(labelPx / ((7 * dayMs * (width - 2 * side)) / span)));
	const bar = (key: string, { at, kind, bytes }: { readonly at: number; readonly kind: string; readonly bytes: number }, isGone: boolean): ReactNode => (
		<rect
			key={key}
			className={classes.bar}
			data-kind={kind}
			data-gone={isGone || undefined}
			x={x(at) - barWidth / 2}
			width={barWidth}
			y={barsBottom - barHeight({ bytes, kind })}
			height={barHeight({ bytes, kind })}
			rx={1}
		/>
	);
	return (
		<svg
			width={width}
			height={height}
			aria-hidden
			onMouseMove={(event) => {
				const at = first.at + (event.nativeEvent.offsetX - side) * (span / (width - 2 * side));
				onPoint(steps.reduce((best, step, i) => (Math.abs(step.at - at) < Math.abs((steps[best]?.at ?? 0) - at) ? i : best), 0));
			}}
			onMouseLeave={() => onPoint(null)}
		>
			{weeks.map((at, i) => (
				<g key={at}>
					<path className={classes.grid} d={`M${x(at)} ${barsTop} V${areaBottom}`} />
					{i % every === 0 && (
						<text x={Math.min(x(at), width - 44)} y={height - 4}>
							{formatDayMonth(at)}
						</text>
					)}
				</g>
			))}
			<text x={side} y={barsTop - 10}>
				Files
			</text>
			<path className={classes.base} d={`M${side} ${barsBottom + 0.5} H${width - side}`} />
			{ghosts.map((ghost) => bar(`ghost ${ghost.at}`, ghost, true))}
			{present.map((file) => bar(`${file.at} ${file.kind}`, file, false))}
			{[...shown.points]
				.filter(([at, gfs]) => gfs.length > 0 && at >= first.at)
				.map(([at]) => (
					<circle key={at} className={classes.archive} cx={x(at)} cy={barsTop - 5} r={2.5} />
				))}
			{isSized && (
				<>
					<text x={side} y={areaTop - 7}>
						Room, up to {formatBytes(peakBytes)}
					</text>
					<path className={classes.area} d={`${line} V${areaBottom} H${x(first.at)} Z`} />
					<path className={classes.line} d={line} />
				</>
			)}
			<path className={classes.base} d={`M${side} ${areaBottom + 0.5} H${width - side}`} />
			{steps
				.filter(({ losesChain }) => losesChain)
				.map((step) => (
					<path key={step.at} className={classes.removal} d={`M${x(step.at)} ${areaTop - 4} V${areaBottom}`} />
				))}
			{pointed !== null && <path className={classes.cursor} d={`M${x(shown.at)} ${barsTop - 8} V${areaBottom}`} />}
		</svg>
	);
}
