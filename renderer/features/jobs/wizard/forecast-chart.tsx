import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { ChainMethod } from '../../../../engine/contract/index.ts';
import { formatBytes, formatDateTime, formatNumber, plural } from '../../../ui/index.ts';
import { type ForecastStep, pointRange } from './forecast.ts';
import classes from './forecast-chart.module.css';
import { ForecastDrawing } from './forecast-drawing.tsx';

const kindWord = { full: 'a full', increment: 'an increment', reverse: 'a reverse increment beside the renewed full' } as const;
const whyMore: Record<ChainMethod, string> = {
	forward: ', because increments go only when nothing that is kept builds on them',
	'forever-forward': '',
	reverse: '',
};

/** Above, the files that exist; below, the room that they take. A run that is pointed at, or chosen with the arrow keys, is said in words too. */
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
	const { ref, width } = useElementSize();
	const [wanted, setPointed] = useState<number | null>(null);
	const first = steps[0];
	const last = steps.at(-1);
	if (!first || !last) return <div className={classes.note}>No run lies in the coming weeks.</div>;
	const pointed = wanted === null ? null : Math.min(wanted, steps.length - 1);
	const peakBytes = steps.reduce((most, { totalBytes }) => Math.max(most, totalBytes), 0);
	const isSized = peakBytes > 0;
	const { fewest, most } = pointRange(steps, retainPoints);
	const shown = pointed === null ? undefined : steps[pointed];
	const kinds = new Set(steps.flatMap(({ files }) => files.map(({ kind }) => kind)));
	const onKeyDown = (event: KeyboardEvent): void => {
		const at = pointed ?? steps.length;
		const targets: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 };
		const target = targets[event.key];
		if (target !== undefined) setPointed(Math.max(0, Math.min(steps.length - 1, target)));
		else if (event.key === 'Escape') setPointed(null);
		else return;
		event.preventDefault();
	};
	const summary = [
		fewest === most
			? `${plural(most, 'restore point')} of each object.`
			: `Between ${formatNumber(fewest)} and ${plural(most, 'restore point')} of each object${whyMore[method]}.`,
		isSized ? `At most about ${formatBytes(peakBytes)}, ${sizesFrom}.` : '',
		isDailyAssumed ? 'Drawn as if it were run every day.' : '',
	].join(' ');
	return (
		<div>
			<div
				ref={ref}
				className={classes.chart}
				role="slider"
				tabIndex={0}
				aria-label="Run to look at"
				aria-valuemin={1}
				aria-valuemax={steps.length}
				aria-valuenow={(pointed ?? steps.length - 1) + 1}
				aria-valuetext={shown ? stepText(shown, isSized, method) : summary}
				onKeyDown={onKeyDown}
				onBlur={() => setPointed(null)}
			>
				{width > 0 && <ForecastDrawing steps={steps} width={width} peakBytes={peakBytes} pointed={pointed} onPoint={setPointed} />}
			</div>
			<div className={classes.legend} aria-hidden>
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
				<i data-kind="gone" /> gone by then
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
			<div className={classes.note}>{shown ? stepText(shown, isSized, method) : summary}</div>
		</div>
	);
}

function stepText({ at, mode, reason, made, points, pointCount, fileCount, removedCount }: ForecastStep, isSized: boolean, method: ChainMethod): string {
	const archives = [...points.values()].filter((gfs) => gfs.length > 0).length;
	const what = mode === 'synthetic' ? 'a synthetic full' : kindWord[made.kind];
	const removed =
		method === 'forever-forward' && mode === 'increment'
			? `merges ${plural(removedCount, 'increment')} into the full`
			: `removes ${plural(removedCount, 'file')}`;
	return [
		`${formatDateTime(at)}: makes ${what}${isSized && made.bytes > 0 ? ` of about ${formatBytes(made.bytes)}` : ''}.`,
		mode === 'increment' ? '' : reason,
		`Then ${plural(pointCount, 'restore point')} of each object${archives > 0 ? ` (${plural(archives, 'archive')})` : ''} in ${plural(fileCount, 'file')} in all.`,
		removedCount > 0 ? `Retention ${removed}.` : '',
	]
		.filter((part) => part !== '')
		.join(' ');
}
