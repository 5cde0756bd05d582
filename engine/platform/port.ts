/**
 * What the engine asks of the operating system beyond Node's `fs`. One adapter per system (`linux.ts`, `macos.ts`, `windows.ts`).
 *
 * Calls are synchronous unless they say otherwise, because they are made from worker threads that walk trees; an instance belongs to the thread that opened
 * it. Paths are bytes as the kernel knows them, without a trailing NUL (UTF-8 on Windows). A failed call throws an error that looks
 * like one of Node's own: `code` (`ENOTSUP`, `EPERM` …), `errno`, `syscall`, `path`. A call whose capability is absent fails with `ENOTSUP`,
 * unless its contract promises an answer.
 */

/** Whether a system can do something at all; a single file system on it may still refuse. */
export type Capability =
	| { readonly available: true }
	/** `limit` is a sentence for an administrator: what is lost without it. */
	| { readonly available: false; readonly limit: string };

export type Capabilities = {
	/** Extended attributes, and with them ACLs and file capabilities. */
	readonly xattrs: Capability;
	/** Times in nanoseconds, also of symbolic links. */
	readonly exactTimes: Capability;
	/** Finding the holes of sparse files, and punching them. */
	readonly holes: Capability;
	/** Creating fifos and device nodes. */
	readonly deviceNodes: Capability;
	/** Sharing extents between files where the file system can. */
	readonly rangeClone: Capability;
	/** Locks that the kernel releases when the holder dies. */
	readonly fileLocks: Capability;
	/** Connections that a thread reads from without an event loop. */
	readonly blockingSockets: Capability;
};

export type Xattr = { readonly name: string; readonly value: Buffer };

