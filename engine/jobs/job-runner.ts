import { type Clock, EngineError, type Log } from '../base/index.ts';
import type { Configuration, Entity, StoredSession } from '../config/index.ts';
import type { JobSettings, RepositorySettings, SourceSpec } from '../contract/index.ts';
import { type BackupParts, runBackup } from './backup.ts';
import { type AskedAdHoc, type AskedFull, refuseConflicts } from './full-or-increment.ts';
import type { LiveSession } from './live-session.ts';
import { covers } from './machine-objects.ts';
import type { ChainRecord, ChainStore } from './ports.ts';
import { cleanUpAfter, endInterruptedSessions } from './recovery.ts';
import type { Sessions } from './sessions.ts';
import { sourceKey, sourceName } from './source-key.ts';
import type { DueRun } from './timetable.ts';

/** What a backup session was asked; kept with it, so that a retry knows. */
export type BackupInput = { readonly kind: 'backup'; readonly objects: readonly SourceSpec[] } & Asked;
type Asked = { readonly full: AskedFull; readonly adHoc?: AskedAdHoc | undefined };

export type RunWish = {
	readonly adHoc?: AskedAdHoc | undefined;
	/** Objects as people write them (`folder:/etc`): only these are run, the others keep their points. Absent: all of the job. */
	readonly objects?: readonly string[] | undefined;
};

export interface JobRunner {
	/** By hand. `not-found.job`, `busy.job`, `usage.conflict`, `usage.invalid` for an object that the job has not or a date that has passed. */
	run(jobId: string, full: AskedFull, wish?: RunWish): Promise<LiveSession>;
	/** By the timetable. */
	runDue(job: Entity<JobSettings>, due: DueRun): Promise<LiveSession>;
	/** Once more, for the objects that have no point from the given session and are still in the job. */
	retry(failed: StoredSession): Promise<LiveSession>;
	/**
	 * Called once, before anything runs: ends the sessions that another engine left, and begins to clean up after them.
	 * A job starts only after its own clean-up. Returns the sessions that were ended.
	 */
	recover(): Promise<StoredSession[]>;
	/** Resolves when the clean-up that `recover` began for a job is over. Never rejects. */
	cleanedUp(jobId: string): Promise<void>;
}

export type JobRunnerParts = Omit<BackupParts, 'usage' | 'health'> & {
	readonly config: Configuration<ChainRecord>;
	readonly sessions: Sessions;
	readonly chainStore: ChainStore;
	readonly clock: Clock;
	readonly log: Log;
};

