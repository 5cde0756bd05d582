/**
 * The composition root: the only file that names concrete adapters. Whoever hosts an engine (desktop, server, command line)
 * opens it here and talks to it through the contract.
 */
import { pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { createApi } from './api/index.ts';
import { type Clock, type Log, systemClock } from './base/index.ts';
import { type DataFolder, defaultDataFolder, type LogFile, openConfiguration, openDataFolder, openLogFile, type SessionStore } from './config/index.ts';
import type { Downloads, EngineApi, RouterContext } from './contract/index.ts';
import type { PasswordCost } from './format/index.ts';
import { createMachines, watchMachines } from './infra/index.ts';
import {
	type ChainRecord,
	type ChainStore,
	createCatalogue,
	createChainUse,
	createEventBus,
	createHealthSessions,
	createJobRunner,
	createKeys,
	createLimits,
	createMaintenanceSessions,
	createReadingSessions,
	createSessions,
	createTaskSlots,
	type DataPlane,
	HeldKeys,
	startCheckScheduler,
	startScheduler,
} from './jobs/index.ts';
import { Bandwidth, backUp, type Direction, type LimitedWork, localTraffic, maintainChain, type TaskObserver, underLimits } from './mover/index.ts';
import { openPlatform } from './platform/index.ts';
import {
	checkStorage,
	cleanUpJob,
	finishChain,
	importChains as importRepository,
	type KeyedFolder,
	LocalFolder,
	listChains,
	prepareRepository,
	readLocks,
	relockChain,
	removeChain,
	removeFile,
	storageAt,
	takeOverChain,
} from './repository/index.ts';
import { checkChain, Look, restoreDisk, restoreFiles, verifyPoint } from './restore/index.ts';
import { startServer } from './server/index.ts';

export { defaultDataFolder, startServer };

export type EngineOptions = {
	readonly dataFolder: string;
	readonly clock?: Clock;
	/** Instead of the log file in the data folder. */
	readonly logger?: Log;
	/** False for an engine that lives for one command: what a schedule began in it would be cut off. Default: true. */
	readonly runSchedules?: boolean;
	/** Instead of the real ones, for tests of what stands above them. */
	/** Cheap passwords, for tests of everything but their cost. */
	readonly passwordCost?: PasswordCost;
	readonly plane?: DataPlane;
	readonly chainStore?: ChainStore;
};

/** An engine with its data folder. Disposing cancels what runs, waits for it for a bounded time, and gives the folder back. */
export interface Engine extends AsyncDisposable {
	readonly api: EngineApi;
	readonly downloads: Downloads;
	readonly context: RouterContext;
	readonly dataFolder: string;
	/** Written into the lock file: where another face finds the server. */
	setAddress(address: string | null): void;
}

/** How long a session may take to stop when the engine closes; the next start cleans up after those that take longer. */
const CLOSE_TIMEOUT_MS = 15_000;
/** Sessions are history for a year, and the newest of each job for ever. */
const KEEP_SESSIONS_MS = 365 * 86_400_000;
const KEEP_SESSIONS_PER_JOB = 100;
/** Long logs of sessions that nobody looks at any more make most of a database. */
const KEEP_LOGS_PER_JOB = 20;
const KEEP_LOG_ENTRIES = 1000;
const HOUSEKEEPING_MS = 86_400_000;

/** `busy.data-folder`, `data-folder.unusable`, `database.newer`, `database.damaged`. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
	const clock = options.clock ?? systemClock;
	const startedAt = clock.now();
	const platform = openPlatform();
	await using stack = new AsyncDisposableStack();
	const folder = stack.use(await openDataFolder(options.dataFolder, platform.locks, startedAt));
	const log = options.logger ?? createLogger(folder, stack);
	const config = stack.use(await openConfiguration<ChainRecord>(folder.databasePath, clock));
	const heldKeys = new HeldKeys();
	await heldKeys.load(config);
	const bandwidth = stack.use(new Bandwidth(clock));
	const limits = createLimits({ ...config, bandwidth });
	await limits.reload();
	const plane = options.plane ?? createDataPlane(stack.use(new Look()), heldKeys, bandwidth);
	const chainStore = options.chainStore ?? createChainStore(heldKeys);

	const bus = createEventBus();
	const sessions = createSessions({ store: config.sessions, clock, bus, log });
	const catalogue = createCatalogue({ ...config, cache: config.catalogue, chainStore, clock, bus, log });
	const chainUse = createChainUse();
	const slots = createTaskSlots();
	const keys = createKeys(heldKeys, { config, catalogue, chainStore, chainUse, bus, clock, passwordCost: options.passwordCost });
	const machines = createMachines({ store: config.managed, clock, bus, log, product: packageJson.version });
	const runner = createJobRunner({ config, sessions, catalogue, chainUse, slots, plane, chainStore, clock, log });
	const reading = createReadingSessions({ sessions, plane, catalogue, chainUse, slots, verifications: config.verifications, health: config.health, clock });

	const maintenance = createMaintenanceSessions({ sessions, plane, catalogue, chainUse, slots, cleanedUp: (jobId) => runner.cleanedUp(jobId) });

	const healthSessions = createHealthSessions({ sessions, plane, catalogue, chainUse, slots, health: config.health, runner, jobs: config.jobs, clock });

	stack.use(keepHouse(config.sessions, clock, log));
	const interrupted = await runner.recover();
	stack.defer(async () => {
		const left = await sessions.close(CLOSE_TIMEOUT_MS);
		if (left > 0) log.error({ sessions: left }, 'The engine closed before all sessions had stopped.');
	});
	const scheduler = stack.use(
		startScheduler({
			jobs: config.jobs,
			states: config.schedules,
			clock,
			log,
			isIdle: options.runSchedules === false,
			run: async (job, due) => void (await runner.runDue(job, due)),
		}),
	);
	if (options.runSchedules !== false) {
		stack.use(watchMachines({ machines, clock, log }));
		stack.use(
			startCheckScheduler({
				repositories: config.repositories,
				states: config.checkSchedules,
				clock,
				log,
				run: async (repository, trigger) => void (await healthSessions.check(repository, { trigger, isWhole: false })),
			}),
		);
	}
	const planRetry = (session: (typeof interrupted)[number]) =>
		scheduler.onEnded(session).catch((error: unknown) => log.error({ err: error, sessionId: session.id }, 'A retry could not be planned.'));
	for (const session of interrupted) {
		log.warn({ sessionId: session.id, title: session.title }, 'A session was interrupted by the end of the engine before this one.');
		await planRetry(session);
	}
	sessions.onEnded((session) => void planRetry(session));

	const api = createApi({
		config,
		sessions,
		runner,
		reading,
		maintenance,
		healthSessions,
		chainUse,
		scheduler,
		catalogue,
		plane,
		chainStore,
		keys,
		heldKeys,
		limits,
		machines,
		bus,
		platform,
		clock,
		log,
		dataFolder: folder.path,
		startedAt,
		version: packageJson.version,
	});
	log.info({ version: packageJson.version, node: process.versions.node, dataFolder: folder.path }, 'The engine is open.');
	const resources = stack.move();
	let closing: Promise<void> | undefined;
	return {
		api,
		downloads: api,
		context: { api },
		dataFolder: folder.path,
		setAddress: (address) => folder.setAddress(address),
		[Symbol.asyncDispose]: () => (closing ??= resources.disposeAsync()),
	};
}

/** Keeps the history bounded, now and every day. */
function keepHouse(sessions: SessionStore, clock: Clock, log: Log): AsyncDisposable {
	const stop = new AbortController();
	const work = (async () => {
		while (!stop.signal.aborted) {
			try {
				await sessions.prune({ endedBefore: clock.now() - KEEP_SESSIONS_MS, keepPerJob: KEEP_SESSIONS_PER_JOB });
				await sessions.shortenLogs({ keepPerJob: KEEP_LOGS_PER_JOB, entries: KEEP_LOG_ENTRIES });
			} catch (error) {
				log.error({ err: error }, 'The history of sessions could not be shortened.');
			}
			await clock.sleep(HOUSEKEEPING_MS, { signal: stop.signal }).catch(() => undefined); // The engine closes.
		}
	})();
	return {
		async [Symbol.asyncDispose]() {
			stop.abort();
			await work;
		},
	};
}

function createLogger(folder: DataFolder, stack: AsyncDisposableStack): Log {
	const file: LogFile = stack.use(openLogFile(folder.logPath));
	return pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, file);
}

