/**
 * What the jobs need from the data plane. The engine's composition root joins them; a test may join a fake.
 * All paths of objects are `SourceSpec`s; all sizes bytes; all times epoch milliseconds.
 */
import type {
	BackupFileKind,
	Bottleneck,
	BrowsePage,
	ChainMethod,
	CheckResult,
	Compression,
	Download,
	ErrorShape,
	ItemWarning,
	OverwriteRule,
	RestorePlan,
	RunMode,
	SourceSpec,
	TaskCounters,
} from '../contract/index.ts';

/** Listens to one object of a run. Called often: implementations only store and thin out. Never throws. */
export interface TaskObserver {
	counters(counters: TaskCounters): void;
	/** What it is doing now: a path, or a word such as "committing". */
	activity(text: string): void;
	warning(warning: ItemWarning): void;
	info(message: string): void;
	/** Busy shares since the start, whenever they are known. */
	bottleneck(bottleneck: Bottleneck): void;
}

export type RunOptions = { readonly signal?: AbortSignal | undefined };

/** One run into one chain: one object, or all objects of the job where the repository keeps single-file chains. */
export type BackupRun = {
	readonly repositoryPath: string;
	readonly job: { readonly id: string; readonly name: string };
	readonly sessionId: string;
	readonly objects: readonly SourceSpec[];
	readonly exclude: readonly string[];
	readonly method: ChainMethod;
	readonly singleFile: boolean;
	readonly blockSizeBytes: number;
	readonly compression: Compression;
	/** `full` begins a new chain. An increment falls back to a full when there is no chain to build on; the outcome says why. */
	readonly requested: 'full' | 'increment';
	/** Why a full is requested; goes into the mode of the points. */
	readonly reason: string;
	/** Begin a new chain when the current one holds this many points (null: never). */
	readonly renewAfterPoints: number | null;
	readonly readLimit: number | null;
	readonly writeLimit: number | null;
};

export type ObjectOutcome = {
	readonly object: SourceSpec;
	readonly pointId: string;
	readonly mode: RunMode;
	readonly counters: TaskCounters;
	readonly bottleneck: Bottleneck;
};

/** A restore point as the repository's own files know it. */
export type PointRecord = {
	readonly id: string;
	readonly chainId: string;
	readonly object: SourceSpec;
	readonly createdAt: number;
	readonly kind: BackupFileKind;
	readonly consistency: 'application' | 'file-system' | 'crash';
	readonly mode: RunMode;
	readonly sessionId: string;
	readonly file: string;
	readonly storedBytes: number;
	readonly sourceBytes: number;
	readonly itemCount: number;
	readonly warningCount: number;
	/** Why it cannot be restored; null when nothing is known against it. */
	readonly problem: string | null;
};

export type ChainRecord = {
	readonly id: string;
	readonly job: { readonly id: string; readonly name: string };
	readonly objects: readonly SourceSpec[];
	readonly method: ChainMethod;
	readonly createdAt: number;
	readonly encrypted: boolean;
	/** Oldest first; each depends on the one before it, the first is the full. Paths relative to the repository. */
	readonly files: readonly {
		readonly path: string;
		readonly kind: BackupFileKind;
		readonly sizeBytes: number;
		readonly createdAt: number;
		readonly pointIds: readonly string[];
		readonly problem: string | null;
	}[];
	/** Oldest first. */
	readonly points: readonly PointRecord[];
};

/** Everything that moves or reads backup data. */
export interface DataPlane {
	/**
	 * Runs the pipe and commits one backup file with one point per object, all or nothing.
	 * Observers stand in the order of `objects`. After an abort or a failure no file of the run is left and the chain is as before.
	 * Fails with `repository.*` or `source.missing`; trouble with single items is a warning to the observer.
	 */
	backUp(run: BackupRun, observers: readonly TaskObserver[], options: RunOptions): Promise<readonly ObjectOutcome[]>;
	restoreFiles(
		input: { repositoryPath: string; pointId: string; paths: readonly string[]; to: string | null; overwrite: OverwriteRule },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void>;
	restoreDisk(input: { repositoryPath: string; pointId: string; to: string; overwrite: boolean }, observer: TaskObserver, options: RunOptions): Promise<void>;
	planRestore(
		input: { repositoryPath: string; pointId: string; paths: readonly string[]; to: string | null; overwrite: OverwriteRule },
		options: RunOptions,
	): Promise<RestorePlan>;
	/** Reads and verifies everything one point needs, and writes nothing. Damage is in the result, not an error. */
	verifyPoint(input: { repositoryPath: string; pointId: string }, observer: TaskObserver, options: RunOptions): Promise<CheckResult>;
	/** Reads and verifies every stored byte of a chain. */
	checkChain(input: { repositoryPath: string; chainId: string }, observer: TaskObserver, options: RunOptions): Promise<CheckResult>;
	browse(input: { repositoryPath: string; pointId: string; path: string; offset: number; limit: number }, options: RunOptions): Promise<BrowsePage>;
	/** Size and time of one path in a point; null when it is not there. */
	stat(input: { repositoryPath: string; pointId: string; path: string }, options: RunOptions): Promise<{ sizeBytes: number; modifiedAt: number | null } | null>;
	openDownload(input: { repositoryPath: string; pointId: string; paths: readonly string[] }, options: RunOptions): Promise<Download>;
	/** Adds up a source as it would be backed up; ends early with `complete: false` when `deadlineMs` have passed. */
	measure(
		input: { source: SourceSpec; exclude: readonly string[]; deadlineMs: number },
		options: RunOptions,
	): Promise<{ bytes: number; items: number; complete: boolean }>;
}

/** The repository's folder as a catalogue of chains. */
export interface ChainStore {
	/** Tries out the folder: creates it if its parent exists, writes, syncs, reads back, renames, deletes. Throws `repository.*`. */
	prepare(repositoryPath: string): Promise<void>;
	space(repositoryPath: string): Promise<{ capacityBytes: number; freeBytes: number }>;
	/** All chains in the folder, from their `.hbm`; a chain that cannot be read is in `problems` instead. */
	list(
		repositoryPath: string,
	): Promise<{ readonly chains: readonly ChainRecord[]; readonly problems: readonly { readonly path: string; readonly error: ErrorShape }[] }>;
	/**
	 * Removes what a dead session left: uncommitted backup files and temporary files of the given job.
	 * Committed files that the `.hbm` does not know yet are taken in. Call only while no session of the job runs.
	 */
	cleanUp(repositoryPath: string, job: { readonly id: string; readonly name: string }): Promise<{ removed: readonly string[]; adopted: readonly string[] }>;
	/** Deletes a chain with its files: metadata last, so that a crash leaves a chain that is still known. */
	removeChain(repositoryPath: string, chainId: string): Promise<void>;
}
