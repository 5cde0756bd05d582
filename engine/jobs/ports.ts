/**
 * What the jobs need from the data plane. The engine's composition root joins them; a test may join a fake.
 * All paths of objects are `SourceSpec`s; all sizes bytes; all times epoch milliseconds.
 */
import type { EngineError } from '../base/index.ts';
import type {
	BrowsePage,
	CheckResult,
	DiskFormat,
	Download,
	ErrorShape,
	JobSettings,
	MachineRef,
	OverwriteRule,
	RepositoryLocation,
	RestorePlan,
	SourceSpec,
} from '../contract/index.ts';
import type { ChainLock } from '../format/index.ts';
import type { BackupRun as MoverRun, ObjectOutcome, TaskOptions as RunOptions, TaskObserver } from '../mover/index.ts';
import type { Medium } from '../platform/index.ts';
import type { ChainRecord, ChainStep, HoldOptions, ImportFindings, ImportOptions, StepOutcome, StorageFinding } from '../repository/index.ts';
import type { CheckPart } from '../restore/index.ts';
import type { MachineRestoration, RestoreImages } from './bring-back-machine.ts';

export type { ObjectOutcome, TaskObserver, TaskOptions as RunOptions } from '../mover/index.ts';
export type { ChainRecord, ChainStep, PointRecord, StepOutcome } from '../repository/index.ts';
export type { CheckPart } from '../restore/index.ts';

/** A run as jobs see it: of repositories they know where these are; how one gets there, the keys that open what lies there, and what may be moved how fast is added below them. */
export type BackupRun = Omit<MoverRun, 'repositoryPath' | 'shares' | 'via' | 'now'> & {
	readonly repository: RepositoryLocation;
	/** Between machines. */
	readonly connectionCount: number;
	/** The machine that reads the snapshots of this one; absent: where the objects lie. */
	readonly proxy?: MachineRef | undefined;
	/** The machine that the hosts of the virtual machines are reached through, and that reads them. */
	readonly reader?: MachineRef | undefined;
};

type AtPoint = { readonly repository: RepositoryLocation; readonly pointId: string };
/** `machineId`: where they are written, by paths of that machine; null: on that of the backup server. */
type FilesToRestore = AtPoint & {
	readonly paths: readonly string[];
	readonly machineId: string | null;
	readonly to: string | null;
	readonly overwrite: OverwriteRule;
};