/** Jobs say where; here it gets the keys that open what lies there. */
const openedWith = (held: HeldKeys) => ({
	keyed: (path: string): KeyedFolder => ({ path, keys: held.ring }),
	at: <Input extends { readonly repositoryPath: string }>(input: Input) => ({ ...input, repositoryPath: { path: input.repositoryPath, keys: held.ring } }),
});

function createChainStore(held: HeldKeys): ChainStore {
	const { keyed } = openedWith(held);
	return {
		prepare: prepareRepository,
		space: (path) => new LocalFolder(path).space(),
		checkStorage: (path) => checkStorage(storageAt(path)),
		list: (path) => listChains(keyed(path)),
		cleanUp: (path, job, options) => cleanUpJob(keyed(path), job, options),
		importChains: (path, options) => importRepository(keyed(path), options),
		finishChain: (path, chainId) => finishChain(keyed(path), chainId),
		takeOver: (path, chainId, job) => takeOverChain(keyed(path), chainId, job),
		relock: (path, chainId) => relockChain(keyed(path), chainId),
		locks: readLocks,
		removeFile: (path, chainId, file) => removeFile(keyed(path), chainId, file),
		removeChain: (path, chainId) => removeChain(keyed(path), chainId),
	};
}

function createDataPlane(look: Look, held: HeldKeys, bandwidth: Bandwidth): DataPlane {
	const { at } = openedWith(held);
	/** Work on a repository, under the limits of what is under way there. */
	const under = <const Observers extends readonly TaskObserver[], Result>(
		{ repositoryPath }: { readonly repositoryPath: string },
		directions: readonly Direction[],
		observers: Observers,
		work: LimitedWork<Observers, Result>,
	): Promise<Result> =>
		underLimits(
			bandwidth,
			directions.map((direction) => localTraffic(direction, repositoryPath)),
			observers,
			work,
		);
	return {
		backUp(run, observers, options) {
			// other runs read of the repository no more than what they compare with
			const isReading = run.method === 'reverse' || run.requested === 'synthetic';
			return under(run, isReading ? ['read', 'write'] : ['write'], observers, async (shares, limited, named) => {
				const outcomes = await backUp({ ...at(run), shares }, limited, options);
				return outcomes.map((outcome) => ({ ...outcome, bottleneck: named(outcome.bottleneck) }));
			});
		},
		restoreFiles: (input, observer, options) =>
			under(input, ['read'], [observer], (shares, [limited]) => restoreFiles({ ...at(input), shares }, limited, options)),
		restoreDisk: (input, observer, options) =>
			under(input, ['read'], [observer], (shares, [limited]) => restoreDisk({ ...at(input), shares }, limited, options)),
		verifyPoint: (input, observer, options) =>
			under(input, ['read'], [observer], (shares, [limited]) => verifyPoint({ ...at(input), shares }, limited, options)),
		checkChain: (input, observer, options) => under(input, ['read'], [observer], (shares, [limited]) => checkChain({ ...at(input), shares }, limited, options)),
		runStep: (input, observer, options) =>
			under(input, ['read', 'write'], [observer], (shares, [limited]) => maintainChain({ ...at(input), shares }, limited, options)),
		planRestore: (input, options) => look.plan(at(input), options),
		browse: (input, options) => look.browse(at(input), options),
		stat: (input, options) => look.stat(at(input), options),
		openDownload: (input, options) => look.openDownload(at(input), options),
		measure: (input, options) => look.measure(input, options),
	};
}
