import { useElementSize } from '@mantine/hooks';
import type { ReactNode } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { formatDuration, formatHour, formatNumber, formatTime, plural, useNow } from '../../ui/index.ts';
import { concurrency, planLanes } from './lanes.ts';
import classes from './upcoming.module.css';

type Run = Overview['upcoming'][number];
const dayMs = 86_400_000;
const laneHeight = 20;
const maxLanes = 13;
/** Room for a name. Where there is little, more of them side by side say more than whole ones. */
const labelPxIn = (width: number): number => (width < 300 ? 66 : 92);

/** What will run when, and what runs at the same time. Too many to name become a curve of how many run at once. */
export function Upcoming({ runs }: { readonly runs: readonly Run[] }): ReactNode {
	const { ref, width } = useElementSize();
	const now = useNow();
	const from = now;
	const to = now + dayMs;
	const next = runs[0];
	if (!next) return <div className={classes.none}>No run is planned. Jobs without a schedule are started by hand.</div>;
	const due = runs.filter(({ at }) => at >= from && at < to);
	const load = loadOf(due, from, to);
	const labelPx = labelPxIn(width);
	const plan = planLanes(due, { from, to, minLength: labelPx / Math.max(width, 200) });
	return (
		<div>
			<div className={classes.next}>
				Next: <strong>{next.job}</strong> at {formatTime(next.at)}
				{due.length > 1 && `, ${plural(due.length, 'run')} in all`}
			</div>
			<div ref={ref} className={classes.chart}>
				<Hours from={from} to={to} />
				{plan.laneCount <= maxLanes ? (
					<ul className={classes.lanes} style={{ height: plan.laneCount * laneHeight }}>
						{plan.bars.map(({ item, start, end, lane, isMirrored }) => (
							<li
								key={`${item.jobId} ${item.at}`}
								data-mirrored={isMirrored || undefined}
								style={{
									...(isMirrored ? { insetInlineEnd: `${(1 - start) * 100}%` } : { insetInlineStart: `${start * 100}%` }),
									top: lane * laneHeight,
									width: labelPx - 6,
								}}
							>
								<Link
									to={`/jobs/${encodeURIComponent(item.jobId)}`}
									className={classes.run ?? ''}
									title={`${item.job}, ${formatTime(item.at)}, usually ${formatDuration(item.expectedDurationMs)}`}
								>
									<i style={{ width: `max(3px, ${(end - start) * Math.max(width, 200)}px)` }} />
									<span>{item.job}</span>
								</Link>
							</li>
						))}
					</ul>
				) : (
					<Curve load={load} />
				)}
			</div>
			{plan.laneCount > maxLanes && (
				<div className={classes.none}>
					At most {formatNumber(load.peak)} at once, around {formatTime(load.peakAt)}.
				</div>
			)}
		</div>
	);
}

function Hours({ from, to }: { readonly from: number; readonly to: number }): ReactNode {
	const first = new Date(from);
	first.setMinutes(0, 0, 0);
	const ticks = Array.from({ length: 25 }, (_, i) => first.getTime() + (i + 1) * 3_600_000).filter(
		(at) => at < to - 5_400_000 && new Date(at).getHours() % 4 === 0,
	);
	return (
		<div className={classes.hours} aria-hidden>
			{ticks.map((at) => (
				<span key={at} style={{ insetInlineStart: `${((at - from) / (to - from)) * 100}%` }}>
					{formatHour(at)}
				</span>
			))}
		</div>
	);
}

const slices = 96;
function loadOf(runs: readonly Run[], from: number, to: number): { readonly counts: readonly number[]; readonly peak: number; readonly peakAt: number } {
	const counts = concurrency(runs, { from, to, count: slices });
	const peak = Math.max(1, ...counts);
	return { counts, peak, peakAt: from + ((counts.indexOf(peak) + 0.5) / slices) * (to - from) };
}

function Curve({ load }: { readonly load: ReturnType<typeof loadOf> }): ReactNode {
	const { counts, peak, peakAt } = load;
	return (
		<svg
			className={classes.curve}
			viewBox={`0 0 ${slices} 60`}
			preserveAspectRatio="none"
			role="img"
			aria-label={`At most ${peak} at once, at ${formatTime(peakAt)}`}
		>
			{counts.map((count, i) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a slice is its position
				<rect key={i} x={i} width={0.85} y={60 - (count / peak) * 58} height={(count / peak) * 58} />
			))}
		</svg>
	);
}
