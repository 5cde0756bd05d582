/** What is asked of the requestor, and what it gives. */
import type { Clock, Log } from '../base/index.ts';
import type { SnapshotJournal } from './journal.ts';
import type { SelectionExclusions, Snapshot, SnapshotProvider } from './provider.ts';
import type { View, Volume } from './volume.ts';
import type { VolumeSlots } from './volume-slots.ts';
import type { SnapshotWriter, WriterIdentity } from './writer.ts';

/** Milliseconds. */
export type Deadlines = {
	readonly identifyMs: number;
	readonly prepareMs: number;
	/** From the first writer's freezing to the snapshot: applications stand still for no longer. */
	readonly freezeMs: number;
	/** A snapshot of whole volumes; of one that clones file by file only the freeze is bounded. */
	readonly createMs: number;
	readonly thawMs: number;
	/** Auto-recovery may last several minutes (QUIESCE-05). */
	readonly postSnapshotMs: number;
	readonly endMs: number;
	readonly releaseMs: number;
	/** Between two looks at whether snapshots that are being read still show their instant. */
	readonly verifyEveryMs: number;
};

export const usualDeadlines: Deadlines = {
	identifyMs: 30_000,
	prepareMs: 300_000,
	freezeMs: 60_000,
	createMs: 10_000,
	thawMs: 60_000,
	postSnapshotMs: 600_000,
	endMs: 60_000,
	releaseMs: 120_000,
	verifyEveryMs: 15_000,
};

export type SnapshotPhase = 'identify' | 'wait' | 'prepare' | 'freeze' | 'create' | 'thaw' | 'post-snapshot' | 'read' | 'release' | 'released';

export type VolumeWish = {
	readonly volume: Volume;
	readonly provider: SnapshotProvider;
	/** Selected files and folders on the volume. */
	readonly paths: readonly string[];
	readonly exclusions?: SelectionExclusions;
	/** Snapshots of this volume at a time. */
	readonly limit: number;
};

export type SetWish = {
	readonly sessionId: string;
	/** At least one; each volume once. */
	readonly volumes: readonly VolumeWish[];
	/** In the order in which they are frozen. */
	readonly writers: readonly SnapshotWriter[];
};

export type SetOptions = {
	readonly signal: AbortSignal;
	readonly onPhase?: (phase: SnapshotPhase) => void;
	/** What an administrator should know, as it happens. */
	readonly onNote?: (message: string, isWarning?: boolean) => void;
};

export type RequestorParts = {
	readonly journal: SnapshotJournal;
	readonly slots: VolumeSlots;
	readonly clock: Clock;
	readonly log: Log;
	readonly deadlines?: Partial<Deadlines>;
};

/** Snapshots that are there to be read. Disposing ends the writers as aborted, unless `complete` was called, and releases the snapshots. */
export interface SnapshotSet extends AsyncDisposable {
	/** In the order of the wished volumes. */
	readonly snapshots: readonly Snapshot[];
	readonly writers: readonly WriterIdentity[];
	/** What writers want to be read beside, or instead of, what is in the snapshots. */
	readonly writerViews: readonly View[];
	/** Aborted, with the reason, when a snapshot does not show its instant any more: its room for changes ran full. */
	readonly lost: AbortSignal;
	/** Everything has been read: tells the writers, and releases. Never fails; trouble is noted. */
	complete(): Promise<void>;
}
