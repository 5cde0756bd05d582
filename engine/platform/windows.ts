import { existsSync, lutimesSync, openSync, statfsSync } from 'node:fs';
import { constants as os } from 'node:os';
import koffi from 'koffi';
import { noSockets, noSocketsLimit } from './no-sockets.ts';
import type { BlockDevice, DataExtent, FilePort, LockPort, Medium, MetadataPort, MountPoint, Platform, Volume, VolumePort, Xattr } from './port.ts';
import { systemError, unsupported } from './system-error.ts';

// Written from Microsoft's documentation and not yet run on Windows: `isProven` says so.

const lockfileFailImmediately = 1;
const lockfileExclusive = 2;
/** Far behind every real content: Windows locks are mandatory, and the content of a lock file must stay readable. */
const lockOffsetHigh = 0x4000_0000;
const errorLockViolation = 33;
const errorIoPending = 997;

const noXattrs: readonly Xattr[] = [];

export function openWindows(): Platform {
	const absent = (limit: string) => ({ available: false, limit }) as const;
	return {
		system: 'windows',
		capabilities: {
			xattrs: absent('Access control lists and alternate data streams are not kept on Windows yet.'),
			exactTimes: absent('File times are kept to about a microsecond on Windows.'),
			holes: absent('Sparse files are read in full on Windows; their zeros take no room in the repository.'),
			deviceNodes: absent('Fifos and device nodes of other systems cannot be restored on Windows.'),
			rangeClone: absent('Synthetic fulls are copied, not cloned, on Windows.'),
			fileLocks: { available: true },
			blockingSockets: noSocketsLimit('Windows'),
		},
		isProven: false,
		metadata: windowsMetadata,
		files: windowsFiles,
		locks: new WindowsLocks(),
		sockets: noSockets,
		disks: windowsDisks,
	};
}

const windowsMetadata: MetadataPort = {
	listXattrs: () => noXattrs,
	setXattr(path) {
		throw unsupported({ syscall: 'setxattr', path });
	},
	removeXattr(path) {
		throw unsupported({ syscall: 'removexattr', path });
	},
	setTimes: (path, { atimeNs, mtimeNs }) => lutimesSync(path, Number(atimeNs) / 1e9, Number(mtimeNs) / 1e9),
	makeNode(path) {
		throw unsupported({ syscall: 'mknod', path });
	},
	ownerName: String,
	groupName: String,
};

const windowsFiles: FilePort = {
	openForBackup: (path) => openSync(path, 'r'),
	dataExtents: (_fd, sizeBytes): readonly DataExtent[] => (sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }]),
	punchHole: () => false,
	cloneRange: () => false,
	copyRange: async () => false,
	blockDeviceSize() {
		throw unsupported({ syscall: 'ioctl' });
	},
};

class WindowsLocks implements LockPort {
	readonly #handleOf: (fd: number) => bigint;
	readonly #lockFileEx: (handle: bigint, flags: number, reserved: number, lengthLow: number, lengthHigh: number, overlapped: Buffer) => number;
	readonly #unlockFileEx: (handle: bigint, reserved: number, lengthLow: number, lengthHigh: number, overlapped: Buffer) => number;
	readonly #getLastError: () => number;

	constructor() {
		// Descriptors belong to the C runtime inside the program itself, so only the program can turn them into handles
		this.#handleOf = koffi.load(process.execPath).func('intptr_t uv_get_osfhandle(int fd)');
		const kernel32 = koffi.load('kernel32.dll');
		this.#lockFileEx = kernel32.func(
			'int __stdcall LockFileEx(intptr_t handle, uint32_t flags, uint32_t reserved, uint32_t lengthLow, uint32_t lengthHigh, void *overlapped)',
		);
		this.#unlockFileEx = kernel32.func(
			'int __stdcall UnlockFileEx(intptr_t handle, uint32_t reserved, uint32_t lengthLow, uint32_t lengthHigh, void *overlapped)',
		);
		this.#getLastError = kernel32.func('uint32_t __stdcall GetLastError()');
	}

	tryLock(fd: number): boolean {
		if (this.#lockFileEx(this.#handleOf(fd), lockfileFailImmediately | lockfileExclusive, 0, 1, 0, lockRange()) !== 0) return true;
		const error = this.#getLastError();
		if (error === errorLockViolation || error === errorIoPending) return false;
		throw systemError(os.errno.EIO, { syscall: `LockFileEx (${error})` });
	}

	unlock(fd: number): void {
		if (this.#unlockFileEx(this.#handleOf(fd), 0, 1, 0, lockRange()) === 0)
			throw systemError(os.errno.EIO, { syscall: `UnlockFileEx (${this.#getLastError()})` });
	}
}

/** OVERLAPPED on 64-bit Windows: two words of state, offset low and high, an event handle. */
function lockRange(): Buffer {
	const overlapped = Buffer.alloc(32);
	overlapped.writeUInt32LE(lockOffsetHigh, 20);
	return overlapped;
}

const letters = [...'CDEFGHIJKLMNOPQRSTUVWXYZ'];

const windowsDisks: VolumePort = {
	volumes: async (): Promise<readonly Volume[]> =>
		letters.flatMap((letter) => {
			const mountPoint = `${letter}:\\`;
			try {
				const { bsize, blocks, bavail } = statfsSync(mountPoint);
				return [{ mountPoint, fileSystem: '', device: `${letter}:`, sizeBytes: bsize * blocks, freeBytes: bsize * bavail, readOnly: false }];
			} catch {
				return []; // no such drive, or a drive with nothing in it
			}
		}),
	mounts: (): readonly MountPoint[] =>
		letters
			.filter((letter) => existsSync(`${letter}:\\`))
			.map((letter) => ({ mountPoint: `${letter}:\\`, root: '/', fileSystem: '', device: `${letter}:`, readOnly: false, isLasting: true })),
	blockDevices: (): readonly BlockDevice[] => [],
	mediumOf: (): Medium => 'unknown',
};