/** Everything that moves or reads backup data. */
export interface DataPlane {
	/**
	 * Runs the pipe and commits one backup file with one point per object, all or nothing.
	 * Observers stand in the order of `objects`. After an abort or a failure no file of the run is left and the chain is as before.
	 * Fails with `repository.*` or `source.missing`; trouble with single items is a warning to the observer.
	 */
	backUp(run: BackupRun, observers: readonly TaskObserver[], options: RunOptions): Promise<readonly ObjectOutcome[]>;
	/** Onto a machine it fails with `connection.*` or `auth.*` when that cannot be reached, or is lost for more than five minutes. */
	restoreFiles(input: FilesToRestore, observer: TaskObserver, options: RunOptions): Promise<void>;
	restoreDisk(
		input: AtPoint & { disk: string | null; machineId: string | null; to: string; format: DiskFormat; overwrite: boolean },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void>;
	/** As `RestoreImages`, on the machine of the backup server; disks become qcow2 images. */
	restoreMachine(input: AtPoint & Parameters<RestoreImages>[0], observer: TaskObserver, options: RunOptions): ReturnType<RestoreImages>;
	/** Has a managed machine do all of `bringBackMachine`, on a host that is there. Also throws `connection.*`. */
	bringBackMachine(
		input: AtPoint & { readonly machineId: string; readonly restoration: MachineRestoration },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<void>;
	planRestore(input: FilesToRestore, options: RunOptions): Promise<RestorePlan>;
	/** Reads and verifies everything one point needs, and writes nothing. Damage is in the result, not an error. */
	verifyPoint(input: { repository: RepositoryLocation; pointId: string }, observer: TaskObserver, options: RunOptions): Promise<CheckResult>;
	/** Reads and verifies every stored byte of a chain, or a share of it. Says which points and paths are hurt by what is broken. */
	checkChain(
		input: { repository: RepositoryLocation; chainId: string; part?: CheckPart | null },
		observer: TaskObserver,
		options: RunOptions,
	): Promise<CheckResult>;
	/**
	 * Moves chunks between the files of a chain, or writes them anew. The caller has the chain alone. What is interrupted leaves every point
	 * restorable and can be repeated. Fails with `not-found.chain`, `usage.conflict`, `repository.*`.
	 */
	runStep(input: { repository: RepositoryLocation; chainId: string; step: ChainStep }, observer: TaskObserver, options: RunOptions): Promise<StepOutcome>;
	browse(input: { repository: RepositoryLocation; pointId: string; path: string; offset: number; limit: number }, options: RunOptions): Promise<BrowsePage>;
	/** Size and time of one path in a point; null when it is not there. */
	stat(
		input: { repository: RepositoryLocation; pointId: string; path: string },
		options: RunOptions,
	): Promise<{ sizeBytes: number; modifiedAt: number | null } | null>;
	openDownload(input: { repository: RepositoryLocation; pointId: string; paths: readonly string[] }, options: RunOptions): Promise<Download>;
	/** Adds up a source as it would be backed up; ends early with `complete: false` when `deadlineMs` have passed. */
	measure(
		input: { source: SourceSpec; exclude: readonly string[]; deadlineMs: number },
		options: RunOptions,
	): Promise<{ bytes: number; items: number; complete: boolean }>;
}

/** Machines as jobs know them. */
export interface JobMachines {
	/** What is known of it, and how many tasks may work there at a time. `not-found.machine` */
	get(id: string): Promise<MachineRef & { readonly maxTasks: number }>;
	/** Why a source cannot be read there; null: nothing is known against it. `connection.*`, `auth.*` */
	sourceProblem(id: string, source: SourceSpec): Promise<ErrorShape | null>;
	/** The machine that the host of a virtual machine is reached through; null: it is reached from here, or the source is none. */
	readerOf(source: SourceSpec): Promise<ReadingMachine | null>;
}

/** A job that is to be read by another machine than the one that its sources lie on. */
export type OffHostWish = Pick<JobSettings, 'sources' | 'snapshot' | 'machineId' | 'proxyId'> & { readonly repository: RepositoryLocation | null };

/** A machine that reads, and how many tasks may work there at a time. */
export type ReadingMachine = MachineRef & { readonly maxTasks: number };

/** Off-host for one session, as the machines were found when it began. */
export interface OffHostSession {
	/** Sources by the computer that they lie on: those of one are read before those of the next (OFFHOST-07). */
	readonly inTurn: readonly (readonly SourceSpec[])[];
	/** Who reads the next task, by what each proxy works on now. `infra.no-proxy` */
	proxy(load: (proxy: ReadingMachine) => number): ReadingMachine;
}

/** How snapshots are given to another machine, which reads them. */
export interface OffHost {
	/** What is known against a job, without asking machines: `usage.conflict`, `infra.no-proxy`, `not-found.machine`; `data.field` names the setting. Empty: nothing. */
	problems(wish: OffHostWish): Promise<readonly EngineError[]>;
	/** Looks which proxies there are, and what they reach. Throws the first of the problems, and the signal's reason. */
	begin(wish: OffHostWish, options: { readonly signal: AbortSignal }): Promise<OffHostSession>;
}

/** The repository's folder as a catalogue of chains. */
export interface ChainStore {
	/** Tries out the folder: creates it if its parent exists, writes, syncs, reads back, renames, deletes. @returns what it lies on. Throws `repository.*`. `isThere`: it must be a repository already. */
	prepare(repository: RepositoryLocation, options?: HoldOptions): Promise<{ readonly medium: Medium }>;
	/** It is no repository of this installation any more; nothing in it is touched. Throws when the machine that holds it could not be told. */
	release(repository: RepositoryLocation): Promise<void>;
	space(repository: RepositoryLocation): Promise<{ capacityBytes: number; freeBytes: number }>;
	/** What it lies on. Throws when the machine that holds it could not be asked. */
	mediumOf(repository: RepositoryLocation): Promise<Medium>;
	/** Tries the promises of the storage out, one by one. */
	checkStorage(repository: RepositoryLocation): Promise<readonly StorageFinding[]>;
	/** All chains in the folder, from their `.hbm`; a chain that cannot be read is in `problems` instead. */
	list(
		repository: RepositoryLocation,
	): Promise<{ readonly chains: readonly ChainRecord[]; readonly problems: readonly { readonly path: string; readonly error: ErrorShape }[] }>;
	/**
	 * Removes what a dead session left: uncommitted backup files and temporary files of the given job.
	 * Committed files that the `.hbm` does not know yet are taken in. Call only while no session of the job runs.
	 * @param options `keepsBegun` leaves what a compaction can go on with
	 */
	cleanUp(
		repository: RepositoryLocation,
		job: { readonly id: string; readonly name: string },
		options?: { readonly keepsBegun?: boolean },
	): Promise<{ removed: readonly string[]; adopted: readonly string[] }>;
	/** Looks for chains whoever made them and makes lost metadata anew; writes to nothing that another installation may be writing to. `repository.*` */
	importChains(repository: RepositoryLocation, options: ImportOptions): Promise<ImportFindings>;
	/** Takes in or removes what a died session left half done. The caller has the chain alone. `not-found.chain`, `repository.*` */
	finishChain(repository: RepositoryLocation, chainId: string): Promise<void>;
	/** Makes a chain another job's, put right first. The caller has the chain alone. `not-found.chain`, `repository.*` */
	takeOver(repository: RepositoryLocation, chainId: string, job: { readonly id: string; readonly name: string }): Promise<void>;
	/** Gives every file of an encrypted chain the slots that its key has now. The caller has the chain alone. `not-found.chain`, `repository.*` */
	relock(repository: RepositoryLocation, chainId: string): Promise<void>;
	/** Of all encrypted chains, whether their keys are at hand or not. */
	locks(repository: RepositoryLocation): Promise<readonly { readonly path: string; readonly lock: ChainLock }[]>;
	/** Deletes one file that nothing builds on. `usage.conflict` when something does, `not-found.chain`. */
	removeFile(repository: RepositoryLocation, chainId: string, path: string): Promise<void>;
	/** Deletes a chain with its files: metadata last, so that a crash leaves a chain that is still known. */
	removeChain(repository: RepositoryLocation, chainId: string): Promise<void>;
}
