import { type ReactNode, useState } from 'react';
import type { ChainMethod } from '../../../../engine/contract/index.ts';
import { formatBytes, formatDate, formatDateTime, formatNumber, plural } from '../../../ui/index.ts';
import { type ForecastStep, pointRange } from './forecast.ts';
import classes from './forecast-chart.module.css';

const width = 720;
const barsTop = 8;
const barsHeight = 64;
const barsBottom = barsTop + barsHeight;
const areaTop = barsBottom + 22;
const areaHeight = 70;
const height = areaTop + areaHeight + 18;

const kindWord = { full: 'a full', increment: 'an increment', reverse: 'a reverse increment beside the renewed full' } as const;
const whyMore: Record<ChainMethod, string> = {
	forward: ', because increments go only when nothing that is kept builds on them',
	'forever-forward': '',
	reverse: '',
};

/** Above, the file that each run adds; below, what is in the repository after it. Pointing at a run says both in words. */
export function ForecastChart({
	steps,
	method,
	retainPoints,
	sizesFrom,
	isDailyAssumed,
}: {
	readonly steps: readonly ForecastStep[];
	readonly method: ChainMethod;
	readonly retainPoints: number;
	/** Where the sizes come from, as the end of a sentence. */
	readonly sizesFrom: string;
	readonly isDailyAssumed: boolean;
}): ReactNode {
	const [pointed, setPointed] = useState<number | null>(null);
	const first = steps[0];
	const last = steps.at(-1);
	if (!first || !last) return <div className={classes.note}>No run lies in the coming weeks.</div>;
	const peak = steps.reduce((best, step) => (step.totalBytes > best.totalBytes ? step : best), first);
	const isSized = peak.totalBytes > 0;
	const span = Math.max(1, last.at - first.at);
	const x = (at: number): number => 6 + ((at - first.at) / span) * (width - 12);
	const largest = Math.max(1, ...steps.map(({ made }) => made.bytes));
	const { fewest, most } = pointRange(steps, retainPoints);
	const barWidth = Math.max(1.5, Math.min(10, (width / steps.length) * 0.7));
	const barHeight = ({ made: { bytes, kind } }: ForecastStep): number =>
		isSized ? Math.max(3, Math.sqrt(bytes / largest) * barsHeight) : kind === 'full' ? barsHeight : barsHeight * 0.2;
	const y = (total: number): number => areaTop + areaHeight - (isSized ? total / peak.totalBytes : 0) * areaHeight;
	const line = steps.map((step, i) => `${i === 0 ? 'M' : `H${x(step.at)} V`}${i === 0 ? `${x(step.at)} ` : ''}${y(step.totalBytes)}`).join(' ');
	const shown = pointed === null ? undefined : steps[pointed];
	const { points } = shown ?? last;
	const kinds = new Set(steps.map(({ made }) => made.kind));
	return (
		<div>
			<svg
				className={classes.chart}
				viewBox={`0 0 ${width} ${height}`}
				role="img"
				aria-label={`At most ${plural(most, 'restore point')}${isSized ? ` and ${formatBytes(peak.totalBytes)}` : ''} in the repository`}
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
						data-kind={step.made.kind}
						data-gone={(shown !== undefined && !points.has(step.at)) || undefined}
						x={x(step.at) - barWidth / 2}
						width={barWidth}
						y={barsBottom - barHeight(step)}
						height={barHeight(step)}
						rx={0.75}
					/>
				))}
				{steps
					.filter(({ at }) => (points.get(at)?.length ?? 0) > 0)
					.map(({ at }) => (
						<circle key={at} className={classes.archive} cx={x(at)} cy={3.5} r={2.5} />
					))}
				{isSized && (
					<>
						<path className={classes.area} d={`${line} V${areaTop + areaHeight} H${x(first.at)} Z`} />
						<path className={classes.line} d={line} />
					</>
				)}
				{steps
					.filter(({ losesChain }) => losesChain)
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
				<i data-kind="full" /> full
				{kinds.has('increment') && (
					<>
						<i data-kind="increment" /> increment
					</>
				)}
				{kinds.has('reverse') && (
					<>
						<i data-kind="reverse" /> reverse increment
					</>
				)}
				{steps.some(({ losesChain }) => losesChain) && (
					<>
						<i data-kind="removal" /> an old chain goes
					</>
				)}
				{[...last.points.values()].some((gfs) => gfs.length > 0) && (
					<>
						<i data-kind="archive" /> kept as an archive
					</>
				)}
			</div>
			<div className={classes.note} aria-live="polite">
				{shown
					? stepText(shown, isSized, method)
					: [
							fewest === most
								? `${plural(most, 'restore point')} of each object.`
								: `Between ${formatNumber(fewest)} and ${plural(most, 'restore point')} of each object${whyMore[method]}.`,
							isSized ? `At most about ${formatBytes(peak.totalBytes)}, ${sizesFrom}.` : '',
							isDailyAssumed ? 'Drawn as if it were run every day.' : '',
						].join(' ')}
			</div>
		</div>
	);
}

function stepText({ at, mode, reason, made, points, fileCount, removedCount }: ForecastStep, isSized: boolean, method: ChainMethod): string {
	const archives = [...points.values()].filter((gfs) => gfs.length > 0).length;
	const what = mode === 'synthetic' ? 'a synthetic full' : kindWord[made.kind];
	const removed =
		method === 'forever-forward' && mode === 'increment'
			? `merges ${plural(removedCount, 'increment')} into the full`
			: `removes ${plural(removedCount, 'file')}`;
	return [
		`${formatDateTime(at)}: makes ${what}${isSized && made.bytes > 0 ? ` of about ${formatBytes(made.bytes)}` : ''}.`,
		mode === 'increment' ? '' : reason,
		`Then ${plural(points.size, 'restore point')}${archives > 0 ? ` (${plural(archives, 'archive')})` : ''} in ${plural(fileCount, 'file')}.`,
		removedCount > 0 ? `Retention ${removed}.` : '',
	]
		.filter((part) => part !== '')
		.join(' ');
}
