import { type ReactNode, useState } from 'react';
import { formatBytes, formatDate, formatDateTime, formatNumber, plural } from '../../../ui/index.ts';
import type { ForecastStep } from './forecast.ts';
import classes from './forecast-chart.module.css';

const width = 720;
const barsHeight = 64;
const areaTop = barsHeight + 22;
const areaHeight = 76;
const height = areaTop + areaHeight + 18;

/** Above, the file that each run makes; below, what is in the repository after it. Pointing at a run says both in words. */
export function ForecastChart({
	steps,
	retainPoints,
	sourceBytes,
	isByHand,
}: {
	readonly steps: readonly ForecastStep[];
	readonly retainPoints: number;
	readonly sourceBytes: number;
	readonly isByHand: boolean;
}): ReactNode {
	const [pointed, setPointed] = useState<number | null>(null);
	const first = steps[0];
	const last = steps.at(-1);
	if (!first || !last) return <div className={classes.note}>No run lies in the coming weeks.</div>;
	const isSized = sourceBytes > 0;
	const span = Math.max(1, last.at - first.at);
	const x = (at: number): number => 6 + ((at - first.at) / span) * (width - 12);
	const largest = Math.max(1, ...steps.map(({ file }) => file.bytes));
	const peak = steps.reduce((best, step) => (step.totalBytes > best.totalBytes ? step : best), first);
	const mostPoints = Math.max(...steps.map(({ present }) => present.length));
	const barWidth = Math.max(1.5, Math.min(10, (width / steps.length) * 0.7));
	const barHeight = ({ bytes, kind }: ForecastStep['file']): number =>
		isSized ? Math.max(3, Math.sqrt(bytes / largest) * barsHeight) : kind === 'full' ? barsHeight : barsHeight * 0.2;
	const y = (total: number): number => areaTop + areaHeight - (isSized ? total / peak.totalBytes : 0) * areaHeight;
	const line = steps.map((step, i) => `${i === 0 ? 'M' : `H${x(step.at)} V`}${i === 0 ? `${x(step.at)} ` : ''}${y(step.totalBytes)}`).join(' ');
	const shown = steps[pointed ?? -1];
	const kept = new Set(shown?.present.map(({ at }) => at));
	return (
		<div>
			<svg
				className={classes.chart}
				viewBox={`0 0 ${width} ${height}`}
				role="img"
				aria-label={`At most ${mostPoints} restore points and ${formatBytes(peak.totalBytes)} in the repository`}
				onMouseMove={(event) => {
					const box = event.currentTarget.getBoundingClientRect();
					const at = first.at + (((event.clientX - box.left) / box.width) * width - 6) * (span / (width - 12));
					setPointed(steps.reduce((best, step, i) => (Math.abs(step.at - at) < Math.abs((steps[best]?.at ?? 0) - at) ? i : best), 0));
				}}
				onMouseLeave={() => setPointed(null)}
			>
				{steps.map((step) => (
					<rect
						key={step.at}
						className={classes.bar}
						data-kind={step.file.kind}
						data-gone={(shown !== undefined && !kept.has(step.at)) || undefined}
						x={x(step.at) - barWidth / 2}
						width={barWidth}
						y={barsHeight - barHeight(step.file)}
						height={barHeight(step.file)}
						rx={0.75}
					/>
				))}
				{isSized && (
					<>
						<path className={classes.area} d={`${line} V${areaTop + areaHeight} H${x(first.at)} Z`} />
						<path className={classes.line} d={line} />
					</>
				)}
				{steps
					.filter(({ removedCount }) => removedCount > 0)
					.map((step) => (
						<path key={step.at} className={classes.removal} d={`M${x(step.at)} ${areaTop - 4} v${areaHeight + 4}`} />
					))}
				{shown && <path className={classes.cursor} d={`M${x(shown.at)} 0 V${areaTop + areaHeight}`} />}
				<text x={6} y={height - 4}>
					{formatDate(first.at)}
				</text>
				<text x={width - 6} y={height - 4} textAnchor="end">
					{formatDate(last.at)}
				</text>
			</svg>
			<div className={classes.legend}>
				<i data-kind="full" /> full <i data-kind="increment" /> increment <i data-kind="removal" /> an old chain goes
			</div>
			<div className={classes.note} aria-live="polite">
				{shown
					? `${formatDateTime(shown.at)}: makes ${shown.file.kind === 'full' ? 'a full' : 'an increment'}${isSized ? ` of about ${formatBytes(shown.file.bytes)}` : ''}; then ${plural(shown.present.length, 'restore point')} in ${plural(new Set(shown.present.map(({ chain }) => chain)).size, 'chain')}${isSized ? `, ${formatBytes(shown.totalBytes)}` : ''}.${shown.removedCount > 0 ? ` Retention removes ${plural(shown.removedCount, 'file')}.` : ''}`
					: `Between ${formatNumber(Math.min(retainPoints, mostPoints))} and ${plural(mostPoints, 'restore point')} of each object, because a chain goes only as a whole.${isSized ? ` At most about ${formatBytes(peak.totalBytes)}, if a full stores half of what it reads.` : ''}${isByHand ? ' Drawn as if it were run every day.' : ''}`}
			</div>
		</div>
	);
}
