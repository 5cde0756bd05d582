/** The backup of a job: one run per object, or one for all objects where the repository keeps single-file chains. */
import { stat } from 'node:fs/promises';
import { type Clock, EngineError, type Log, systemErrorCode, toErrorShape } from '../base/index.ts';
import { isNbdUri, probeNbd } from '../block/index.ts';
import type { Entity, HealthStore, UsageStore } from '../config/index.ts';
import {
	blockSizes,
	type Damage,
	type ErrorShape,
	isFinal,
	type JobSettings,
	type Processing,
	type RepositoryLocation,
	type RepositorySettings,
	type SourceSpec,
} from '../contract/index.ts';
import { databaseRules } from '../source/index.ts';
import { applyRetention } from './apply-retention.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainSeat, ChainUse } from './chain-use.ts';
import { type AskedAdHoc, type AskedFull, findCurrentChain, type PlannedMode, planMode, refuseConflicts, renewAfterPoints } from './full-or-increment.ts';
import { keyIdFor } from './keys.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import { mendKnownDamage } from './mend-chains.ts';
import type { BackupRun, ChainRecord, ChainStore, DataPlane, JobMachines, OffHost, OffHostSession, ReadingMachine } from './ports.ts';
import { type TaskLimit, type TaskSlots, tasksInTurn, tasksOf, tasksOn } from './slots.ts';
import { sourceKey } from './source-key.ts';
import { createSourceReading, type JobSnapshots, type SourceReading } from './source-reading.ts';
import { checkRoom } from './space-check.ts';

export type BackupParts = {
	readonly plane: DataPlane;
	readonly chainStore: ChainStore;
	readonly catalogue: Catalogue;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	readonly snapshots: JobSnapshots;
	readonly machines: JobMachines;
	readonly offHost: OffHost;
	readonly usage: UsageStore;
	readonly health: HealthStore;
	readonly clock: Clock;
	readonly log: Log;
};

export type BackupRequest = {
	readonly job: Entity<JobSettings>;
	readonly repository: Entity<RepositorySettings>;
	/** That the sources lie on; null: this one. */
	readonly machine: Awaited<ReturnType<JobMachines['get']>> | null;
	/** All sources of the job, or some: those that failed before, or that were asked for. */
	readonly objects: readonly SourceSpec[];
	/** Of the objects (TASK-06). */
	readonly processing: Processing;
	readonly full: AskedFull;
	readonly adHoc?: AskedAdHoc | undefined;
};

type Run = {
	readonly objects: readonly SourceSpec[];
	readonly tasks: readonly LiveTask[];
	/** Who reads it off-host. */
	readonly proxy?: ReadingMachine | null;
	/** The machine that the host of the virtual machines is reached through. */
	readonly reader: ReadingMachine | null;
};

const startWords: Readonly<Record<LiveSession['spec']['trigger'], string>> = {
	manual: 'Started by hand.',
	schedule: 'Started by the schedule.',
	retry: 'Started again, because the run before failed.',
	'make-up': 'Started to make up for a run that was missed.',
};

const isRepositoryError = (error: ErrorShape): boolean => error.code.startsWith('repository.');

