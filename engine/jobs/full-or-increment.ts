/** Whether a run begins a new chain. Pure. */
import { EngineError } from '../base/index.ts';
import type { JobSettings, RepositorySettings, Schedule, SourceSpec } from '../contract/index.ts';
import type { ChainRecord } from './ports.ts';
import { DAY_MS } from './retention.ts';
import { parseSchedule } from './schedule.ts';
import { sourceKey } from './source-key.ts';

export type PlannedMode = { readonly requested: 'full' | 'synthetic' | 'increment'; readonly reason: string };
export type AskedFull = 'active' | 'synthetic' | null;
/** A full outside of the job's chains (JOB-08): kept until a time of its own, or until it is removed by hand. */
export type AskedAdHoc = { readonly keepUntil: number | null };

const conflict = (field: string, message: string, hint: string): EngineError => new EngineError('usage.conflict', message, { hint, data: { field } });

/** Refuses settings that exclude each other, naming the field. Called when a job is saved and again when it runs. */
export function refuseConflicts(settings: Pick<JobSettings, 'method' | 'differential' | 'syntheticFull' | 'gfs'>, full: AskedFull): void {
	if (settings.method === 'forward') return;
	const name = `The method “${settings.method}”`;
	if (settings.differential)
		throw conflict('differential', `${name} has no differentials: they are a way of forward incremental.`, 'Switch one of the two off.');
	if (settings.syntheticFull !== null)
		throw conflict('syntheticFull', `${name} has no synthetic fulls: it keeps one full up to date.`, 'Take the schedule for synthetic fulls away.');
	if (settings.gfs !== null)
		throw conflict('gfs', `${name} has no archive fulls: they are fulls of forward incremental.`, 'Use forward incremental with a schedule for fulls.');
	if (full === 'synthetic') throw conflict('full', `${name} has no synthetic fulls.`, 'Run an active full instead.');
}

/** Of all chains of a job, the one that a run of these objects goes on with, if its method is still that of the job. */
export function findCurrentChain<Chain extends Pick<ChainRecord, 'id' | 'createdAt' | 'objects' | 'points' | 'adHoc'>>(
	chains: readonly Chain[],
	objects: readonly SourceSpec[],
	{ singleFile }: Pick<RepositorySettings, 'singleFile'>,
): Chain | undefined {
	const keys = new Set(objects.map(sourceKey));
	return chains
		.filter((chain) => !chain.adHoc && (singleFile || chain.objects.some((object) => keys.has(sourceKey(object)))))
		.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
		.at(-1);
}

export type ModeFacts = {
	readonly settings: Pick<JobSettings, 'method' | 'activeFull' | 'syntheticFull' | 'machineId'>;
	/** The newest chain of the run's objects, if there is one. */
	readonly current: Pick<ChainRecord, 'createdAt' | 'method' | 'objects' | 'keyId' | 'machine'> | undefined;
	/** The key that the job's chains get; null: not encrypted. */
	readonly keyId: string | null;
	readonly objects: readonly SourceSpec[];
	readonly singleFile: boolean;
	/** Only some objects of the job run: in a single-file chain that begins no new chain for the sake of a schedule, which would leave the others out. */
	readonly isPartial?: boolean;
	readonly askedFull: AskedFull;
	readonly nowMs: number;
};

export function planMode({ settings, keyId, current, objects, singleFile, isPartial = false, askedFull, nowMs }: ModeFacts): PlannedMode {
	if (askedFull === 'active') return { requested: 'full', reason: 'A full was asked for.' };
	if (current !== undefined && current.method !== settings.method)
		return { requested: 'full', reason: `The method of the job was changed from ${current.method} to ${settings.method}.` };
	if (current !== undefined && current.keyId !== keyId) return { requested: 'full', reason: encryptionReason(current.keyId, keyId) };
	if (current !== undefined && (current.machine?.id ?? null) !== settings.machineId)
		return { requested: 'full', reason: `The sources lie on another machine than before${current.machine ? ` (${current.machine.name})` : ''}.` };
	const fits = current === undefined || (singleFile ? current.objects.length > 1 || objects.length === 1 : current.objects.length === 1);
	if (!fits) return { requested: 'full', reason: `The repository keeps ${singleFile ? 'all objects in one chain' : 'a chain per object'} now.` };
	if (askedFull === 'synthetic') return { requested: 'synthetic', reason: 'A synthetic full was asked for.' };
	if (current === undefined || (singleFile && isPartial)) return { requested: 'increment', reason: '' };
	const activeDue = dueSince(settings.activeFull, current.createdAt, nowMs);
	if (activeDue !== null) return { requested: 'full', reason: `The active full planned for ${new Date(activeDue).toISOString()} was due.` };
	const syntheticDue = dueSince(settings.syntheticFull, current.createdAt, nowMs);
	if (syntheticDue !== null) return { requested: 'synthetic', reason: `The synthetic full planned for ${new Date(syntheticDue).toISOString()} was due.` };
	return { requested: 'increment', reason: '' };
}

const encryptionReason = (before: string | null, now: string | null): string =>
	now === null ? 'Encryption was switched off.' : before === null ? 'Encryption was switched on.' : 'The job has another encryption key now.';

function dueSince(schedule: Schedule | null, sinceMs: number, nowMs: number): number | null {
	if (schedule === null) return null;
	const due = parseSchedule(schedule, nowMs).before(nowMs);
	return due === null || due <= sinceMs ? null : due;
}

/** Forward incremental without a schedule for fulls: a chain is renewed when it alone satisfies the retention, by points and by days. */
export function renewAfterPoints(
	settings: Pick<JobSettings, 'method' | 'activeFull' | 'syntheticFull' | 'retainPoints' | 'retainDays'>,
	current: Pick<ChainRecord, 'createdAt'> | undefined,
	nowMs: number,
): number | null {
	if (settings.method !== 'forward' || settings.activeFull !== null || settings.syntheticFull !== null) return null;
	if (settings.retainDays !== null && (current === undefined || nowMs - current.createdAt < settings.retainDays * DAY_MS)) return null;
	return settings.retainPoints;
}
