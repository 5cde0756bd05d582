/** What Holdfast needs of a hypervisor host: the seam between virtual machines and whoever runs them. */
import type { NbdAddress } from '../../block/index.ts';
import type { HostFacts, VirtualMachine } from '../../contract/index.ts';

export type HypervisorOptions = { readonly signal?: AbortSignal | undefined };

export type DiskBackupRequest = {
	/** Id of a machine. One that is off is started for the time of the backup, and its processors stand still. */
	readonly machineId: string;
	/** Names of disks, at least one: all are shown as at one instant. */
	readonly disks: readonly string[];
	/**
	 * A folder on the host that only this backup uses: for what the machine overwrites meanwhile, and for the socket. It is named after the backup, so that whoever finds the
	 * backup later knows whose it is.
	 */
	readonly folder: string;
	/** Checkpoint that tells what has changed since; null: nothing is to be told. */
	readonly since: string | null;
	/** Name of the checkpoint that begins at this instant: letters, digits, `-`. */
	readonly checkpoint: string;
	/** Its state is saved for it, so that memory and disks are of one instant; it goes on before anything is read (QUIESCE-06). Absent: it is not. */
	readonly savesState?: boolean;
};

export type DiskBackup = {
	readonly disks: readonly {
		readonly name: string;
		/** Read-only, until the backup ends. */
		readonly address: NbdAddress;
		/** Dirty bitmap of the export with what has changed since the checkpoint that was named; null: that is not known. */
		readonly dirtyBitmap: string | null;
		/** Why it is not known what has changed, although it was asked for; empty where it is, or was not asked for. */
		readonly untracked: string;
	}[];
	/** The checkpoint has begun, for one disk at least. */
	readonly hasCheckpoint: boolean;
	/** File with its saved state, until the backup ends; null: none was saved. */
	readonly memory: string | null;
};

export type BackupEnd = Pick<DiskBackupRequest, 'machineId' | 'folder'> & {
	/** Of all checkpoints of the machine, oldest first, those to be dropped; absent: none. */
	readonly drop?: (checkpoints: readonly string[]) => readonly string[];
};

export type MachineConfiguration = {
	/** As the host writes it, secrets included: what it is made of when it starts the next time. */
	readonly definition: string;
	/** Path on the host of the variables of its firmware. */
	readonly nvramPath: string | null;
};

/** What a definition says, without asking a host. */
export type DefinedMachine = {
	readonly id: string;
	readonly name: string;
	/** Image file or device on the host that it was backed up on; null: neither. */
	readonly disks: readonly { readonly name: string; readonly path: string | null; readonly format: string }[];
	readonly nvramPath: string | null;
};

export type MachineRegistration = {
	/** As a configuration had it. */
	readonly definition: string;
	readonly name: string;
	/**
	 * It becomes a copy beside the original: another machine with this id, with network addresses of its own, and without writable disks of the original that are not among `disks`. Null: it
	 * is the original again.
	 */
	readonly newId: string | null;
	/** Disks whose content is in a qcow2 image now; others stay as they are defined. */
	readonly disks: readonly { readonly name: string; readonly path: string }[];
	/** Where the variables of its firmware are now; null: a copy gets fresh ones, the original those that it had. */
	readonly nvramPath: string | null;
};

/** A state that was saved by a backup, for the machine that it is of. */
export type SavedState = Pick<MachineRegistration, 'name' | 'disks' | 'nvramPath'> & {
	readonly machineId: string;
	/** File on the host. */
	readonly memory: string;
	/** It runs on from there now; else it is off, and does so when it is started. */
	readonly goesOn: boolean;
};

export type GuestCall = {
	readonly machineId: string;
	/** Path in the guest. */
	readonly program: string;
	readonly args: readonly string[];
};

/** `code`: of a program that a signal has ended, 128 and the signal. */
export type GuestOutcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type RegisteredMachine = {
	readonly id: string;
	/** Disks of the definition that a copy does not have. */
	readonly leftOut: readonly string[];
};

/**
 * What can be asked of a host wherever it is: nothing of it is a file or a socket there. All calls may fail with `source.unreachable` (the host does not answer)
 * and `source.refused` (it answers, and says no); through a managed machine also with `connection.*`. Nothing is kept between calls: each says what is so now.
 */
export interface HypervisorControl {
	/** Reaches the host and says what it is. */
	describe(options?: HypervisorOptions): Promise<HostFacts>;
	/** All machines that the host knows, running or not, by their names. One that vanishes meanwhile is not in the list. */
	machines(options?: HypervisorOptions & { /** Only the one of this name. */ readonly name?: string }): Promise<readonly VirtualMachine[]>;
	/** Names of all checkpoints that a machine has, oldest first, whoever made them. */
	checkpoints(machineId: string, options?: HypervisorOptions): Promise<readonly string[]>;
	/**
	 * Drops checkpoints. What they told of changes goes over to the checkpoint before them: dropping the newest after a backup that failed loses nothing. One that is damaged is dropped as well.
	 * Of a machine that is off none can be dropped: they stay. Idempotent.
	 */
	dropCheckpoints(machineId: string, names: readonly string[], options?: HypervisorOptions): Promise<void>;
	/** Asks the guest agent to hold all file systems still, or to let go of them. Letting go of what is not held is no error. @returns how many */
	holdStill(machineId: string, isHeld: boolean, options?: HypervisorOptions): Promise<number>;
}

/** A host on the machine that asks it: paths and sockets are that machine's. */
export interface Hypervisor extends HypervisorControl {
	/** Shows disks of a running machine as they are at this instant, while the machine goes on. Whatever fails, `endBackup` puts right. */
	beginBackup(request: DiskBackupRequest, options?: HypervisorOptions): Promise<DiskBackup>;
	/**
	 * Ends a backup that was begun with this folder, by whichever process, and removes what it kept there; a machine that was started for it is off again, and one whose state was saved goes on. Idempotent: nothing to end is
	 * no error, and backups of others are left alone.
	 */
	endBackup(end: BackupEnd, options?: HypervisorOptions): Promise<void>;
	configuration(machineId: string, options?: HypervisorOptions): Promise<MachineConfiguration>;
	/** Has the guest agent run a program, and waits for its end; what is given up goes on in the guest. */
	runInGuest(call: GuestCall, options?: HypervisorOptions): Promise<GuestOutcome>;
	/** Of the guest, the likeliest first; empty: nobody knows. */
	addresses(machineId: string, options?: HypervisorOptions): Promise<readonly string[]>;
	/** Asks nobody. @throws `source.refused` when it is no definition of this hypervisor */
	readDefinition(definition: string): Promise<DefinedMachine>;
	/** Makes a machine known that is off and whose disks are in place. Fails with `exists.name` where the host has one of this name or id; a machine that is there is never changed. */
	register(registration: MachineRegistration, options?: HypervisorOptions): Promise<RegisteredMachine>;
	start(machineId: string, options?: HypervisorOptions): Promise<void>;
	/** Has a machine that was registered, and is off, go on from a saved state. When it fails the machine is off, without one. */
	loadState(state: SavedState, options?: HypervisorOptions): Promise<void>;
	/** Takes a registration back: the machine ends and is no longer known; its disks and firmware variables stay. Idempotent. */
	unregister(machineId: string, options?: HypervisorOptions): Promise<void>;
}

/** Opens hypervisors of one type. */
export type OpenHypervisor = (uri: string) => Hypervisor;
