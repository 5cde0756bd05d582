import { NumberInput, Radio, Slider, Switch } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useRef, useState } from 'react';
import { type ChainMethod, chainMethod, type GfsCounts, type GfsFlag, gfsFlag, type Schedule } from '../../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../../client.ts';
import { ErrorPanel } from '../../../ui/index.ts';
import { methodWords, renewalText } from '../job-words.ts';
import { type Draft, splitDraft } from './draft.ts';
import { readForecast } from './forecast.ts';
import { ForecastChart } from './forecast-chart.tsx';
import type { StepProps } from './job-wizard.tsx';
import { SchedulePicker } from './schedule-picker.tsx';
import classes from './wizard.module.css';

const dayMs = 86_400_000;
const horizonDays = 56;
/** What a full takes in the repository, as a share of the source: a guess for ordinary data under the default compression. */
const storedShare = 0.5;

const methods: Record<ChainMethod, { readonly does: string; readonly costs: string }> = {
	forward: {
		does: 'A full, then increments with what has changed; from time to time a new full begins a new chain, and the old one goes as a whole.',
		costs: '1 write per changed block; room for two fulls while chains overlap',
	},
	'forever-forward': {
		does: 'One full, then increments for ever; what is too old is merged into the full, so there is never a second one.',
		costs: '1 write per changed block, then about 1 read and 1 write at the merge',
	},
	reverse: {
		does: 'The full is always the newest state, so that restoring it is fastest; each run puts what it replaces into a file for the older one.',
		costs: 'about 1 read and 2 writes per changed block, during the run',
	},
};

export function StepChain({ draft, change, errors, warnings, jobId }: StepProps): ReactNode {
	const { method } = draft;
	const isForward = method === 'forward';
	// What only forward incremental has comes back when somebody looks at another method and returns.
	const forwardOnly = useRef<Pick<Draft, 'differential' | 'syntheticFull' | 'gfs'>>(draft);
	const choose = (next: ChainMethod): void => {
		if (isForward) forwardOnly.current = draft;
		const { differential, syntheticFull, gfs } = forwardOnly.current;
		change({ method: next, ...(next === 'forward' ? { differential, syntheticFull, gfs } : { differential: false, syntheticFull: null, gfs: null }) });
	};
	return (
		<div className={classes.form} data-wide>
			<Radio.Group
				label="Method"
				description="How the chain of backup files grows. Restoring works the same with each."
				value={method}
				onChange={(value) => choose(value as ChainMethod)}
				error={errors.method ?? (isForward ? undefined : (errors.differential ?? errors.syntheticFull ?? errors.gfs))}
			>
				<div className={classes.repositories}>
					{chainMethod.options.map((each) => (
						<Radio.Card key={each} value={each} className={classes.repository ?? ''} data-chosen={each === method || undefined}>
							<Radio.Indicator size="xs" />
							<span className={classes.repositoryText}>
								<strong>{methodWords[each]}</strong>
								<span>{methods[each].does}</span>
								<span className={classes.cost}>Costs {methods[each].costs}.</span>
							</span>
						</Radio.Card>
					))}
				</div>
			</Radio.Group>
			<div className={classes.switches}>
				{isForward && (
					<Switch
						label="Differential: each increment holds all that changed since the full"
						description="A restore needs two files at most; increments grow until the next full."
						checked={draft.differential}
						onChange={(event) => change({ differential: event.currentTarget.checked })}
						error={errors.differential}
					/>
				)}
				{isForward && (
					<FullSwitch
						label="Synthetic full at set times"
						description="Begins a new chain with a full put together from the present one; reads only changes from the source."
						value={draft.syntheticFull}
						onChange={(syntheticFull) => change({ syntheticFull })}
						error={errors.syntheticFull}
						zone={draft.schedule?.timeZone}
					/>
				)}
				<FullSwitch
					label="Active full at set times"
					description="Begins a new chain with a full that reads the whole source again."
					value={draft.activeFull}
					onChange={(activeFull) => change({ activeFull })}
					error={errors.activeFull}
					zone={draft.schedule?.timeZone}
				/>
				<div className={classes.hint}>{renewalText(draft)}.</div>
			</div>
			<Retention draft={draft} change={change} errors={errors} warnings={warnings} />
			<Outlook draft={draft} jobId={jobId} />
		</div>
	);
}

