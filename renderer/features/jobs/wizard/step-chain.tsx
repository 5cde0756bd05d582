import { NumberInput, Radio, Slider } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { useTRPC } from '../../../client.ts';
import { ErrorPanel, plural } from '../../../ui/index.ts';
import { forecast } from './forecast.ts';
import { ForecastChart } from './forecast-chart.tsx';
import type { StepProps } from './job-wizard.tsx';
import { SchedulePicker } from './schedule-picker.tsx';
import classes from './wizard.module.css';

const dayMs = 86_400_000;
const horizonDays = 56;
const maxRuns = 240;
/** What a full takes in the repository, as a share of the source: a guess for ordinary data under the default compression. */
const storedShare = 0.5;

export function StepChain({ draft, change, errors }: StepProps): ReactNode {
	const trpc = useTRPC();
	const [changePercent, setChangePercent] = useState(4);
	const [openedAt] = useState(Date.now);
	const runs = useQuery(trpc.jobs.nextRuns.queryOptions({ schedule: draft.schedule ?? { cron: '0 22 * * *', timeZone: 'UTC' }, count: maxRuns }));
	const fulls = useQuery(
		trpc.jobs.nextRuns.queryOptions(
			{ schedule: draft.activeFull ?? { cron: '0 0 1 1 *', timeZone: 'UTC' }, count: 60 },
			{ enabled: draft.activeFull !== null },
		),
	);
	const sizes = useQueries({ queries: draft.sources.map((source) => trpc.places.measure.queryOptions({ source }, { staleTime: Number.POSITIVE_INFINITY })) });
	const sourceBytes = sizes.reduce((sum, { data }) => sum + (data?.bytes ?? 0), 0);
	const steps = useMemo(
		() =>
			forecast({
				runs: (runs.data ?? []).filter((at) => at < openedAt + horizonDays * dayMs),
				fulls: draft.activeFull ? (fulls.data ?? []) : [],
				renewAfterPoints: draft.activeFull ? null : draft.retainPoints,
				retainPoints: draft.retainPoints,
				fullBytes: sourceBytes * storedShare,
				incrementBytes: sourceBytes * storedShare * (changePercent / 100),
			}),
		[runs.data, fulls.data, draft.activeFull, draft.retainPoints, sourceBytes, changePercent, openedAt],
	);
	return (
		<div className={classes.form} data-wide>
			<NumberInput
				label="Restore points to keep, of each object"
				min={1}
				max={9999}
				w={240}
				value={draft.retainPoints}
				onChange={(value) => typeof value === 'number' && change({ retainPoints: value })}
				error={errors.retainPoints}
			/>
			<div>
				<Radio.Group
					label="Method: forward incremental"
					description="The first run is a full; each later one stores only what has changed. A new chain begins with a new full:"
					value={draft.activeFull === null ? 'renew' : 'scheduled'}
					onChange={(value) =>
						change({
							activeFull:
								value === 'renew' ? null : { cron: '0 22 * * 6', timeZone: draft.schedule?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone },
						})
					}
				>
					<div className={classes.choices}>
						<Radio value="renew" label={`after every ${plural(draft.retainPoints, 'point')}`} />
						<Radio value="scheduled" label="at set times" />
					</div>
				</Radio.Group>
				{draft.activeFull && (
					<div className={classes.indent}>
						<SchedulePicker
							value={draft.activeFull}
							onChange={(activeFull) => change({ activeFull })}
							kinds={['weekly', 'daily', 'custom']}
							error={errors.activeFull}
						/>
					</div>
				)}
			</div>
			<section aria-label="The coming weeks">
				<div className={classes.chartHead}>
					<h3>The next {horizonDays / 7} weeks</h3>
					<span className={classes.slider}>
						<span id="change-per-run">Changed per run: {changePercent} %</span>
						<Slider aria-labelledby="change-per-run" size="sm" w={140} min={1} max={40} value={changePercent} onChange={setChangePercent} label={null} />
					</span>
				</div>
				{runs.error ? (
					<ErrorPanel
						failure={{ code: 'usage.invalid', message: 'The schedule cannot be read, so nothing can be drawn.', hint: 'Correct it in the step Schedule.' }}
					/>
				) : (
					<ForecastChart steps={steps} retainPoints={draft.retainPoints} sourceBytes={sourceBytes} isByHand={draft.schedule === null} />
				)}
			</section>
		</div>
	);
}
