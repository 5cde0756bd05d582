import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useMemo, useRef } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { formatDate, plural, Section } from '../../ui/index.ts';
import classes from './heat-map.module.css';

type Row = Overview['heatMap'][number];
const rowHeight = 22;
const maxRows = 14;
const badness = ({ days }: Row): number => days.reduce((sum, day, i) => sum + (day === 'failed' ? 10 + i : day === 'warning' ? 1 : 0), 0);
const words = { success: 'success', warning: 'with warnings', failed: 'failed' } as const;

/** Thirty days, a row per job; the worst rows first, so that hundreds of quiet ones do not hide them. */
export function HeatMap({ rows }: { readonly rows: readonly Row[] }): ReactNode {
	const scroller = useRef<HTMLDivElement>(null);
	const sorted = useMemo(() => rows.toSorted((a, b) => badness(b) - badness(a) || a.job.localeCompare(b.job)), [rows]);
	const dates = useMemo(() => Array.from({ length: 30 }, (_, i) => new Date().setHours(12, 0, 0, 0) - (29 - i) * 86_400_000), []);
	const virtualizer = useVirtualizer({ count: sorted.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 8 });
	return (
		<Section title="Last 30 days" aside={<Legend />}>
			<div className={classes.days} aria-hidden>
				<span />
				{dates.map((at, i) => (
					<span key={at}>{i % 7 === 1 || i === 29 ? new Date(at).getDate() : ''}</span>
				))}
			</div>
			<div ref={scroller} className={classes.scroller} style={{ maxHeight: rowHeight * maxRows }} tabIndex={rows.length > maxRows ? 0 : undefined}>
				<ul className={classes.rows} style={{ height: virtualizer.getTotalSize() }}>
					{virtualizer.getVirtualItems().map((item) => {
						const row = sorted[item.index];
						if (!row) return null;
						const failed = row.days.filter((day) => day === 'failed').length;
						return (
							<li key={row.jobId} className={classes.row} style={{ transform: `translateY(${item.start}px)` }}>
								<Link
									to={`/jobs/${encodeURIComponent(row.jobId)}`}
									className={classes.job ?? ''}
									title={row.job}
									aria-label={`${row.job}: ${plural(failed, 'day')} with a failure`}
								>
									{row.job}
								</Link>
								{row.days.map((day, i) => (
									<span
										key={dates[i]}
										className={classes.day}
										data-day={day ?? undefined}
										title={`${formatDate(dates[i] ?? 0)}: ${day ? words[day] : 'nothing ran'}`}
									/>
								))}
							</li>
						);
					})}
				</ul>
			</div>
		</Section>
	);
}

const Legend = (): ReactNode => (
	<span className={classes.legend}>
		<i data-day="success" /> success <i data-day="warning" /> warnings <i data-day="failed" /> failed <i /> nothing ran
	</span>
);
