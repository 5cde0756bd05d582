import { NumberInput, Select, Switch } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { errorShapeOf, useTRPC } from '../../../client.ts';
import { formatWeekdayTime, plural } from '../../../ui/index.ts';
import { emptyDraft } from './draft.ts';
import type { StepProps } from './job-wizard.tsx';
import { SchedulePicker } from './schedule-picker.tsx';
import { WeekCalendar } from './week-calendar.tsx';
import classes from './wizard.module.css';

const weekMs = 7 * 86_400_000;
const maxOthers = 60;
const objectives = [1, 4, 8, 12, 24, 36, 48, 72, 168];

export function StepSchedule({ draft, change, errors, jobId }: StepProps): ReactNode {
	const trpc = useTRPC();
	const [from] = useState(Date.now);
	const runs = useQuery(
		trpc.jobs.nextRuns.queryOptions({ schedule: draft.schedule ?? { cron: '', timeZone: '' }, count: 200 }, { enabled: draft.schedule !== null, staleTime: 0 }),
	);
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const others = useMemo(
		() =>
			(jobs.data ?? []).flatMap(({ id, settings }) =>
				id !== jobId && settings.enabled && settings.schedule ? [{ name: settings.name, schedule: settings.schedule }] : [],
			),
		[jobs.data, jobId],
	);
	const othersRuns = useQueries({
		queries: others.slice(0, maxOthers).map(({ schedule }) => trpc.jobs.nextRuns.queryOptions({ schedule, count: 60 }, { staleTime: 600_000 })),
		combine: (results) => results.map(({ data }) => data),
	});
	const marks = useMemo(
		() => others.slice(0, maxOthers).flatMap(({ name }, i) => (othersRuns[i] ?? []).filter((at) => at < from + weekMs).map((at) => ({ at, name }))),
		[others, othersRuns, from],
	);
	const own = draft.schedule === null ? [] : (runs.data ?? []);
	const refused = draft.schedule !== null && runs.error ? errorShapeOf(runs.error).message : undefined;
	return (
		<div className={classes.form} data-wide>
			<Switch
				label="Run by schedule"
				checked={draft.schedule !== null}
				onChange={(event) => change({ schedule: event.currentTarget.checked ? emptyDraft.schedule : null })}
			/>
			{draft.schedule === null ? (
				<div className={classes.hint}>
					It runs only when somebody starts it. Nobody is told when its newest restore point grows old, unless an objective is set below.
				</div>
			) : (
				<SchedulePicker value={draft.schedule} onChange={(schedule) => change({ schedule })} error={errors.schedule ?? refused} />
			)}
			{draft.schedule !== null && (
				<section aria-label="The coming week">
					<div className={classes.chartHead}>
						<h3>The coming week</h3>
						<span className={classes.legend}>
							<i data-own /> this job <i /> other jobs{others.length > maxOthers ? ` (${maxOthers} of ${others.length})` : ''}
						</span>
					</div>
					<WeekCalendar from={from} own={own} others={marks} />
					<div className={classes.hint}>{own.length === 0 ? '' : `Next: ${own.slice(0, 5).map(formatWeekdayTime).join(' · ')}`}</div>
				</section>
			)}
			<div className={classes.pair}>
				<NumberInput
					label="Try again after a failure"
					description={draft.retryCount === 0 ? 'No second try.' : `${plural(draft.retryCount, 'time')}, each after a pause.`}
					min={0}
					max={10}
					value={draft.retryCount}
					onChange={(value) => typeof value === 'number' && change({ retryCount: value })}
					error={errors.retryCount}
				/>
				<NumberInput
					label="Pause before each try"
					description="Minutes"
					min={0}
					max={1440}
					disabled={draft.retryCount === 0}
					value={draft.retryWaitMs / 60_000}
					onChange={(value) => typeof value === 'number' && change({ retryWaitMs: value * 60_000 })}
					error={errors.retryWaitMs}
				/>
				<Select
					label="Recovery point objective"
					description="From this age on the newest point is too old."
					data={[
						{ value: '', label: 'From the schedule' },
						...objectives.map((hours) => ({ value: String(hours), label: hours < 48 ? plural(hours, 'hour') : plural(hours / 24, 'day') })),
					]}
					value={draft.recoveryPointObjectiveMs === null ? '' : String(draft.recoveryPointObjectiveMs / 3_600_000)}
					onChange={(hours) => change({ recoveryPointObjectiveMs: hours ? Number(hours) * 3_600_000 : null })}
					allowDeselect={false}
				/>
			</div>
		</div>
	);
}
