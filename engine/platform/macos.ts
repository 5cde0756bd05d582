import { constants as fs, lstatSync, openSync, readdirSync, statfsSync } from 'node:fs';
import { constants as os } from 'node:os';
import koffi from 'koffi';
import { bytesFromText, textFromBytes } from '../base/index.ts';
import { AccountNames } from './accounts.ts';
import { CPath } from './c-path.ts';
import { collectDataExtents, defaultMaxExtents } from './data-extents.ts';
import { noSockets, noSocketsLimit } from './no-sockets.ts';
import type { BlockDevice, DataExtent, FilePort, LockPort, Medium, MetadataPort, MountPoint, Platform, Volume, VolumePort, Xattr } from './port.ts';
import { systemError, unsupported } from './system-error.ts';
import { writeTimespecs } from './timespec.ts';

// Written from Apple's headers and not yet run on a Mac: `isProven` says so. Calls with variable arguments (ioctl, fcntl) are left out,
// since arm64 passes those differently and nobody has seen them work here.

// sys/fcntl.h, sys/unistd.h, sys/xattr.h, sys/errno.h of macOS: several differ from Linux
const atFdcwd = -2;
const atSymlinkNofollow = 0x20;
const seekHole = 3;
const seekData = 4;
const xattrNofollow = 1;
const enoattr = 93;
const lockExclusive = 2;
const lockNonBlocking = 4;
const lockRelease = 8;

const { EAGAIN, EINVAL, ENOTSUP, ENOTTY, ENXIO } = os.errno;
const noXattrs: readonly Xattr[] = [];

type Library = ReturnType<typeof koffi.load>;

export function openMacos(): Platform {
	const c = koffi.load('/usr/lib/libSystem.B.dylib');
	const available = { available: true } as const;
	return {
		system: 'macos',
		capabilities: {
			xattrs: available,
			exactTimes: available,
			holes: { available: false, limit: 'Holes of sparse files are found but not given back when a restore writes into an existing file on macOS.' },
			deviceNodes: available,
			rangeClone: { available: false, limit: 'Synthetic fulls are copied, not cloned, on macOS: its file systems clone whole files only.' },
			fileLocks: available,
			blockingSockets: noSocketsLimit('macOS'),
		},
		isProven: false,
		metadata: new MacosMetadata(c),
		files: new MacosFiles(c),
		locks: new MacosLocks(c),
		sockets: noSockets,
		disks: new MacosDisks(),
	};
}

class MacosMetadata implements MetadataPort {
	readonly #listxattr: (path: Buffer, list: Buffer | null, size: number, options: number) => number;
	readonly #getxattr: (path: Buffer, name: Buffer, value: Buffer | null, size: number, position: number, options: number) => number;
	readonly #setxattr: (path: Buffer, name: Buffer, value: Uint8Array, size: number, position: number, options: number) => number;
	readonly #removexattr: (path: Buffer, name: Buffer, options: number) => number;
	readonly #utimensat: (folder: number, path: Buffer, times: Buffer, flags: number) => number;
	readonly #mknod: (path: Buffer, mode: number, device: number) => number;
	readonly #mkfifo: (path: Buffer, mode: number) => number;
	readonly #path = new CPath();
	readonly #times = Buffer.alloc(32);
	readonly #users = new AccountNames('/etc/passwd');
	readonly #groups = new AccountNames('/etc/group');

	constructor(c: Library) {
		this.#listxattr = c.func('int64_t listxattr(void *path, void *list, uint64_t size, int options)');
		this.#getxattr = c.func('int64_t getxattr(void *path, void *name, void *value, uint64_t size, uint32_t position, int options)');
		this.#setxattr = c.func('int setxattr(void *path, void *name, void *value, uint64_t size, uint32_t position, int options)');
		this.#removexattr = c.func('int removexattr(void *path, void *name, int options)');
		this.#utimensat = c.func('int utimensat(int folder, void *path, void *times, int flags)');
		this.#mknod = c.func('int mknod(void *path, uint16_t mode, int32_t device)');
		this.#mkfifo = c.func('int mkfifo(void *path, uint16_t mode)');
	}

	listXattrs(path: Buffer, onUnreadable?: (name: string, error: NodeJS.ErrnoException) => void): readonly Xattr[] {
		const file = this.#path.of(path, 'listxattr');
		const size = this.#listxattr(file, null, 0, xattrNofollow);
		if (size === 0) return noXattrs;
		if (size < 0) {
			const errno = koffi.errno();
			if (errno === ENOTSUP) return noXattrs;
			throw systemError(errno, { syscall: 'listxattr', path });
		}
		const list = Buffer.alloc(size);
		const used = this.#listxattr(file, list, size, xattrNofollow);
		if (used < 0) throw systemError(koffi.errno(), { syscall: 'listxattr', path });
		const found: Xattr[] = [];
		for (let start = 0; start < used; ) {
			const end = list.indexOf(0, start) + 1;
			const name = list.subarray(start, end);
			start = end;
			const value = this.#read(file, name);
			const text = textFromBytes(name.subarray(0, -1));
			if (typeof value !== 'number') found.push({ name: text, value });
			else if (value !== enoattr) {
				const error = systemError(value, { syscall: 'getxattr', path });
				if (onUnreadable === undefined) throw error;
				onUnreadable(text, error);
			}
		}
		return found;
	}

