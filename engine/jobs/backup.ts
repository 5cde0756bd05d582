/** The backup of a job: one run per object, or one for all objects where the repository keeps single-file chains. */
import { stat } from 'node:fs/promises';
import { type Clock, EngineError, type Log, systemErrorCode, toErrorShape } from '../base/index.ts';
import type { Entity, UsageStore } from '../config/index.ts';
import { blockSizes, type ErrorShape, isFinal, type JobSettings, type RepositorySettings, type SourceSpec } from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainUse } from './chain-use.ts';
import { planMode, refuseUnsupported, renewAfterPoints } from './full-or-increment.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import type { BackupRun, ChainRecord, ChainStore, DataPlane } from './ports.ts';
import { currentChainIds, planRetention } from './retention.ts';
import type { TaskSlots } from './slots.ts';
import { sourceKey } from './source-key.ts';
import { checkRoom } from './space-check.ts';

export type BackupParts = {
	readonly plane: DataPlane;
	readonly chainStore: ChainStore;
	readonly catalogue: Catalogue;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	readonly usage: UsageStore;
	readonly clock: Clock;
	readonly log: Log;
};

export type BackupRequest = {
	readonly job: Entity<JobSettings>;
	readonly repository: Entity<RepositorySettings>;
	/** All sources of the job, or those that failed before. */
	readonly objects: readonly SourceSpec[];
	readonly full: 'active' | 'synthetic' | null;
};

type Run = { readonly objects: readonly SourceSpec[]; readonly tasks: readonly LiveTask[] };

const startWords: Readonly<Record<LiveSession['spec']['trigger'], string>> = {
	manual: 'Started by hand.',
	schedule: 'Started by the schedule.',
	retry: 'Started again, because the run before failed.',
	'make-up': 'Started to make up for a run that was missed.',
};

const isRepositoryError = (error: ErrorShape): boolean => error.code.startsWith('repository.');

export async function runBackup(parts: BackupParts, request: BackupRequest, session: LiveSession): Promise<void> {
	const { job, repository } = request;
	refuseUnsupported(job.settings, request.full);
	session.note('info', startWords[session.spec.trigger]);
	const known = await parts.catalogue.view(repository.id);
	const { chains } = known.error === null ? known : await parts.catalogue.refresh(repository.id);
	const jobChains = chains.filter((chain) => chain.job.id === job.id);
	const runs = await splitIntoRuns(request, session);

	// The first trouble with the repository: what has not begun by then is not tried.
	let repositoryError: ErrorShape | null = null;
	await Promise.all(
		runs.map(async (run) => {
			try {
				using _slot = await parts.slots.take(repository.id, repository.settings.maxTasks, { signal: session.signal });
				session.signal.throwIfAborted();
				if (repositoryError !== null) return giveUp(run, repositoryError);
				session.begin();
				await performRun(parts, request, run, jobChains, session);
			} catch (error) {
				const shape = toErrorShape(error);
				if (session.signal.aborted) return cancelAll(run);
				if (shape.code === 'internal') parts.log.error({ err: error, sessionId: session.id, jobId: job.id }, 'A backup run failed unexpectedly.');
				if (isRepositoryError(shape)) repositoryError ??= shape;
				for (const task of run.tasks) if (!isFinal(task.state)) task.fail(shape);
			}
		}),
	);
	await tidyUp(parts, request, session);
}

function giveUp(run: Run, cause: ErrorShape): void {
	for (const task of run.tasks)
		task.fail({ ...cause, message: `Not tried, because the repository failed: ${cause.message}`, data: { ...cause.data, notTried: true } });
}

function cancelAll(run: Run): void {
	for (const task of run.tasks) task.cancel();
}

/** In a single-file chain one missing source would spoil the run of all others, so it is left out beforehand. */
async function splitIntoRuns({ objects, repository }: BackupRequest, session: LiveSession): Promise<Run[]> {
	const pairs = objects.map((object, i) => ({ object, task: session.tasks[i] as LiveTask }));
	if (!repository.settings.singleFile) return pairs.map(({ object, task }) => ({ objects: [object], tasks: [task] }));
	const present: typeof pairs = [];
	for (const pair of pairs) {
		const problem = await missingSource(pair.object);
		if (problem === null) present.push(pair);
		else pair.task.fail(problem);
	}
	return present.length === 0 ? [] : [{ objects: present.map(({ object }) => object), tasks: present.map(({ task }) => task) }];
}

