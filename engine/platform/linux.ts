import { constants as fs, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import koffi from 'koffi';
import { bytesFromText, systemErrorCode, textFromBytes } from '../base/index.ts';
import { AccountNames } from './accounts.ts';
import { CPath } from './c-path.ts';
import { collectDataExtents, defaultMaxExtents } from './data-extents.ts';
import { LinuxDisks } from './linux-disks.ts';
import { LinuxSockets } from './linux-sockets.ts';
import type { Capabilities, DataExtent, FilePort, LockPort, MetadataPort, Platform, Xattr } from './port.ts';
import { systemError, unsupported } from './system-error.ts';
import { writeTimespecs } from './timespec.ts';

// Numbers of the generic Linux ABI (x86-64, arm64, riscv64); include/uapi/linux of the kernel
const atFdcwd = -100;
const atSymlinkNofollow = 0x100;
const seekData = 3;
const seekHole = 4;
const lockExclusive = 2;
const lockNonBlocking = 4;
const lockRelease = 8;
const blkGetSize64 = 0x80081272;
const ficlonerange = 0x4020940d;
const punchHoleKeepSize = 0x02 | 0x01;
const xattrSizeMax = 65_536; // XATTR_SIZE_MAX and XATTR_LIST_MAX
/** Asked for first, because the kernel allocates and clears as much as is asked for. */
const usualXattrSize = 1024;
/** XFS shows root its own form of the ACLs beside `system.posix_acl_*`: the same thing twice. */
const xfsShadows = new Set(['trusted.SGI_ACL_FILE', 'trusted.SGI_ACL_DEFAULT']);

const { EAGAIN, EINVAL, ENODATA, ENODEV, ENOSYS, ENOTSUP, ENOTTY, ENXIO, EOPNOTSUPP, ERANGE, EXDEV } = os.errno;
const cannotPunch = new Set([EINVAL, ENODEV, ENOSYS, EOPNOTSUPP]);
const cannotClone = new Set([EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP, EXDEV]);

const noXattrs: readonly Xattr[] = [];

export function openLinux(): Platform {
	// The symbols of the running program: its C library, be it glibc or musl, under whatever name
	const c = koffi.load(null);
	const hasMknod = optional(() => c.func('int mknod(void *path, uint32_t mode, uint64_t device)')) !== null; // glibc before 2.33 has it only as an inline wrapper
	const available = { available: true } as const;
	const capabilities: Capabilities = {
		xattrs: available,
		exactTimes: available,
		holes: available,
		deviceNodes: hasMknod
			? available
			: { available: false, limit: 'Device nodes and fifos cannot be restored: the C library of this system is older than glibc 2.33.' },
		rangeClone: available,
		fileLocks: available,
		blockingSockets: available,
	};
	return {
		system: 'linux',
		capabilities,
		isProven: true,
		metadata: new LinuxMetadata(c, hasMknod),
		files: new LinuxFiles(c),
		locks: new LinuxLocks(c),
		sockets: new LinuxSockets(c),
		disks: new LinuxDisks(),
	};
}

type Library = ReturnType<typeof koffi.load>;

/** Null where the C library has no such function. */
function optional<T>(declare: () => T): T | null {
	try {
		return declare();
	} catch {
		return null;
	}
}

class LinuxMetadata implements MetadataPort {
	readonly #llistxattr: (path: Buffer, list: Buffer | null, size: number) => number;
	readonly #lgetxattr: (path: Buffer, name: Buffer, value: Buffer, size: number) => number;
	readonly #lsetxattr: (path: Buffer, name: Buffer, value: Uint8Array, size: number, flags: number) => number;
	readonly #lremovexattr: (path: Buffer, name: Buffer) => number;
	readonly #utimensat: (folder: number, path: Buffer, times: Buffer, flags: number) => number;
	readonly #mknod: ((path: Buffer, mode: number, device: bigint) => number) | null;
	readonly #path = new CPath();
	readonly #list = Buffer.alloc(xattrSizeMax);
	readonly #value = Buffer.alloc(xattrSizeMax);
	readonly #times = Buffer.alloc(32);
	readonly #users = new AccountNames('/etc/passwd');
	readonly #groups = new AccountNames('/etc/group');

	constructor(c: Library, hasMknod: boolean) {
		this.#llistxattr = c.func('int64_t llistxattr(void *path, void *list, uint64_t size)');
		this.#lgetxattr = c.func('int64_t lgetxattr(void *path, void *name, void *value, uint64_t size)');
		this.#lsetxattr = c.func('int lsetxattr(void *path, void *name, void *value, uint64_t size, int flags)');
		this.#lremovexattr = c.func('int lremovexattr(void *path, void *name)');
		this.#utimensat = c.func('int utimensat(int folder, void *path, void *times, int flags)');
		this.#mknod = hasMknod ? c.func('int mknod(void *path, uint32_t mode, uint64_t device)') : null;
	}

	listXattrs(path: Buffer, onUnreadable?: (name: string, error: NodeJS.ErrnoException) => void): readonly Xattr[] {
		const file = this.#path.of(path, 'llistxattr');
		// Most files have none, and asking for the size alone spares the kernel a buffer: half the time of a call
		const size = this.#llistxattr(file, null, 0);
		if (size === 0) return noXattrs;
		if (size < 0) {
			const errno = koffi.errno();
			if (errno === ENOTSUP) return noXattrs;
			throw systemError(errno, { syscall: 'llistxattr', path });
		}
		let used = this.#llistxattr(file, this.#list, Math.min(size, xattrSizeMax));
		if (used < 0 && koffi.errno() === ERANGE) used = this.#llistxattr(file, this.#list, xattrSizeMax); // names were added meanwhile
		if (used < 0) throw systemError(koffi.errno(), { syscall: 'llistxattr', path });
		const found: Xattr[] = [];
		for (let start = 0; start < used; ) {
			const end = this.#list.indexOf(0, start) + 1;
			const name = this.#list.subarray(start, end);
			start = end;
			const text = textFromBytes(name.subarray(0, -1));
			if (xfsShadows.has(text)) continue;
			let length = this.#lgetxattr(file, name, this.#value, usualXattrSize);
			if (length < 0 && koffi.errno() === ERANGE) length = this.#lgetxattr(file, name, this.#value, xattrSizeMax);
			if (length >= 0) {
				found.push({ name: text, value: Buffer.from(this.#value.subarray(0, length)) });
				continue;
			}
			const errno = koffi.errno();
			if (errno === ENODATA) continue;
			const error = systemError(errno, { syscall: 'lgetxattr', path });
			if (onUnreadable === undefined) throw error;
			onUnreadable(text, error);
		}
		return found;
	}

	setXattr(path: Buffer, name: string, value: Uint8Array): void {
		const file = this.#path.of(path, 'lsetxattr');
		if (this.#lsetxattr(file, xattrName(name, path), value, value.length, 0) < 0) throw systemError(koffi.errno(), { syscall: 'lsetxattr', path });
	}

	removeXattr(path: Buffer, name: string): void {
		const file = this.#path.of(path, 'lremovexattr');
		if (this.#lremovexattr(file, xattrName(name, path)) >= 0) return;
		const errno = koffi.errno();
		if (errno !== ENODATA) throw systemError(errno, { syscall: 'lremovexattr', path });
	}

	setTimes(path: Buffer, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void {
		const file = this.#path.of(path, 'utimensat');
		writeTimespecs(this.#times, times);
		if (this.#utimensat(atFdcwd, file, this.#times, atSymlinkNofollow) < 0) throw systemError(koffi.errno(), { syscall: 'utimensat', path });
	}

	makeNode(path: Buffer, mode: number, rdev: number | bigint): void {
		if (this.#mknod === null) throw unsupported({ syscall: 'mknod', path });
		const file = this.#path.of(path, 'mknod');
		const isFifo = (mode & fs.S_IFMT) === fs.S_IFIFO;
		if (this.#mknod(file, mode, isFifo ? 0n : BigInt(rdev)) < 0) throw systemError(koffi.errno(), { syscall: 'mknod', path });
	}

	ownerName(uid: number): string {
		return this.#users.nameOf(uid);
	}

	groupName(gid: number): string {
		return this.#groups.nameOf(gid);
	}
}

/** A name comes from a backup: one that would end early for the kernel is refused, as a path is. */
function xattrName(name: string, path: Buffer): Buffer {
	const bytes = bytesFromText(`${name}\0`);
	if (bytes.indexOf(0) !== bytes.length - 1 || bytes.length === 1) throw systemError(bytes.length === 1 ? ERANGE : EINVAL, { syscall: 'xattr', path });
	return bytes;
}

class LinuxFiles implements FilePort {
	readonly #lseek: (fd: number, offset: number, whence: number) => number;
	readonly #ioctl: (fd: number, request: number, argument: Buffer) => number;
	readonly #fallocate: (fd: number, mode: number, offset: number, length: number) => number;
	/** Null in C libraries that are older than the call. */
	readonly #copyFileRange: ReturnType<Library['func']> | null;
	readonly #argument = Buffer.alloc(32);

	constructor(c: Library) {
		this.#lseek = c.func('int64_t lseek(int fd, int64_t offset, int whence)');
		this.#ioctl = c.func('int ioctl(int fd, uint64_t request, void *argument)');
		this.#fallocate = c.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
		this.#copyFileRange = optional(() => c.func('int64_t copy_file_range(int source, void *from, int target, void *to, uint64_t length, uint32_t flags)'));
	}

	openForBackup(path: Buffer): number {
		const flags = fs.O_RDONLY | fs.O_NOFOLLOW | fs.O_NONBLOCK;
		try {
			return openSync(path, flags | fs.O_NOATIME);
		} catch (error) {
			if (systemErrorCode(error) !== 'EPERM') throw error;
			return openSync(path, flags); // only the owner and root may leave the access time alone
		}
	}

	dataExtents(fd: number, sizeBytes: number, maxExtents: number = defaultMaxExtents): readonly DataExtent[] {
		const next = (what: 'data' | 'hole', from: number): number | null | 'unsupported' => {
			const found = this.#lseek(fd, from, what === 'data' ? seekData : seekHole);
			if (found >= 0) return found;
			const errno = koffi.errno();
			if (errno === ENXIO) return null;
			if (errno === EINVAL || errno === EOPNOTSUPP) return 'unsupported';
			throw systemError(errno, { syscall: 'lseek' });
		};
		return collectDataExtents({ next }, sizeBytes, maxExtents);
	}

	punchHole(fd: number, offset: number, length: number): boolean {
		if (this.#fallocate(fd, punchHoleKeepSize, offset, length) >= 0) return true;
		const errno = koffi.errno();
		if (cannotPunch.has(errno)) return false;
		throw systemError(errno, { syscall: 'fallocate' });
	}

	cloneRange(sourceFd: number, sourceOffset: number, length: number, targetFd: number, targetOffset: number): boolean {
		if (length === 0) return true; // the kernel would take it as "to the end of the source"
		this.#argument.writeBigInt64LE(BigInt(sourceFd), 0); // struct file_clone_range
		this.#argument.writeBigUInt64LE(BigInt(sourceOffset), 8);
		this.#argument.writeBigUInt64LE(BigInt(length), 16);
		this.#argument.writeBigUInt64LE(BigInt(targetOffset), 24);
		if (this.#ioctl(targetFd, ficlonerange, this.#argument) >= 0) return true;
		const errno = koffi.errno();
		if (cannotClone.has(errno)) return false;
		throw systemError(errno, { syscall: 'ioctl' });
	}

	async copyRange(sourceFd: number, sourceOffset: number, length: number, targetFd: number, targetOffset: number): Promise<boolean> {
		const copy = this.#copyFileRange;
		if (copy === null) return false;
		const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]; // of this call alone: several may be under way
		for (let done = 0; done < length; ) {
			from.writeBigInt64LE(BigInt(sourceOffset + done));
			to.writeBigInt64LE(BigInt(targetOffset + done));
			const copied = await new Promise<number>((resolve, reject) =>
				copy.async(sourceFd, from, targetFd, to, length - done, 0, (error: Error | null, result: number) => (error ? reject(error) : resolve(result))),
			);
			if (copied <= 0) return false;
			done += copied;
		}
		return true;
	}

	blockDeviceSize(fd: number): number {
		if (this.#ioctl(fd, blkGetSize64, this.#argument) < 0) throw systemError(koffi.errno(), { syscall: 'ioctl' });
		return Number(this.#argument.readBigUInt64LE(0));
	}
}

class LinuxLocks implements LockPort {
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