function FullSwitch({
	label,
	description,
	value,
	onChange,
	error,
	zone = Intl.DateTimeFormat().resolvedOptions().timeZone,
}: {
	readonly label: string;
	readonly description: string;
	readonly value: Schedule | null;
	readonly onChange: (value: Schedule | null) => void;
	readonly error: string | undefined;
	readonly zone: string | undefined;
}): ReactNode {
	return (
		<div>
			<Switch
				label={label}
				description={description}
				checked={value !== null}
				onChange={(event) => onChange(event.currentTarget.checked ? { cron: '0 20 * * 6', timeZone: zone } : null)}
			/>
			{value && (
				<div className={classes.indent}>
					<SchedulePicker value={value} onChange={onChange} kinds={['weekly', 'daily', 'custom']} error={error} />
				</div>
			)}
		</div>
	);
}

const gfsLabels: Record<GfsFlag, string> = { weekly: 'Weekly', monthly: 'Monthly', yearly: 'Yearly' };
const noGfs: GfsCounts = { weekly: 0, monthly: 0, yearly: 0 };

function Retention({ draft, change, errors, warnings }: Pick<StepProps, 'draft' | 'change' | 'errors' | 'warnings'>): ReactNode {
	const setGfs = (flag: GfsFlag, count: number): void => {
		const gfs = { ...(draft.gfs ?? noGfs), [flag]: count };
		change({ gfs: gfsFlag.options.every((each) => gfs[each] === 0) ? null : gfs });
	};
	return (
		<>
			<div className={classes.numbers}>
				<NumberInput
					label="Restore points to keep, of each object"
					description="The newest ones."
					min={1}
					max={9999}
					value={draft.retainPoints}
					onChange={(value) => typeof value === 'number' && change({ retainPoints: value })}
					error={errors.retainPoints}
				/>
				<NumberInput
					label="And all that are younger than"
					description="A point goes when both rules let it go."
					placeholder="any age"
					suffix={draft.retainDays === 1 ? ' day' : ' days'}
					min={1}
					max={9999}
					value={draft.retainDays ?? ''}
					onChange={(value) => change({ retainDays: typeof value === 'number' ? value : null })}
					error={errors.retainDays}
				/>
			</div>
			{draft.method === 'forward' && (
				<fieldset className={classes.gfs}>
					<legend>Archive fulls to keep beyond that (GFS)</legend>
					<div className={classes.hint}>The first full of so many of the newest weeks, months and years. 0 keeps none.</div>
					<div className={classes.numbers}>
						{gfsFlag.options.map((flag) => (
							<NumberInput
								key={flag}
								label={gfsLabels[flag]}
								min={0}
								max={9999}
								value={draft.gfs?.[flag] ?? 0}
								onChange={(value) => typeof value === 'number' && setGfs(flag, value)}
								error={errors[`gfs.${flag}`]}
							/>
						))}
					</div>
					{errors.gfs && (
						<div className={classes.problem} role="alert">
							{errors.gfs}
						</div>
					)}
					{warnings.gfs && <div className={classes.warning}>{warnings.gfs}</div>}
				</fieldset>
			)}
		</>
	);
}

/** The engine says what the coming runs make and remove; sizes are those of earlier runs, else guessed from the sources. */
function Outlook({ draft, jobId }: Pick<StepProps, 'draft' | 'jobId'>): ReactNode {
	const trpc = useTRPC();
	const [changePercent, setChangePercent] = useState(4);
	const [openedAt] = useState(Date.now);
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const hasRun = jobs.data?.some(({ id, pointCount }) => id === jobId && pointCount > 0) ?? false;
	const sizes = useQueries({
		queries: draft.sources.map((source) => trpc.places.measure.queryOptions({ source }, { staleTime: Number.POSITIVE_INFINITY, enabled: !hasRun })),
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