async function missingSource({ path }: SourceSpec): Promise<ErrorShape | null> {
	try {
		await stat(path);
		return null;
	} catch (error) {
		if (systemErrorCode(error) !== 'ENOENT' && systemErrorCode(error) !== 'ENOTDIR') return null; // The data plane says it better.
		return new EngineError('source.missing', `The source ${path} does not exist.`, { hint: 'Bring it back, or take it out of the job.', data: { path } }).shape;
	}
}

async function performRun(parts: BackupParts, request: BackupRequest, run: Run, jobChains: readonly ChainRecord[], session: LiveSession): Promise<void> {
	const { plane, chainStore, clock } = parts;
	const { job, repository } = request;
	const { settings } = job;
	const keys = new Set(run.objects.map(sourceKey));
	const ofRun = jobChains.filter((chain) => chain.objects.some((object) => keys.has(sourceKey(object))));
	const current = ofRun.find(({ id }) => currentChainIds(ofRun).has(id));
	const { requested, reason } = planMode(settings, current, request.full, clock.now());
	for (const task of run.tasks) task.start({ requested, actual: requested, reason });

	const { freeBytes } = await chainStore.space(repository.settings.path);
	const warning = checkRoom({ freeBytes, requested, chains: ofRun, repository: repository.settings });
	if (warning !== null) session.note('warning', warning, 'repository.full');

	const backupRun: BackupRun = {
		repositoryPath: repository.settings.path,
		job: { id: job.id, name: settings.name },
		sessionId: session.id,
		objects: run.objects,
		exclude: settings.exclude,
		method: settings.method,
		singleFile: repository.settings.singleFile,
		differential: false,
		blockSizeBytes: blockSizes[settings.blockSize],
		compression: settings.compression,
		requested,
		reason,
		renewAfterPoints: renewAfterPoints(settings),
		readLimit: repository.settings.readLimit,
		writeLimit: repository.settings.writeLimit,
	};
	const outcomes = await plane.backUp(backupRun, run.tasks, { signal: session.signal });
	for (const [i, task] of run.tasks.entries()) {
		const outcome = outcomes[i];
		if (outcome === undefined) throw new Error(`Defect: no outcome for ${task.object}`);
		task.info([outcome.mode.actual === 'full' ? 'Full.' : 'Increment.', outcome.mode.reason].filter(Boolean).join(' '));
		task.succeed(outcome);
	}
}

/** Retention and book-keeping. Its failures are noted and do not spoil the points that were made. */
async function tidyUp(parts: BackupParts, request: BackupRequest, session: LiveSession): Promise<void> {
	const { catalogue, usage, clock } = parts;
	const { job, repository } = request;
	const made = session.tasks.filter(({ state }) => isFinal(state) && (state === 'success' || state === 'warning'));
	if (made.length === 0) return;
	try {
		const view = await catalogue.refresh(repository.id);
		const removed = await applyRetention(parts, request, view.chains, session);
		const { chains } = removed > 0 ? await catalogue.refresh(repository.id) : view;
		await usage.put(repository.id, { at: clock.now(), usedBytes: usedBytes(chains) });
	} catch (error) {
		const { message, code } = toErrorShape(error);
		session.note('warning', `Retention did not finish and continues after the next run: ${message}`, code);
		parts.log.warn({ err: error, sessionId: session.id, jobId: job.id }, 'Retention did not finish.');
	}
}

async function applyRetention(
	{ chainStore, chainUse }: BackupParts,
	{ job, repository }: BackupRequest,
	chains: readonly ChainRecord[],
	session: LiveSession,
): Promise<number> {
	const jobChains = chains.filter((chain) => chain.job.id === job.id);
	let removed = 0;
	for (const chainId of planRetention(jobChains, job.settings.retainPoints).remove) {
		if (session.signal.aborted) break;
		const chain = jobChains.find(({ id }) => id === chainId) as ChainRecord;
		using permission = chainUse.tryRemove(chainId);
		if (permission === undefined) {
			session.note('info', `The outdated chain of ${new Date(chain.createdAt).toISOString()} is being read; it is removed after the next run.`);
			// Removing a newer one first would leave a gap in the history.
			break;
		}
		await chainStore.removeChain(repository.settings.path, chainId);
		removed++;
		session.note(
			'info',
			`Retention removed the chain of ${new Date(chain.createdAt).toISOString()} with ${chain.points.length} restore points of ${chain.objects.map(sourceKey).join(', ')}.`,
		);
	}
	return removed;
}

export const usedBytes = (chains: readonly ChainRecord[]): number =>
	chains.reduce((sum, chain) => sum + chain.files.reduce((size, file) => size + file.sizeBytes, 0), 0);
