/**
 * Who makes snapshots. A provider knows its own kind of volume and nothing of jobs, writers or deadlines: those are the requestor's.
 */
import type { MachineSnapshot } from './machine.ts';
import type { View, Volume } from './volume.ts';

export type ProviderCapabilities = {
	readonly method: 'copy-on-write' | 'full-copy';
	/** Made by the storage controller: preferred by the automatic choice (SNAP-05). */
	readonly isHardware: boolean;
	/** Another machine can read the snapshot (OFFHOST-04). */
	readonly isTransportable: boolean;
	readonly isReadOnly: boolean;
	/** The snapshot can be read when its source is lost (SNAP-11). */
	readonly survivesSourceLoss: boolean;
	/** At a time; the administrator's own limit may be lower (SNAP-07). */
	readonly maxSnapshotsPerVolume: number;
	/** One at a time per volume, from its creation until it is released (SNAP-09). */
	readonly isSerialised: boolean;
	/**
	 * What shows one instant: all volumes of one call to `create`; each volume by itself; or each file by itself, so that files
	 * belong together only while writers hold their applications still.
	 */
	readonly instant: 'set' | 'volume' | 'file';
	/** Milliseconds that making one may take; absent: as the requestor has it. Applications stand still for no longer than he says. */
	readonly createMs?: number;
};

/** `reason`: a sentence for an administrator that says why not, and what would help. */
export type Protectable = { readonly can: true } | { readonly can: false; readonly reason: string };

/**
 * A promise to clean up: written down before the provider is called, forgotten after it has released. Names of whatever the provider makes are
 * derived from the lease's id, so that it can be found again if the engine dies before `create` returns.
 */
export type Lease = {
	/** Letters and digits, at most 16. */
	readonly id: string;
	readonly sessionId: string;
	readonly provider: string;
	readonly volume: Volume;
	/** Epoch milliseconds. */
	readonly takenAt: number;
	/** What the provider said to remember when it had made the snapshot (JSON); null: it has not said anything, and may have made it or not. */
	readonly details: unknown;
};

export type SnapshotOutcome = 'complete' | 'aborted';

export type VolumeRequest = {
	readonly lease: Lease;
	/** Selected files and folders on the volume, of a machine the names of its disks: whatever else lies on it need not be in the snapshot. */
	readonly paths: readonly string[];
	/** Absent: nothing is left out. */
	readonly exclusions?: SelectionExclusions;
};

/** What a job leaves out of its selection: need not be in a snapshot either. */
export type SelectionExclusions = {
	/** The selected folders that the patterns are relative to. */
	readonly roots: readonly string[];
	/** As in `compileExclusions`. */
	readonly patterns: readonly string[];
};

/** How the content of a volume is read as a block device. */
export type BlockAccess = { readonly kind: 'path'; readonly path: string } | { readonly kind: 'nbd'; readonly uri: string };

export type Snapshot = {
	readonly leaseId: string;
	/** Epoch milliseconds, not later than its instant: what changed after it may be in the snapshot or not. */
	readonly createdAt: number;
	/** Where folders and files of the volume are read; empty where only blocks are given. */
	readonly views: readonly View[];
	readonly device: BlockAccess | null;
	/** Of a virtual machine. */
	readonly machine?: MachineSnapshot;
	/** Kept in the lease, for `release`. */
	readonly details: unknown;
	/** What an administrator should know of this snapshot, e.g. that something below the volume is not in it. */
	readonly notes: readonly string[];
};

/**
 * All calls may fail with `snapshot.*`. The signal is aborted by cancelling and at the deadline; a call that does not heed it is given up, and
 * `release` is called all the same, then and when the call returns after all.
 */
export interface SnapshotProvider {
	/** Unique, lower case: `btrfs`. */
	readonly name: string;
	readonly capabilities: ProviderCapabilities;
	/** Never throws; bounded to a few seconds. */
	canProtect(volume: Volume, options: { readonly signal: AbortSignal }): Promise<Protectable>;
	/** All or none: when it fails, whatever it made is found by the leases. Snapshots in the order of the requests. */
	create(requests: readonly VolumeRequest[], options: { readonly signal: AbortSignal }): Promise<readonly Snapshot[]>;
	/**
	 * Removes everything that was made for a lease, from the lease alone. Idempotent: what is not there (any more, or never was) is no
	 * error. Also called in another process than the one that created. `outcome`: whether all was read and kept; marks of what has changed since count only then.
	 */
	release(lease: Lease, options: { readonly signal: AbortSignal; readonly outcome: SnapshotOutcome }): Promise<void>;
	/** Whether several volumes of one call to `create` are of one instant, although its capabilities promise only each. Absent: they are not. */
	isOneInstant?(volumes: readonly Volume[]): boolean;
	/**
	 * Whether a snapshot still shows its instant: one whose room for changes ran full does not. Asked from time to time while it is read. Absent: it always does.
	 * @throws `snapshot.failed` when it does not; anything else: it could not be told
	 */
	verify?(lease: Lease, options: { readonly signal: AbortSignal }): Promise<void>;
	/** Snapshots of this engine that are there, whoever remembers them, as leases that `release` removes. Absent: the provider cannot tell. */
	leases?(options: { readonly signal: AbortSignal }): Promise<readonly Lease[]>;
}