export async function runBackup(parts: BackupParts, request: BackupRequest, session: LiveSession): Promise<void> {
	const { job, repository } = request;
	refuseConflicts(job.settings, request.full);
	session.note('info', startWords[session.spec.trigger]);
	if (repository.settings.gateway !== wayTo(repository, job).gateway)
		session.note('info', 'Reverse increments change backup files in place, which one machine does: the gateway is that of the repository.');
	using stack = new DisposableStack();
	const seats = await takeSeats(parts, request, session, stack);
	const jobChains = await cleanUp(parts, request, session);
	await mendKnownDamage(parts, { repository, chains: jobChains }, seats, session);
	const runs = await splitIntoRuns(parts, request, session);
	const offHost = await beginOffHost(parts, request, session);
	await using source = createSourceReading(parts.snapshots, request, session);

	// The first trouble with the repository: what has not begun by then is not tried.
	let repositoryError: ErrorShape | null = null;
	const perform = async (run: Run): Promise<void> => {
		try {
			const plan = planRun(parts, request, run, jobChains);
			// A reverse increment changes the full in place, under whoever reads it.
			const seat = plan.current && job.settings.method === 'reverse' && plan.mode.requested === 'increment' ? seats.get(plan.current.id) : undefined;
			using _alone = await seat?.alone(waiting(session));
			const onWait = (reason: string): void => {
				for (const task of run.tasks) task.waits(reason);
			};
			const proxy = offHost?.proxy((each) => parts.slots.load(tasksOn(each))) ?? null;
			using _slot = await parts.slots.take(countedIn(request, proxy ?? run.reader), { signal: session.signal, onWait });
			session.signal.throwIfAborted();
			if (repositoryError !== null) return giveUp(run, repositoryError);
			session.begin();
			await performRun(parts, request, { ...run, proxy }, plan, session, source);
		} catch (error) {
			const shape = toErrorShape(error);
			if (session.signal.aborted) return cancelAll(run);
			if (shape.code === 'internal') parts.log.error({ err: error, sessionId: session.id, jobId: job.id }, 'A backup run failed unexpectedly.');
			if (isRepositoryError(shape)) repositoryError ??= shape;
			for (const task of run.tasks) if (!isFinal(task.state)) task.fail(shape);
		}
	};
	for (const sideBySide of runsInTurn(runs, offHost)) await Promise.all(sideBySide.map(perform));
	const isAllRead = session.tasks.every(({ state }) => state === 'success' || state === 'warning');
	await (isAllRead ? source.complete() : source[Symbol.asyncDispose]());
	await tidyUp(parts, request, seats, session);
}

/** What is asked first is what a task that waits names. @param reader another machine than the one that the sources of the job lie on */
function countedIn({ job, repository, machine, processing }: BackupRequest, reader: ReadingMachine | null): readonly TaskLimit[] {
	const working = reader ?? machine;
	return [...(processing === 'sequential' ? [tasksInTurn(job)] : []), ...(working ? [tasksOn(working)] : []), ...tasksOf(repository)];
}

const waiting = (session: LiveSession) => ({
	signal: session.signal,
	onWait: (reason: string) => session.note('info', `Waiting for ${reason} to end.`),
});

/** The seats of all chains that the job has, so that nobody else changes one of them meanwhile; the session's own steps share them. */
async function takeSeats(
	{ catalogue, chainUse }: BackupParts,
	{ job, repository }: BackupRequest,
	session: LiveSession,
	stack: DisposableStack,
): Promise<Map<string, ChainSeat>> {
	const known = await catalogue.view(repository.id);
	const { chains } = known.error === null ? known : await catalogue.refresh(repository.id);
	const seats = new Map<string, ChainSeat>();
	const ids = chains.filter((chain) => chain.job.id === job.id).map(({ id }) => id);
	for (const id of ids.sort()) seats.set(id, stack.use(await chainUse.write(id, `the backup of “${job.settings.name}”`, waiting(session))));
	return seats;
}

/** Puts right what a session that died left half done, and gives the chains of the job as they are then. */
async function cleanUp({ catalogue, chainStore, log }: BackupParts, { job, repository }: BackupRequest, session: LiveSession): Promise<readonly ChainRecord[]> {
	let view = await catalogue.view(repository.id);
	try {
		const { removed, adopted } = await chainStore.cleanUp(repository.settings, { id: job.id, name: job.settings.name });
		for (const file of removed) session.note('info', `Removed the unfinished file ${file}.`);
		for (const file of adopted) session.note('info', `Took in ${file}, which was complete.`);
		if (removed.length + adopted.length > 0) view = await catalogue.refresh(repository.id);
	} catch (error) {
		log.warn({ err: error, sessionId: session.id, jobId: job.id }, 'Could not clean up before a run.'); // The run meets the same trouble, and says it.
	}
	return view.chains.filter((chain) => chain.job.id === job.id);
}

function giveUp(run: Run, cause: ErrorShape): void {
	for (const task of run.tasks)
		task.fail({ ...cause, message: `Not tried, because the repository failed: ${cause.message}`, data: { ...cause.data, notTried: true } });
}

function cancelAll(run: Run): void {
	for (const task of run.tasks) task.cancel();
}

