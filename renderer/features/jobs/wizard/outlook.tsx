import { Slider } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { errorShapeOf, useTRPC } from '../../../client.ts';
import { ErrorPanel } from '../../../ui/index.ts';
import { splitDraft } from './draft.ts';
import { readForecast } from './forecast.ts';
import { ForecastChart } from './forecast-chart.tsx';
import type { StepProps } from './job-wizard.tsx';
import classes from './wizard.module.css';

const dayMs = 86_400_000;
const horizonDays = 56;
/** What a full takes in the repository, as a share of the source: a guess for ordinary data under the default compression. */
const storedShare = 0.5;

/** The engine says what the coming runs make and remove; sizes are those of earlier runs, else guessed from the sources. */
export function Outlook({ draft, jobId }: Pick<StepProps, 'draft' | 'jobId'>): ReactNode {
	const trpc = useTRPC();
	const [changePercent, setChangePercent] = useState(4);
	const [openedAt] = useState(Date.now);
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const hasRun = jobs.data?.some(({ id, pointCount }) => id === jobId && pointCount > 0) ?? false;
	const sizes = useQueries({
		queries: draft.sources.map((source) =>
			trpc.places.measure.queryOptions({ source, machineId: draft.machineId }, { staleTime: Number.POSITIVE_INFINITY, enabled: !hasRun }),
		),
	});
	const sourceBytes = sizes.reduce((sum, { data }) => sum + (data?.bytes ?? 0), 0);
	const fullBytes = hasRun ? null : Math.round(sourceBytes * storedShare);
	const question = useMemo(() => {
		const { name: _, description: _d, exclude: _e, sources, ...rest } = splitDraft(draft).wellFormed;
		return {
			// Of a job without a past one object that is as large as all of them together stands for all.
			jobId: hasRun ? jobId : null,
			draft: { ...rest, ...(hasRun && sources ? { sources } : {}) },
			runs: hasRun ? Math.max(14, Math.min(100, Math.floor(300 / draft.sources.length))) : 100,
			fullBytes,
			incrementBytes: fullBytes === null ? null : Math.round((fullBytes * changePercent) / 100),
		};
	}, [draft, hasRun, jobId, fullBytes, changePercent]);
	const [asked] = useDebouncedValue(question, 250);
	const preview = useQuery(trpc.chains.preview.queryOptions(asked, { placeholderData: keepPreviousData, retry: false }));
	const all = useMemo(() => (preview.data ? readForecast(preview.data) : []), [preview.data]);
	const steps = all.filter(({ at }) => at < openedAt + horizonDays * dayMs);
	const isWhole = preview.data === undefined || steps.length < all.length || all.length < asked.runs;
	return (
		<section aria-label="The coming weeks">
			<div className={classes.chartHead}>
				<h3>{isWhole ? `The next ${horizonDays / 7} weeks` : `The next ${steps.length} runs`}</h3>
				{!hasRun && (
					<span className={classes.slider}>
						<span id="change-per-run">Changed per run: {changePercent} %</span>
						<Slider aria-labelledby="change-per-run" size="sm" w={140} min={1} max={40} value={changePercent} onChange={setChangePercent} label={null} />
					</span>
				)}
			</div>
			{preview.error ? (
				<ErrorPanel failure={errorShapeOf(preview.error)} />
			) : (
				preview.data && (
					<ForecastChart
						steps={steps}
						method={draft.method}
						retainPoints={draft.retainPoints}
						sizesFrom={hasRun ? 'with sizes as in earlier runs' : 'if a full stores half of what it reads'}
						isDailyAssumed={preview.data.isDailyAssumed}
					/>
				)
			)}
		</section>
	);
}