export function createJobRunner(parts: JobRunnerParts): JobRunner {
	const { config, sessions, chainStore, clock, log } = parts;
	const cleanUps = new Map<string, Promise<void>>();

	type Start = {
		readonly objects: readonly SourceSpec[];
		readonly asked: Asked;
		readonly trigger: LiveSession['spec']['trigger'];
		readonly attempt: number;
	};
	async function start(job: Entity<JobSettings>, { objects, asked, trigger, attempt }: Start): Promise<LiveSession> {
		refuseConflicts(job.settings, asked.full);
		const { repositoryId, machineId } = job.settings;
		const repository = await config.repositories.get(repositoryId);
		const machine = machineId === null ? null : await parts.machines.get(machineId);
		const { processing } = (await config.serverSettings.get()).settings;
		const input: BackupInput = { kind: 'backup', objects, ...asked };
		return sessions.start(
			{
				kind: 'backup',
				jobId: job.id,
				title: job.settings.name,
				trigger,
				attempt,
				input,
				objects: objects.map((object) => ({ object: sourceKey(object), name: sourceName(object, machine) })),
			},
			async (session) => {
				await cleanUps.get(job.id);
				await runBackup({ ...parts, usage: config.usage, health: config.health }, { job, repository, machine, objects, processing, ...asked }, session);
			},
		);
	}

	/** The job with the virtual machines that fit its patterns now. */
	async function concrete(job: Entity<JobSettings>): Promise<Entity<JobSettings>> {
		return { ...job, settings: { ...job.settings, sources: [...(await parts.snapshots.concrete(job.settings.sources))] } };
	}

	/** The objects of a session that made no point, as far as the job still has them. */
	function objectsWithoutPoint(failed: StoredSession, settings: JobSettings): SourceSpec[] {
		const done = new Set(failed.tasks.filter(({ pointId }) => pointId !== null).map(({ object }) => object));
		const asked = failed.tasks.map(({ object }) => object);
		// what was asked for may have been a pattern, if nobody could say then which machines fit it
		const wasAsked = (source: SourceSpec): boolean =>
			asked.some((object) => object === sourceKey(source) || (object.startsWith('vm:') && covers({ kind: 'vm', path: object.slice(3) }, sourceKey(source))));
		return settings.sources.filter((source) => wasAsked(source) && !done.has(sourceKey(source)));
	}

	return {
		async run(jobId, full, { objects, adHoc } = {}) {
			const job = await concrete(await config.jobs.get(jobId));
			const repository = await config.repositories.get(job.settings.repositoryId);
			refuseWish(job.settings, repository.settings, { full, objects, adHoc }, clock.now());
			const chosen = job.settings.sources.filter((source) => objects?.includes(sourceKey(source)) ?? true);
			return start(job, { objects: chosen, asked: { full, adHoc }, trigger: 'manual', attempt: 1 });
		},
		async runDue(due, { trigger, attempt, failedSessionId }) {
			const job = await concrete(due);
			const failed = failedSessionId === null ? null : await config.sessions.get(failedSessionId).catch(() => null); // Forgotten meanwhile: all objects then.
			const objects = failed === null ? [] : objectsWithoutPoint(failed, job.settings);
			return start(job, { objects: objects.length > 0 ? objects : job.settings.sources, asked: askedOf(failed), trigger, attempt });
		},
		async retry(failed) {
			if (failed.jobId === null)
				throw new EngineError('not-found.job', `The job “${failed.title}” does not exist any more.`, { data: { sessionId: failed.id } });
			const job = await concrete(await config.jobs.get(failed.jobId));
			const objects = objectsWithoutPoint(failed, job.settings);
			if (objects.length === 0) {
				throw new EngineError('usage.invalid', 'Nothing of this session is left to retry: every object has its restore point, or has left the job.', {
					hint: 'Run the job instead.',
				});
			}
			return start(job, { objects, asked: askedOf(failed), trigger: 'manual', attempt: failed.attempt + 1 });
		},
		async recover() {
			const ended = await endInterruptedSessions(config.sessions, clock);
			const repositories = new Map((await config.repositories.list()).map((repository) => [repository.id, repository]));
			for (const job of await config.jobs.list()) {
				const repository = repositories.get(job.settings.repositoryId);
				if (repository === undefined) continue;
				const session = ended.findLast(({ kind, jobId }) => kind === 'backup' && jobId === job.id);
				cleanUps.set(job.id, cleanUpAfter({ chainStore, sessions: config.sessions, clock, log }, job, repository, session));
			}
			return ended;
		},
		cleanedUp: async (jobId) => cleanUps.get(jobId),
	};
}

/** What a session was asked, as far as it can be read. */
function askedOf(session: StoredSession | null): Asked {
	const { full, adHoc }: Partial<Asked> = typeof session?.input === 'object' && session.input !== null ? session.input : {};
	return { full: full === 'active' || full === 'synthetic' ? full : null, adHoc: adHoc && { keepUntil: adHoc.keepUntil ?? null } };
}

const refused = (code: 'usage.conflict' | 'usage.invalid', field: string, message: string, hint: string): EngineError =>
	new EngineError(code, message, { hint, data: { field } });

function refuseWish(settings: JobSettings, { singleFile }: RepositorySettings, { objects, full, adHoc }: RunWish & Asked, nowMs: number): void {
	const known = settings.sources.map(sourceKey);
	const unknown = objects?.find((object) => !known.includes(object));
	if (unknown !== undefined) {
		throw refused('usage.invalid', 'objects', `The job “${settings.name}” does not protect ${unknown}.`, `It protects ${known.join(', ')}.`);
	}
	if (objects?.length === 0) throw refused('usage.invalid', 'objects', 'No object was chosen.', `The job protects ${known.join(', ')}.`);
	if (adHoc !== undefined && full !== null)
		throw refused('usage.conflict', 'adHoc', 'A full outside of the chain and a full that begins a new chain exclude each other.', 'Ask for one of the two.');
	if (adHoc !== undefined && adHoc.keepUntil !== null && adHoc.keepUntil <= nowMs) {
		throw refused(
			'usage.invalid',
			'keepUntil',
			`${new Date(adHoc.keepUntil).toISOString()} has passed: the full would not be kept at all.`,
			'Name a later date.',
		);
	}
	if (full !== null && singleFile && objects !== undefined && new Set(objects).size < known.length) {
		throw refused(
			'usage.conflict',
			'objects',
			'The repository keeps all objects of a job in one chain: a full of some of them would begin a chain without the others.',
			'Run the full without naming objects, or run these as an increment or as an ad-hoc full.',
		);
	}
}
