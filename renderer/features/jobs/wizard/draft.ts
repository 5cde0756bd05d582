import { type DraftProblems, type JobSettings, type JobSummary, jobSettings, type SourceSpec, sourceSpec } from '../../../../engine/contract/index.ts';

/** The wizard fills a whole set of settings; what is not chosen yet is empty, which the engine refuses at the step concerned. */
export type Draft = JobSettings;
export type Change = (changes: Partial<Draft>) => void;

export const emptyDraft: Draft = {
	name: '',
	description: '',
	sources: [],
	machineId: null,
	mode: 'on-host',
	proxyId: null,
	exclude: [],
	repositoryId: '',
	method: 'forward',
	differential: false,
	retainPoints: 14,
	retainDays: null,
	gfs: null,
	activeFull: null,
	syntheticFull: null,
	encryptionKeyId: null,
	blockSize: '1m',
	compression: 'optimal',
	connections: 5,
	storeUnused: false,
	snapshot: 'auto',
	quiesce: 'online',
	requireConsistent: false,
	writers: [],
	guestWriters: [],
	databases: {},
	schedule: { cron: '0 22 * * *', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone },
	enabled: true,
	retryCount: 3,
	retryWaitMs: 600_000,
	recoveryPointObjectiveMs: null,
};

export const stepIds = ['name', 'what', 'where', 'chain', 'consistency', 'schedule', 'summary'] as const;
export type StepId = (typeof stepIds)[number];
export const stepTitles: Record<StepId, string> = {
	name: 'Name',
	what: 'What',
	where: 'Where',
	chain: 'Chain and retention',
	consistency: 'Consistency',
	schedule: 'Schedule',
	summary: 'Summary',
};

const fields: Record<keyof Draft, StepId> = {
	name: 'name',
	description: 'name',
	sources: 'what',
	machineId: 'what',
	exclude: 'what',
	repositoryId: 'where',
	blockSize: 'where',
	compression: 'where',
	connections: 'where',
	storeUnused: 'where',
	method: 'chain',
	differential: 'chain',
	retainPoints: 'chain',
	retainDays: 'chain',
	gfs: 'chain',
	activeFull: 'chain',
	syntheticFull: 'chain',
	encryptionKeyId: 'chain',
	snapshot: 'consistency',
	quiesce: 'consistency',
	requireConsistent: 'consistency',
	writers: 'consistency',
	guestWriters: 'consistency',
	mode: 'consistency',
	proxyId: 'consistency',
	databases: 'consistency',
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

/** `KIND:PATH`, as addresses and the command line name sources; what cannot be understood is left out. */
export const sourcesOf = (specs: readonly string[]): SourceSpec[] =>
	specs.flatMap((spec) => {
		const colon = spec.indexOf(':');
		const { data } = sourceSpec.safeParse({ kind: spec.slice(0, colon), path: spec.slice(colon + 1) });
		return data ? [data] : [];
	});

export const copyOf = ({ settings }: JobSummary): Draft => ({ ...settings, name: `${settings.name} (copy)`.slice(0, 80) });

/**
 * What the contract itself says about a draft. The router would refuse a malformed draft as a whole; so malformed fields are
 * named here and left out of what the engine is asked, which then says what only it can know.
 */
export function splitDraft(draft: Draft): { readonly wellFormed: Partial<Draft>; readonly errors: Readonly<Record<string, string>> } {
	const errors: Record<string, string> = {};
	for (const { path, message } of jobSettings.safeParse(draft).error?.issues ?? []) errors[path.join('.')] ??= message;
	const malformed = new Set(Object.keys(errors).map((field) => field.split('.')[0]));
	return { wellFormed: Object.fromEntries(Object.entries(draft).filter(([field]) => !malformed.has(field))), errors };
}