export interface MetadataPort {
	/**
	 * Extended attributes of `path` itself, never of what a link points to, with POSIX ACLs (`system.posix_acl_*`) and file capabilities
	 * (`security.capability`). An undecodable byte of a name is escaped as in `textFromBytes`. Where the file system has none: empty.
	 * An attribute that vanishes meanwhile is left out. One that cannot be read is reported to `onUnreadable` and left out;
	 * without a listener its error is thrown.
	 */
	listXattrs(path: Buffer, onUnreadable?: (name: string, error: NodeJS.ErrnoException) => void): readonly Xattr[];
	/** Creates or replaces one attribute of `path` itself. */
	setXattr(path: Buffer, name: string, value: Uint8Array): void;
	/** Removes one attribute of `path` itself; one that is not there is no error. */
	removeXattr(path: Buffer, name: string): void;
	/** Sets times of `path` itself, to the nanosecond where `exactTimes` is available, else rounded down to what the system keeps. */
	setTimes(path: Buffer, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void;
	/** Creates a fifo or a device node. `mode` holds type and permission bits (the umask applies); `rdev` is as in `fs.Stats` and ignored for fifos. */
	makeNode(path: Buffer, mode: number, rdev: number | bigint): void;
	/** Name of a user, or the number as text. The system's list is read once per instance. */
	ownerName(uid: number): string;
	/** Name of a group, or the number as text. */
	groupName(gid: number): string;
}

export type DataExtent = { readonly offset: number; readonly length: number };

export interface FilePort {
	/**
	 * Opens for reading without following a final link, without touching the access time where that is allowed, and without ever
	 * waiting: a fifo that took the file's place opens at once. Check with `fstat` that it is what was listed.
	 * A file that another program holds under a write lease fails with `EAGAIN`, and is free for the next try once the lease is given up.
	 */
	openForBackup(path: Buffer): number;
	/**
	 * Where data lies in the first `sizeBytes` of a regular file: ascending, not touching, within `sizeBytes`. What is outside reads as zeros.
	 * One extent over everything where holes are unknown; a file with more than `maxExtents` extents ends in one that may contain holes.
	 * A file that shrinks meanwhile gives fewer extents. Moves the descriptor's own position: read with explicit positions.
	 */
	dataExtents(fd: number, sizeBytes: number, maxExtents?: number): readonly DataExtent[];
	/** Makes a range of a file or block device read as zeros and gives its room back. False where unsupported: write zeros instead. */
	punchHole(fd: number, offset: number, length: number): boolean;
	/**
	 * Lets a range of one file share the extents of another (both on one file system, aligned to its blocks, the last range may end at the
	 * end of the source). False where unsupported: copy instead. Atomic with respect to readers of the range.
	 */
	cloneRange(sourceFd: number, sourceOffset: number, length: number, targetFd: number, targetOffset: number): boolean;
	/**
	 * Copies a range of one regular file into another within the system, so that the bytes do not pass through this process; file systems that can let both
	 * share them, and some servers copy by themselves. Does not keep its thread waiting: it takes as long as the range is large.
	 * False where that is unsupported, fails, or the source ends before the range does, with the range of the target then left in any state: read and
	 * write instead, which tells what is wrong with which file. Both descriptors stay open until it resolves.
	 */
	copyRange(sourceFd: number, sourceOffset: number, length: number, targetFd: number, targetOffset: number): Promise<boolean>;
	/** Size of the block device that is open as `fd`. */
	blockDeviceSize(fd: number): number;
}

export interface LockPort {
	/**
	 * Tries to lock the open file against every other open of it, in this or any other process. True: held until `unlock`, until the last
	 * descriptor is closed, or until the process dies in whatever way. Advisory: others may still read and write the file.
	 */
	tryLock(fd: number): boolean;
	unlock(fd: number): void;
}

export type SocketAddress = { readonly kind: 'unix'; readonly path: Buffer } | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface SocketPort {
	/**
	 * Connects a stream socket, trying every address that a name stands for, and gives its descriptor: to be used with `fs.readSync` and `fs.writeSync`, which wait for
	 * at most `waitMs` and then fail with `EAGAIN`. Children do not inherit it.
	 * Fails with `ENOTFOUND` for a name that nobody knows and `ETIMEDOUT` after `connectMs` per address.
	 */
	connect(address: SocketAddress, waitMs: number, connectMs: number): number;
	/** Of what `connect` gave: `fs.closeSync` warns in worker threads about descriptors that `fs` has not opened. Never fails. */
	close(fd: number): void;
}

/** What files lie on, as far as it can be told. */
export type Medium = 'rotating' | 'flash' | 'network' | 'unknown';

export type Volume = {
	readonly mountPoint: string;
	readonly fileSystem: string;
	readonly device: string;
	readonly sizeBytes: number;
	/** Free to this process. */
	readonly freeBytes: number;
	readonly readOnly: boolean;
};

/** A place where a file system can be reached. */
export type MountPoint = {
	readonly mountPoint: string;
	/** Which directory of the file system is mounted there: `/`, that of a subvolume, that of a bind mount. */
	readonly root: string;
	/** Empty where the system does not tell. */
	readonly fileSystem: string;
	readonly device: string;
	readonly readOnly: boolean;
	/** It can keep data: not the kernel's furniture, nor memory. */
	readonly isLasting: boolean;
};

export type BlockDevice = {
	readonly path: string;
	readonly sizeBytes: number;
	readonly model: string | null;
	readonly readOnly: boolean;
	/** Path of the disk that a partition belongs to; null for a whole disk. */
	readonly parentPath: string | null;
};

export interface VolumePort {
	/** Mounted volumes that can hold backup files, each once however often it is mounted. A network file system that does not answer soon is left out. */
	volumes(): Promise<readonly Volume[]>;
	/** Everything that is mounted now and not hidden by a later mount; asks no file system, so that none can make it wait. Empty where the system does not tell. */
	mounts(): readonly MountPoint[];
	/** Disks and partitions with a size; empty where the system does not tell. */
	blockDevices(): readonly BlockDevice[];
	/** What the folder lies on; `unknown` where the system does not tell, or knows nothing of the disk, as that of a hypervisor. Asks no file system. */
	mediumOf(folder: string): Medium;
}

export interface Platform {
	readonly system: 'linux' | 'macos' | 'windows';
	readonly capabilities: Capabilities;
	/** False while the adapter has not been run on a real system of its kind. */
	readonly isProven: boolean;
	readonly metadata: MetadataPort;
	readonly files: FilePort;
	readonly locks: LockPort;
	readonly sockets: SocketPort;
	readonly disks: VolumePort;
}

/** What an administrator should know that this system cannot do: the sentences of all absent capabilities. */
export const platformLimits = ({ capabilities, isProven }: Platform): readonly string[] => [
	...Object.values(capabilities).flatMap((capability) => (capability.available ? [] : [capability.limit])),
	...(isProven ? [] : ['Metadata, locks and volumes of this operating system have not been tried out on a real machine yet.']),
];
