/**
 * The composition root: the only file that names concrete adapters. Whoever hosts an engine (desktop, server, command line)
 * opens it here and talks to it through the contract.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { createApi } from './api/index.ts';
import { type Clock, type Log, systemClock } from './base/index.ts';
import { type LogFile, openConfiguration, openLogFile, type SessionStore } from './config/index.ts';
import type { Downloads, EngineApi, HostSettings, RouterContext } from './contract/index.ts';
import type { PasswordCost } from './format/index.ts';
import { createDevices, createMachines, watchMachines } from './infra/index.ts';
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
	createMachineRestores,
	createMaintenanceSessions,
	createReadingSessions,
	createSessions,
	createTaskSlots,
	type DataPlane,
	HeldKeys,
	startCheckScheduler,
	startScheduler,
} from './jobs/index.ts';
import { Bandwidth } from './mover/index.ts';
import { createChainStore, createDataPlane, createGateways, createJobMachines, createJobSnapshots, createOffHost, createPlaces } from './places/index.ts';
import { type DataFolder, defaultDataFolder, openDataFolder, openPlatform } from './platform/index.ts';
import { Look, lookAtTargets } from './restore/index.ts';
import { startServer } from './server/index.ts';
import { type JournalEntry, Requestor, Snapshots, VolumeSlots, watchVolumes } from './snapshot/index.ts';
import { CowProvider, ServedDevices } from './snapshot/providers/cow/index.ts';
import { volumeProviders } from './snapshot/providers/index.ts';
import { allWriters } from './snapshot/writers/index.ts';
import { createMachineSite } from './source/index.ts';
import { openLibvirt } from './source/vm/adapters/libvirt/libvirt.ts';

export { defaultDataFolder, startServer };

export type EngineOptions = {
	/** Where it is, or one that was opened already and becomes the engine's. */
	readonly dataFolder: string | DataFolder;
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
	const { dataFolder } = options;
	const folder = stack.use(typeof dataFolder === 'string' ? await openDataFolder(dataFolder, platform.locks, startedAt) : dataFolder);
	const log = options.logger ?? createLogger(folder, stack);
	const config = stack.use(await openConfiguration<ChainRecord>(folder.databasePath, clock));
	const heldKeys = new HeldKeys();
	await heldKeys.load(config);
	const bandwidth = stack.use(new Bandwidth(clock));
	const limits = createLimits({ ...config, bandwidth });
	await limits.reload();
	const bus = createEventBus();
	const machines = createMachines({ store: config.managed, clock, bus, log, product: packageJson.version });
	const places = createPlaces({ machines, held: heldKeys, product: packageJson.version, now: startedAt });
	const gateways = createGateways({ machines, places, clock });
	const plane = options.plane ?? createDataPlane(places, gateways, stack.use(new Look()), bandwidth);
	const chainStore = options.chainStore ?? createChainStore(places, machines, platform.disks);

	const serving = stack.use(new ServedDevices(folder.path));
	const devices = createDevices({ store: config.devices, serving, log });
	if (options.runSchedules !== false) await devices.serveAll();

	const sessions = createSessions({ store: config.sessions, clock, bus, log });
	const catalogue = createCatalogue({ ...config, cache: config.catalogue, chainStore, clock, bus, log });
	const chainUse = createChainUse();
	const slots = createTaskSlots();
	const writersFolder = join(folder.path, 'writers');
	await rm(writersFolder, { recursive: true, force: true }); // what a death left on its way to a point
	const openHypervisor = { libvirt: openLibvirt } as const;
	const hosts = async () => (await config.hosts.list()).map(({ settings }) => settings);
	const open = ({ type, uri }: HostSettings) => openHypervisor[type](uri);
	const control = (host: HostSettings) => (host.machineId === null ? open(host) : machines.hostOn(host.machineId, host));
	const machineSite = createMachineSite({ hosts, control, open, clock });
	const snapshots = new Snapshots({
		requestor: new Requestor({ journal: config.snapshotJournal<JournalEntry>(), slots: new VolumeSlots(), clock, log }),
		providers: [...volumeProviders(folder.path, () => platform.disks.mounts()), new CowProvider(serving)],
		isDevice: (path) => serving.find(path) !== undefined,
		writers: allWriters(writersFolder, machineSite),
		machines: machineSite,
		settings: config.volumeSettings,
		disks: platform.disks,
		clock,
		log,
	});
	stack.use(watchVolumes({ snapshots, clock, log, withForgotten: options.runSchedules !== false }));
	const keys = createKeys(heldKeys, { config, catalogue, chainStore, chainUse, bus, clock, passwordCost: options.passwordCost });
	const jobMachines = createJobMachines(machines, hosts);
	const offHost = createOffHost({ machines, gateways, snapshots, hosts });
	const runner = createJobRunner({
		config,
		sessions,
		catalogue,
		chainUse,
		slots,
		snapshots: createJobSnapshots(snapshots, places, hosts),
		machines: jobMachines,
		offHost,
		plane,
		chainStore,
		clock,
		log,
	});
	const machineRestores = createMachineRestores({
		...{ hosts, control, open, plane },
		lookAt: async ({ machineId }, paths, { signal }) => (machineId === null ? lookAtTargets(paths) : machines.lookAtTargets(machineId, paths, { signal })),
	});
	const readingStores = { verifications: config.verifications, health: config.health };
	const reading = createReadingSessions({ sessions, plane, machineRestores, catalogue, chainUse, slots, machines: jobMachines, ...readingStores, clock });

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
		gateways,
		offHost,
		devices,
		hostControl: control,
		snapshots,
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