/** In a single-file chain one missing source would spoil the run of all others, so it is left out beforehand. */
async function splitIntoRuns({ machines }: BackupParts, { objects, repository, machine }: BackupRequest, session: LiveSession): Promise<Run[]> {
	const pairs = objects.map((object, i) => ({ object, task: session.tasks[i] as LiveTask }));
	const readers = await Promise.all(objects.map((object) => machines.readerOf(object)));
	if (!repository.settings.singleFile) return pairs.map(({ object, task }, i) => ({ objects: [object], tasks: [task], reader: readers[i] ?? null }));
	const [reader = null] = readers;
	if (readers.some((each) => each?.id !== reader?.id)) throw severalReaders();
	const present: typeof pairs = [];
	for (const pair of pairs) {
		const problem = machine ? await machines.sourceProblem(machine.id, pair.object).catch(toErrorShape) : await missingSource(pair.object);
		if (problem === null) present.push(pair);
		else pair.task.fail(problem);
	}
	return present.length === 0 ? [] : [{ objects: present.map(({ object }) => object), tasks: present.map(({ task }) => task), reader }];
}

/** A run is read by one machine. */
export const severalReaders = (): EngineError =>
	new EngineError('usage.conflict', 'The repository keeps all objects of a job in one chain, and those of this job are read on several machines.', {
		hint: 'Protect the virtual machines of hosts on another machine with a job of their own, or use a repository that keeps a chain per object.',
		data: { field: 'sources' },
	});

/** Null: on-host. Refused at this moment too: what a job was saved with may have changed since. */
async function beginOffHost({ offHost }: BackupParts, { job, repository, objects }: BackupRequest, { signal }: LiveSession): Promise<OffHostSession | null> {
	const { mode, snapshot, machineId, proxyId } = job.settings;
	return mode === 'on-host' ? null : offHost.begin({ sources: [...objects], snapshot, machineId, proxyId, repository: wayTo(repository, job) }, { signal });
}

/** A file that is changed in place is changed by one machine, whatever becomes of the others and of what they have begun: that of the repository. */
const wayTo = ({ settings }: Entity<RepositorySettings>, job: Entity<JobSettings>): RepositoryLocation =>
	job.settings.method === 'reverse' ? { ...settings, gateway: 'fixed' } : settings;

/** Runs that may go on side by side. Off-host those of one computer come before those of the next (OFFHOST-07); of a single-file chain there is one run, which reads one object after the other. */
function runsInTurn(runs: readonly Run[], offHost: OffHostSession | null): readonly (readonly Run[])[] {
	if (offHost === null) return [runs];
	const keys = offHost.inTurn.map((sources) => new Set(sources.map(sourceKey)));
	const turnOf = ({ objects }: Run): number => keys.findIndex((those) => objects[0] !== undefined && those.has(sourceKey(objects[0])));
	return keys.map((_, turn) => runs.filter((run) => turnOf(run) === turn));
}

async function missingSource({ kind, path }: SourceSpec): Promise<ErrorShape | null> {
	if (kind === 'vm') return null; // said when its snapshot is made
	if (kind === 'disk' && isNbdUri(path)) return (await probeNbd(path))?.shape ?? null;
	try {
		await stat(path);
		return null;
	} catch (error) {
		if (systemErrorCode(error) !== 'ENOENT' && systemErrorCode(error) !== 'ENOTDIR') return null; // The data plane says it better.
		return new EngineError('source.missing', `The source ${path} does not exist.`, { hint: 'Bring it back, or take it out of the job.', data: { path } }).shape;
	}
}

type RunPlan = { readonly current: ChainRecord | undefined; readonly mode: PlannedMode; readonly renewAfterPoints: number | null };

function planRun({ clock }: BackupParts, request: BackupRequest, { objects }: Run, jobChains: readonly ChainRecord[]): RunPlan {
	const { job, repository, full, adHoc } = request;
	const { settings } = job;
	const { singleFile } = repository.settings;
	const nowMs = clock.now();
	if (adHoc !== undefined) {
		const until = adHoc.keepUntil === null ? 'until it is removed by hand' : `until ${new Date(adHoc.keepUntil).toISOString()}`;
		return {
			current: undefined,
			mode: { requested: 'full', reason: `A full outside of the chain was asked for; it is kept ${until}.` },
			renewAfterPoints: null,
		};
	}
	const current = findCurrentChain(jobChains, objects, { singleFile });
	const isPartial = request.objects.length < settings.sources.length;
	const mode = planMode({ settings, keyId: keyIdFor(settings, repository.settings), current, objects, singleFile, isPartial, askedFull: full, nowMs });
	// Of a single-file chain, some objects alone begin no new one: the next whole run does.
	return { current, mode, renewAfterPoints: singleFile && isPartial ? null : renewAfterPoints(settings, current, nowMs) };
}

