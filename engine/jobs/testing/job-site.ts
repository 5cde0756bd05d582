/** Everything of the jobs over a database in memory, a fake data plane and a clock that obeys. */
import type { TestContext } from 'node:test';
import { assert, silentLog } from '../../base/index.ts';
import { FakeClock } from '../../base/testing.ts';
import { type Configuration, type Entity, openConfiguration } from '../../config/index.ts';
import {
	isFinal,
	type JobSettings,
	type JobSettingsInput,
	jobSettings,
	type RepositoryLocation,
	type RepositorySettings,
	repositorySettings,
	type Session,
	type SourceSpec,
} from '../../contract/index.ts';
import { testPasswordCost } from '../../format/index.ts';
import { Bandwidth } from '../../mover/index.ts';
import { type JournalEntry, Requestor, Snapshots, VolumeSlots } from '../../snapshot/index.ts';
import { createCatalogue } from '../catalogue.ts';
import { createChainUse } from '../chain-use.ts';
import { createEventBus } from '../events.ts';
import type { AskedFull } from '../full-or-increment.ts';
import { createHealthSessions } from '../health-sessions.ts';
import { createJobRunner, type RunWish } from '../job-runner.ts';
import { createKeys, HeldKeys } from '../keys.ts';
import { createLimits } from '../limits.ts';
import type { LiveSession } from '../live-session.ts';
import { createMaintenanceSessions } from '../maintenance-sessions.ts';
import type { ChainRecord, JobMachines, OffHost } from '../ports.ts';
import { createReadingSessions } from '../reading-sessions.ts';
import { createMachineRestores } from '../restore-machine.ts';
import { createSessions } from '../sessions.ts';
import { createTaskSlots } from '../slots.ts';
import type { JobSnapshots } from '../source-reading.ts';
import { FakePlane } from './fake-plane.ts';

export const documents: SourceSpec = { kind: 'folder', path: '/documents' };
export const pictures: SourceSpec = { kind: 'folder', path: '/pictures' };
export const disk: SourceSpec = { kind: 'disk', path: '/disks/web.qcow2' };

/** Nothing lies on a managed machine. */
const noMachines: JobMachines = {
	get: (id) => Promise.reject(new Error(`there is no machine ${id}`)),
	sourceProblem: (id) => Promise.reject(new Error(`there is no machine ${id}`)),
	readerOf: async () => null,
};

const noOffHost: OffHost = { problems: async () => [], begin: () => Promise.reject(new Error('nothing is read off-host')) };

/** Where `addRepository` puts its repository. */
export const local: RepositoryLocation = { path: '/repositories/Local', machineId: null };

export async function openJobSite(t: TestContext, options: { readonly clock?: FakeClock; readonly plane?: FakePlane; readonly databasePath?: string } = {}) {
	const clock = options.clock ?? new FakeClock('2026-06-01T12:00:00Z');
	const plane = options.plane ?? new FakePlane({ now: () => clock.now() });
	t.after(() => assert(plane.waitingFaults === 0, 'every fault that a test arms happens'));
	for (const source of [documents, pictures, disk]) plane.putSource(source, { '/one': 'first', '/two': 'second' });
	const config: Configuration<ChainRecord> = await openConfiguration(options.databasePath ?? ':memory:', clock);
	t.after(() => config[Symbol.asyncDispose]());
	const bus = createEventBus();
	const sessions = createSessions({ store: config.sessions, clock, bus, log: silentLog });
	const catalogue = createCatalogue({ ...config, cache: config.catalogue, chainStore: plane, clock, bus, log: silentLog });
	const snapshots = new Snapshots({
		requestor: new Requestor({ journal: config.snapshotJournal<JournalEntry>(), slots: new VolumeSlots(), clock, log: silentLog }),
		providers: [],
		writers: [],
		settings: config.volumeSettings,
		machines: null,
		disks: { mounts: () => [], volumes: async () => [] },
		isDevice: () => false,
		clock,
		log: silentLog,
	});
	const parts = {
		plane,
		chainStore: plane,
		catalogue,
		chainUse: createChainUse(),
		snapshots,
		machines: noMachines,
		offHost: noOffHost,
		slots: createTaskSlots(),
		clock,
		log: silentLog,
		sessions,
	};
	const heldKeys = new HeldKeys();
	const keys = createKeys(heldKeys, { ...parts, config, bus, passwordCost: testPasswordCost });
	const noHosts = () => {
		throw new Error('there are no hosts');
	};
	const jobSnapshots: JobSnapshots = {
		open: (wish, options) => snapshots.open(wish, options),
		concrete: (sources) => snapshots.concrete(sources),
		openMachine: noHosts,
	};
	const runner = createJobRunner({ ...parts, snapshots: jobSnapshots, config });
	const machineRestores = createMachineRestores({ plane, hosts: async () => [], control: noHosts, open: noHosts, lookAt: noHosts });
	const reading = createReadingSessions({ ...parts, machineRestores, verifications: config.verifications, health: config.health });
	const maintenance = createMaintenanceSessions({ ...parts, cleanedUp: (jobId) => runner.cleanedUp(jobId) });
	const healthSessions = createHealthSessions({ ...parts, health: config.health, runner, jobs: config.jobs });
	const bandwidth = new Bandwidth(clock);
	t.after(() => bandwidth[Symbol.dispose]());
	const limits = createLimits({ ...config, bandwidth });
	return { ...parts, bandwidth, limits, keys, heldKeys, config, bus, runner, reading, maintenance, healthSessions };
}
export type JobSite = Awaited<ReturnType<typeof openJobSite>>;

export async function addRepository({ config }: JobSite, more: Partial<RepositorySettings> = {}): Promise<Entity<RepositorySettings>> {
	const name = more.name ?? 'Local';
	return config.repositories.insert(repositorySettings.parse({ name, path: `/repositories/${name}`, ...more }));
}

export async function addJob({ config }: JobSite, repositoryId: string, more: Partial<JobSettingsInput> = {}): Promise<Entity<JobSettings>> {
	return config.jobs.insert(jobSettings.parse({ name: 'Office', sources: [documents], repositoryId, ...more }));
}

/** The session once it has ended, as it was written down. */
export async function ended(site: Pick<JobSite, 'sessions'>, { id }: Pick<LiveSession, 'id'>): Promise<Session> {
	for await (const session of site.sessions.follow(id, {})) if (isFinal(session.state)) return site.sessions.get(id);
	throw new Error('the session was not followed to its end');
}

export const runToEnd = async (site: JobSite, jobId: string, full: AskedFull = null, wish: RunWish = {}): Promise<Session> =>
	ended(site, await site.runner.run(jobId, full, wish));