	/** The value, or the errno. Resource forks have no useful upper bound, so the size is asked for first. */
	#read(file: Buffer, name: Buffer): Buffer | number {
		const size = this.#getxattr(file, name, null, 0, 0, xattrNofollow);
		if (size < 0) return koffi.errno();
		const value = Buffer.alloc(size);
		const length = this.#getxattr(file, name, value, size, 0, xattrNofollow);
		return length < 0 ? koffi.errno() : value.subarray(0, length);
	}

	setXattr(path: Buffer, name: string, value: Uint8Array): void {
		const file = this.#path.of(path, 'setxattr');
		if (this.#setxattr(file, xattrName(name, path), value, value.length, 0, xattrNofollow) < 0) throw systemError(koffi.errno(), { syscall: 'setxattr', path });
	}

	removeXattr(path: Buffer, name: string): void {
		const file = this.#path.of(path, 'removexattr');
		if (this.#removexattr(file, xattrName(name, path), xattrNofollow) >= 0) return;
		const errno = koffi.errno();
		if (errno !== enoattr) throw systemError(errno, { syscall: 'removexattr', path });
	}

	setTimes(path: Buffer, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void {
		const file = this.#path.of(path, 'utimensat');
		writeTimespecs(this.#times, times);
		if (this.#utimensat(atFdcwd, file, this.#times, atSymlinkNofollow) < 0) throw systemError(koffi.errno(), { syscall: 'utimensat', path });
	}

	makeNode(path: Buffer, mode: number, rdev: number | bigint): void {
		const isFifo = (mode & fs.S_IFMT) === fs.S_IFIFO;
		const file = this.#path.of(path, 'mknod');
		const result = isFifo ? this.#mkfifo(file, mode & 0o7777) : this.#mknod(file, mode, Number(rdev) | 0);
		if (result < 0) throw systemError(koffi.errno(), { syscall: 'mknod', path });
	}

	ownerName(uid: number): string {
		return this.#users.nameOf(uid);
	}

	groupName(gid: number): string {
		return this.#groups.nameOf(gid);
	}
}

function xattrName(name: string, path: Buffer): Buffer {
	if (name.includes('\0')) throw systemError(EINVAL, { syscall: 'xattr', path });
	return bytesFromText(`${name}\0`);
}

class MacosFiles implements FilePort {
	readonly #lseek: (fd: number, offset: number, whence: number) => number;

	constructor(c: Library) {
		this.#lseek = c.func('int64_t lseek(int fd, int64_t offset, int whence)');
	}

	openForBackup(path: Buffer): number {
		return openSync(path, fs.O_RDONLY | fs.O_NOFOLLOW | fs.O_NONBLOCK);
	}

	dataExtents(fd: number, sizeBytes: number, maxExtents: number = defaultMaxExtents): readonly DataExtent[] {
		const next = (what: 'data' | 'hole', from: number): number | null | 'unsupported' => {
			const found = this.#lseek(fd, from, what === 'data' ? seekData : seekHole);
			if (found >= 0) return found;
			const errno = koffi.errno();
			if (errno === ENXIO) return null;
			if (errno === EINVAL || errno === ENOTTY || errno === ENOTSUP) return 'unsupported';
			throw systemError(errno, { syscall: 'lseek' });
		};
		return collectDataExtents({ next }, sizeBytes, maxExtents);
	}

	punchHole(): boolean {
		return false;
	}

	cloneRange(): boolean {
		return false;
	}

	async copyRange(): Promise<boolean> {
		return false;
	}

	blockDeviceSize(): number {
		throw unsupported({ syscall: 'ioctl' });
	}
}

class MacosLocks implements LockPort {
	readonly #flock: (fd: number, operation: number) => number;

	constructor(c: Library) {
		this.#flock = c.func('int flock(int fd, int operation)');
	}

	tryLock(fd: number): boolean {
		if (this.#flock(fd, lockExclusive | lockNonBlocking) >= 0) return true;
		const errno = koffi.errno();
		if (errno === EAGAIN) return false;
		throw systemError(errno, { syscall: 'flock' });
	}

	unlock(fd: number): void {
		if (this.#flock(fd, lockRelease) < 0) throw systemError(koffi.errno(), { syscall: 'flock' });
	}
}

class MacosDisks implements VolumePort {
	async volumes(): Promise<readonly Volume[]> {
		const seen = new Set<number>();
		return ['/', ...readdirSync('/Volumes').map((name) => `/Volumes/${name}`)].flatMap((mountPoint) => {
			try {
				const { dev } = lstatSync(mountPoint);
				if (seen.has(dev)) return []; // the link to the system volume, and folders that are no volumes
				seen.add(dev);
				const { bsize, blocks, bavail } = statfsSync(mountPoint);
				return [{ mountPoint, fileSystem: '', device: '', sizeBytes: bsize * blocks, freeBytes: bsize * bavail, readOnly: false }];
			} catch {
				return []; // ejected meanwhile
			}
		});
	}

	mounts(): readonly MountPoint[] {
		return [];
	}

	blockDevices(): readonly BlockDevice[] {
		return [];
	}

	mediumOf(): Medium {
		return 'unknown';
	}
}