async function performRun(parts: BackupParts, request: BackupRequest, run: Run, plan: RunPlan, session: LiveSession, source: SourceReading): Promise<void> {
	const { chainStore } = parts;
	const { repository } = request;
	const { requested, reason } = plan.mode;
	const mode = requested === 'increment' ? 'increment' : 'full';
	for (const task of run.tasks) {
		task.start({ requested: mode, actual: mode, reason });
		if (run.reader) task.info(`Read on the machine “${run.reader.name}”, where its host is.`);
	}

	const { freeBytes } = await chainStore.space(repository.settings);
	const warning = checkRoom({ freeBytes, requested: mode, chains: plan.current ? [plan.current] : [], repository: repository.settings });
	if (warning !== null) session.note('warning', warning, 'repository.full');

	let isRead = false;
	try {
		await readInto(parts, request, run, plan, session, source);
		isRead = true;
	} finally {
		await source.ended(run.objects, isRead);
	}
}

async function readInto(
	{ plane, health }: BackupParts,
	request: BackupRequest,
	run: Run,
	plan: RunPlan,
	session: LiveSession,
	source: SourceReading,
): Promise<void> {
	const { job, repository, machine } = request;
	const { settings } = job;
	const { requested, reason } = plan.mode;
	const sources = await Promise.all(run.objects.map((object, i) => source.of(object, run.tasks[i] as LiveTask, run.proxy ?? null)));
	const backupRun: BackupRun = {
		repository: wayTo(repository, job),
		keyId: keyIdFor(settings, repository.settings),
		job: { id: job.id, name: settings.name },
		sessionId: session.id,
		objects: run.objects,
		...(machine && { machine: { id: machine.id, name: machine.name } }),
		...(run.proxy && { proxy: { id: run.proxy.id, name: run.proxy.name } }),
		...(run.reader && { reader: { id: run.reader.id, name: run.reader.name } }),
		exclude: settings.exclude,
		databases: databaseRules(settings.databases, settings.writers),
		sources,
		method: settings.method,
		singleFile: repository.settings.singleFile,
		differential: settings.differential,
		blockSizeBytes: blockSizes[settings.blockSize],
		compression: settings.compression,
		connectionCount: settings.connections,
		storeUnused: settings.storeUnused,
		requested,
		reason,
		suspects: await suspectsIn(health, request, plan),
		renewAfterPoints: plan.renewAfterPoints,
		adHoc: request.adHoc,
	};
	const outcomes = await plane.backUp(backupRun, run.tasks, { signal: AbortSignal.any([session.signal, source.lost]) });
	for (const [i, task] of run.tasks.entries()) {
		const outcome = outcomes[i];
		if (outcome === undefined) throw new Error(`Defect: no outcome for ${task.object}`);
		task.succeed(outcome);
	}
}

/** What checks found broken in the chain that is gone on with: that is not relied on. */
const suspectsIn = async (health: HealthStore, { repository }: BackupRequest, { current }: RunPlan): Promise<readonly Damage[]> =>
	current === undefined ? [] : ((await health.get(repository.id, current.id))?.damaged ?? []);

/** Retention and book-keeping. Its failures are noted and do not spoil the points that were made. */
async function tidyUp(parts: BackupParts, request: BackupRequest, seats: ReadonlyMap<string, ChainSeat>, session: LiveSession): Promise<void> {
	const { catalogue, usage, clock } = parts;
	const { job, repository } = request;
	const made = session.tasks.filter(({ state }) => isFinal(state) && (state === 'success' || state === 'warning'));
	if (made.length === 0) return;
	try {
		const view = await catalogue.refresh(repository.id);
		const hasMended = await mendKnownDamage(parts, { repository, chains: view.chains.filter((chain) => chain.job.id === job.id) }, seats, session);
		const hasChanged = await applyRetention(parts, request, view.chains, seats, session);
		const { chains } = hasChanged || hasMended ? await catalogue.refresh(repository.id) : view;
		await usage.put(repository.id, { at: clock.now(), usedBytes: usedBytes(chains) });
	} catch (error) {
		const { message, code } = toErrorShape(error);
		session.note('warning', `Retention did not finish and continues after the next run: ${message}`, code);
		parts.log.warn({ err: error, sessionId: session.id, jobId: job.id }, 'Retention did not finish.');
	}
}

export const usedBytes = (chains: readonly ChainRecord[]): number =>
	chains.reduce((sum, chain) => sum + chain.files.reduce((size, file) => size + file.sizeBytes, 0), 0);
