import type { DraftProblems, JobSettings, JobSummary } from '../../../../engine/contract/index.ts';

/** The wizard fills a whole set of settings; what is not chosen yet is empty, which the engine refuses at the step concerned. */
export type Draft = JobSettings;
export type Change = (changes: Partial<Draft>) => void;

export const emptyDraft: Draft = {
	name: '',
	description: '',
	sources: [],
	exclude: [],
	repositoryId: '',
	method: 'forward',
	retainPoints: 14,
	activeFull: null,
	blockSize: '1m',
	compression: 'optimal',
	schedule: { cron: '0 22 * * *', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone },
	enabled: true,
	retryCount: 3,
	retryWaitMs: 600_000,
	recoveryPointObjectiveMs: null,
};

export const stepIds = ['name', 'what', 'where', 'chain', 'schedule', 'summary'] as const;
export type StepId = (typeof stepIds)[number];
export const stepTitles: Record<StepId, string> = {
	name: 'Name',
	what: 'What',
	where: 'Where',
	chain: 'Chain and retention',
	schedule: 'Schedule',
	summary: 'Summary',
};

const fields: Record<keyof Draft, StepId> = {
	name: 'name',
	description: 'name',
	sources: 'what',
	exclude: 'what',
	repositoryId: 'where',
	blockSize: 'where',
	compression: 'where',
	method: 'chain',
	retainPoints: 'chain',
	activeFull: 'chain',
	schedule: 'schedule',
	enabled: 'schedule',
	retryCount: 'schedule',
	retryWaitMs: 'schedule',
	recoveryPointObjectiveMs: 'schedule',
};

/** A field of the problems (`sources.0.path`) belongs to the step that asks for it; an unknown one is shown at the end. */
export const stepOf = (field: string): StepId => fields[field.split('.')[0] as keyof Draft] ?? 'summary';

export const errorsOf = (problems: DraftProblems | null, step: StepId): string[] =>
	Object.keys(problems?.errors ?? {}).filter((field) => stepOf(field) === step);

/** Fields in which two sets of settings differ, in the order of the wizard. */
export const differingFields = (a: JobSettings, b: JobSettings): (keyof Draft)[] =>
	(Object.keys(fields) as (keyof Draft)[]).filter((field) => JSON.stringify(a[field]) !== JSON.stringify(b[field]));

export const copyOf = ({ settings }: JobSummary): Draft => ({ ...settings, name: `${settings.name} (copy)`.slice(0, 80) });
