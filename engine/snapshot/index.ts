/**
 * Snapshots: the requestor, who leads, and the ports of providers, who make them, and of writers, who hold applications still meanwhile.
 *
 * Guarantees: what is begun is written down first; applications are thawed in bounded time whatever fails; every snapshot is released, or stays in the journal
 * until it is; a party that does not answer is given up at its deadline.
 * Does not: know jobs, read data, or decide what a job does without a snapshot.
 */
export { hiddenFolderName } from './hidden-folder.ts';
export type { JournalEntry, SnapshotJournal } from './journal.ts';
export {
	type FoundMachine,
	type MachineDisk,
	type MachineOptions,
	type MachineReading,
	type MachineSite,
	type MachineSnapshot,
	type MachineWish,
	openMachine,
} from './machine.ts';
export { encodeOrigin, originAttribute, parseOrigin } from './origin.ts';
export type {
	BlockAccess,
	Lease,
	Protectable,
	ProviderCapabilities,
	Snapshot,
	SnapshotOutcome,
	SnapshotProvider,
	VolumeRequest,
} from './provider.ts';
export { planQuiescence, type Quiescence, type QuiesceRule } from './quiesce.ts';
export { type CleanUpReport, type Parties, Requestor } from './requestor.ts';
export {
	type Deadlines,
	type RequestorParts,
	type SetOptions,
	type SetWish,
	type SnapshotPhase,
	type SnapshotSet,
	usualDeadlines,
	type VolumeWish,
} from './snapshot-set.ts';
export {
	type ObjectReading,
	type OpenMachine,
	type OpenReading,
	type ReadOptions,
	type ReadWish,
	Snapshots,
	type SnapshotsParts,
	type VolumeSettings,
	type VolumeSettingsStore,
	type Volumes,
} from './snapshots.ts';
export { isWithin, type View, type Volume } from './volume.ts';
export { VolumeSlots } from './volume-slots.ts';
export { watchVolumes } from './watch-volumes.ts';
export type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from './writer.ts';
