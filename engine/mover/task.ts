import type {
	Bottleneck,
	ChainMethod,
	Compression,
	ItemWarning,
	MachineRef,
	RunMode,
	SessionStep,
	SnapshotUse,
	SourceSpec,
	TaskCounters,
} from '../contract/index.ts';
import type { RepositoryFolder, Suspect } from '../repository/index.ts';
import type { DatabaseRules, MachineSnapshot, ReadView } from '../source/index.ts';
import type { TaskShares } from './throttle/index.ts';
import type { RemotePlace, SourceMachine } from './wire/place.ts';
import type { TargetPort } from './wire/target-port.ts';

/** Listens to one object of a run. Called often: implementations only store and thin out. Never throws. */
export interface TaskObserver {
	/** Of a backup, once, as soon as it is decided whether it is a full or an increment. */
	mode(mode: RunMode): void;
	counters(counters: TaskCounters): void;
	/** What it is doing now: a path, or a word such as "committing". */
	activity(text: string): void;
	warning(warning: ItemWarning): void;
	info(message: string): void;
	/** Busy shares since the start, whenever they are known. */
	bottleneck(bottleneck: Bottleneck): void;
	/** What it does to the chain beyond writing the object's own records, and how far that is. */
	step?(step: SessionStep): void;
}

/** Hears nothing: for what is over in a moment, and as the rest of an observer that cares for one thing only. */
export const deafObserver: TaskObserver = {
	mode: () => undefined,
	counters: () => undefined,
	activity: () => undefined,
	warning: () => undefined,
	info: () => undefined,
	bottleneck: () => undefined,
};

export type TaskOptions = { readonly signal?: AbortSignal | undefined };

/** An object that is read from snapshots, wholly or in part. */
export type ObjectSource = {
	readonly views: readonly ReadView[];
	/** Of a virtual machine. */
	readonly machine?: MachineSnapshot | undefined;
	readonly consistency: 'application' | 'file-system' | 'crash';
	readonly snapshot: SnapshotUse;
};

/** One run into one chain: one object, or all objects of the job where the repository keeps single-file chains. */
export type BackupRun = {
	/** A port: held by another machine, with which another thread has a session. */
	readonly repositoryPath: RepositoryFolder | RemotePlace | TargetPort;
	/** Master key of the chain, one of the repository's; null: not encrypted. */
	readonly keyId: string | null;
	readonly job: { readonly id: string; readonly name: string };
	readonly sessionId: string;
	readonly objects: readonly SourceSpec[];
	/** Managed machine that the objects lie on; absent: that of the backup server. */
	readonly machine?: MachineRef | undefined;
	/** How to get to the data mover that reads them; absent: they are read on this machine. */
	readonly via?: SourceMachine | undefined;
	/** When the run began by the clock of the backup server; absent: by that of this machine. */
	readonly now?: number | undefined;
	readonly exclude: readonly string[];
	/** What becomes of databases in folders; absent: they are files like others. */
	readonly databases?: DatabaseRules | undefined;
	/** Where each of the objects is read, and what their points say of that; null: live. Absent: all live. */
	readonly sources?: readonly (ObjectSource | null)[] | undefined;
	readonly method: ChainMethod;
	readonly singleFile: boolean;
	readonly blockSizeBytes: number;
	readonly compression: Compression;
	/** Of disks: also store what their file systems mark free, and swap. */
	readonly storeUnused: boolean;
	/** Forward incremental only: every increment builds on the full, none on another. */
	readonly differential: boolean;
	/**
	 * `full` begins a new chain; so does `synthetic`, which copies what has not changed from the present chain instead of reading it again. An
	 * increment falls back to a full when there is no chain to build on; the outcome says why.
	 */
	readonly requested: 'full' | 'synthetic' | 'increment';
	/** Why a full is requested; goes into the mode of the points. */
	readonly reason: string;
	/** Places of the job's chains that checks found broken: what lies there is not relied on, and read again where the source still has it. */
	readonly suspects: readonly Suspect[];
	/** Begin a new chain when the current one holds this many points (null: never). */
	readonly renewAfterPoints: number | null;
	/** A full outside of the job's chains, kept until a time of its own; null: until it is removed by hand. Only with `full`. */
	readonly adHoc?: { readonly keepUntil: number | null } | undefined;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

export type ObjectOutcome = {
	readonly object: SourceSpec;
	readonly pointId: string;
	readonly mode: RunMode;
	readonly counters: TaskCounters;
	readonly bottleneck: Bottleneck;
};

export const noCounters: TaskCounters = {
	totalBytes: null,
	doneBytes: 0,
	readBytes: 0,
	transferredBytes: 0,
	storedBytes: 0,
	totalItems: null,
	doneItems: 0,
	unchangedItems: 0,
	warningCount: 0,
};

export type MutableCounters = { -readonly [Key in keyof TaskCounters]: TaskCounters[Key] };
