import type { Clock, Log } from '../base/index.ts';
import type { Configuration } from '../config/index.ts';
import type { HostSettings } from '../contract/index.ts';
import type { Devices, Machines } from '../infra/index.ts';
import type {
	Catalogue,
	ChainRecord,
	ChainStore,
	ChainUse,
	DataPlane,
	EventBus,
	HealthSessions,
	HeldKeys,
	JobRunner,
	Keys,
	Limits,
	MaintenanceSessions,
	OffHost,
	ReadingSessions,
	Scheduler,
	Sessions,
} from '../jobs/index.ts';
import type { Gateways } from '../places/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { HypervisorControl } from '../source/index.ts';

/** Everything that the use cases of the contract are made of. */
export type ApiParts = {
	readonly config: Configuration<ChainRecord>;
	readonly sessions: Sessions;
	readonly runner: JobRunner;
	readonly reading: ReadingSessions;
	readonly maintenance: MaintenanceSessions;
	readonly healthSessions: HealthSessions;
	readonly chainUse: ChainUse;
	readonly scheduler: Pick<Scheduler, 'poke' | 'nextRuns'>;
	readonly catalogue: Catalogue;
	readonly plane: DataPlane;
	readonly chainStore: ChainStore;
	readonly keys: Keys;
	readonly heldKeys: Pick<HeldKeys, 'get'>;
	readonly limits: Limits;
	readonly machines: Machines;
	readonly gateways: Pick<Gateways, 'requireMountServer'>;
	readonly offHost: OffHost;
	readonly devices: Devices;
	/** A hypervisor host, wherever it is. */
	readonly hostControl: (host: HostSettings) => HypervisorControl;
	readonly snapshots: Snapshots;
	readonly bus: EventBus;
	readonly platform: Platform;
	readonly clock: Clock;
	readonly log: Log;
	readonly dataFolder: string;
	readonly startedAt: number;
	readonly version: string;
};
