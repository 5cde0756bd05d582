/**
 * The configuration database, which lies in the data folder.
 *
 * Guarantees: every write is durable when its promise resolves; saving with a stale revision is refused;
 * a database that is damaged or from a newer version is named and never changed.
 * Does not: know what settings mean, read repositories, or keep secrets from the owner of the folder.
 */
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '../base/index.ts';
import {
	type DeviceSettings,
	deviceSettings,
	type HostSettings,
	hostSettings,
	type JobSettings,
	jobSettings,
	type RepositorySettings,
	repositorySettings,
	type ThrottleSettings,
	throttleSettings,
} from '../contract/index.ts';
import { type CachedChain, type CatalogueStore, createCatalogueStore } from './catalogue-store.ts';
import { openDatabase } from './database.ts';
import { createEntityStore, type EntityStore } from './entity-store.ts';
import { createFormerJobStore, type FormerJobStore } from './former-jobs.ts';
import { createCheckStateStore, createHealthStore, type HealthStore } from './health-store.ts';
import {
	createScheduleStateStore,
	createUsageStore,
	createVerificationStore,
	type ScheduleStateStore,
	type UsageStore,
	type VerificationStore,
} from './history-stores.ts';
import { createKeyStore, type KeyStore } from './key-store.ts';
import { createMachineStore, type MachineStore } from './machine-store.ts';
import { createServerSettingsStore, type ServerSettingsStore } from './server-settings-store.ts';
import { createSessionStore, type SessionStore } from './session-store.ts';
import { createSnapshotJournalStore, createVolumeSettingsStore, type SnapshotJournalStore, type VolumeSettingsStore } from './snapshot-store.ts';

export type { CachedCatalogue, CatalogueProblem, CatalogueStore } from './catalogue-store.ts';
export type { Entity, EntityStore } from './entity-store.ts';
export type { FormerJobStore } from './former-jobs.ts';
export type { HealthStore, StoredHealth } from './health-store.ts';
export type { ScheduleState, ScheduleStateStore, UsageSample, UsageStore, Verification, VerificationStore } from './history-stores.ts';
export type { KeyStore, StoredKey } from './key-store.ts';
export { type LogFile, openLogFile } from './log-file.ts';
export type { MachineState, MachineStore, StoredAuthority, TokenClaim } from './machine-store.ts';
export type { ServerSettingsStore } from './server-settings-store.ts';
export type { SessionOutcome, SessionQuery, SessionStore, StoredSession, StoredSessionItem } from './session-store.ts';
export type { SnapshotJournalStore, StoredVolumeSettings, VolumeSettingsStore } from './snapshot-store.ts';

export interface Configuration<Chain extends CachedChain> extends AsyncDisposable {
	readonly jobs: EntityStore<JobSettings>;
	readonly repositories: EntityStore<RepositorySettings>;
	readonly throttleRules: EntityStore<ThrottleSettings>;
	/** Raw images and block devices that are written through Holdfast. */
	readonly devices: EntityStore<DeviceSettings>;
	/** Hypervisor hosts. */
	readonly hosts: EntityStore<HostSettings>;
	readonly serverSettings: ServerSettingsStore;
	readonly sessions: SessionStore;
	readonly catalogue: CatalogueStore<Chain>;
	readonly verifications: VerificationStore;
	readonly usage: UsageStore;
	readonly health: HealthStore;
	readonly schedules: ScheduleStateStore;
	/** The same for the checks of repositories, by the repository's id. */
	readonly checkSchedules: ScheduleStateStore;
	readonly formerJobs: FormerJobStore;
	readonly volumeSettings: VolumeSettingsStore;
	/** The entries are as they were given: nobody else writes them. */
	snapshotJournal<Entry extends { readonly id: string }>(): SnapshotJournalStore<Entry>;
	readonly keys: KeyStore;
	/** Managed machines, and what pairs them. */
	readonly managed: MachineStore;
}

/** Opens or creates the database at `path`; what guards its keys lies in `secretPath`, made with the first of them. `database.newer`, `database.damaged`, `data-folder.unusable`. */
export async function openConfiguration<Chain extends CachedChain>(
	path: string,
	clock: Pick<Clock, 'now'> = systemClock,
	secretPath: string = join(dirname(path), 'secrets.key'),
): Promise<Configuration<Chain>> {
	const db = await openDatabase(path);
	const now = () => clock.now();
	return {
		jobs: createEntityStore(db, jobSettings, { table: 'jobs', noun: 'job', notFound: 'not-found.job' }, now),
		repositories: createEntityStore(db, repositorySettings, { table: 'repositories', noun: 'repository', notFound: 'not-found.repository' }, now),
		throttleRules: createEntityStore(db, throttleSettings, { table: 'throttle_rules', noun: 'throttling rule', notFound: 'not-found.throttle' }, now),
		devices: createEntityStore(db, deviceSettings, { table: 'devices', noun: 'device', notFound: 'not-found.device' }, now),
		hosts: createEntityStore(db, hostSettings, { table: 'hosts', noun: 'host', notFound: 'not-found.host' }, now),
		serverSettings: createServerSettingsStore(db),
		sessions: createSessionStore(db),
		catalogue: createCatalogueStore(db),
		verifications: createVerificationStore(db),
		usage: createUsageStore(db),
		health: createHealthStore(db),
		schedules: createScheduleStateStore(db),
		checkSchedules: createCheckStateStore(db),
		formerJobs: createFormerJobStore(db),
		volumeSettings: createVolumeSettingsStore(db),
		snapshotJournal: () => createSnapshotJournalStore(db),
		keys: createKeyStore(db, secretPath),
		managed: createMachineStore(db, secretPath, now),
		[Symbol.asyncDispose]: () => db.destroy(),
	};
}
