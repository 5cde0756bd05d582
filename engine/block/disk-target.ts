import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { bytesFromText, displayText, EngineError, isEngineError, isZero, systemErrorCode } from '../base/index.ts';
import { openPlatform, type Platform } from '../platform/index.ts';

/** Where a disk is restored to. Synchronous; all failures are `restore.target`. */
export interface DiskTarget extends Disposable {
	readonly kind: 'file' | 'device';
	/** Of the disk that is written; a device may be larger and keeps the rest of its content. */
	readonly sizeBytes: number;
	/** Writes in any order. Runs of zeros take no room in a file and are zeroed on a device. */
	write(offsetBytes: number, data: Uint8Array): void;
	/** Makes a range read as zeros. Free on a file, unless data was written there before. */
	writeZeros(offsetBytes: number, lengthBytes: number): void;
	/** Returns when everything written is on stable storage, with the file's name. */
	sync(): void;
	/** Calling it again does nothing. Without `sync` before, nothing is promised. */
	close(): void;
	/** Closes, and removes a file that was created here: a half-written disk must not look like one. What existed before stays as it is by now. */
	discard(): void;
}

export type OpenDiskTargetOptions = {
	/** Allows to replace a file, or to write to a device: both lose what they hold. */
	readonly overwrite: boolean;
	readonly platform?: Platform;
};

const pieceBytes = 65_536;
const zeros = new Uint8Array(1_048_576);
/** One call to the kernel holds the thread; a range of this size is done in a moment on any storage. */
const punchBytes = 256 * 1024 * 1024;

/**
 * Opens a raw image file (created sparse, readable by its owner only) or an existing block device.
 * Fails with `exists.target` where something would be lost and `overwrite` is false, else with `restore.target`.
 */
export function openDiskTarget(path: string, sizeBytes: number, { overwrite, platform = openPlatform() }: OpenDiskTargetOptions): DiskTarget {
	const name = bytesFromText(path);
	const kind = existingKind(path, name);
	if (kind !== null && !overwrite) {
		const what = kind === 'device' ? `The device ${displayText(path)} holds data that would be lost.` : `The file ${displayText(path)} exists already.`;
		throw new EngineError('exists.target', what, { hint: 'Choose another target, or allow to overwrite it.' });
	}
	let fd: number;
	try {
		// On a device O_EXCL refuses one that is mounted or otherwise in use
		const flags = kind === 'file' ? 0 : kind === 'device' ? constants.O_EXCL : constants.O_CREAT | constants.O_EXCL;
		fd = openSync(name, constants.O_RDWR | flags, 0o600);
	} catch (error) {
		if (kind === 'device' && systemErrorCode(error) === 'EBUSY')
			throw new EngineError('restore.target', `The device ${displayText(path)} is in use.`, { hint: 'Unmount its file systems first.', cause: error });
		throw targetError(path, 'opened', error);
	}
	const target = new RawTarget({ path, fd, kind: kind === 'device' ? 'device' : 'file', isNew: kind === null, sizeBytes, platform });
	try {
		target.prepare();
		return target;
	} catch (error) {
		target.discard();
		throw error;
	}
}

function existingKind(path: string, name: Buffer): 'file' | 'device' | null {
	let stats: ReturnType<typeof statSync>;
	try {
		stats = statSync(name);
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return null;
		throw targetError(path, 'opened', error);
	}
	if (stats?.isFile()) return 'file';
	if (stats?.isBlockDevice()) return 'device';
	throw new EngineError('restore.target', `${displayText(path)} is neither a file nor a block device.`, { hint: 'Name a file to create, or a device.' });
}

class RawTarget implements DiskTarget {
	readonly kind: 'file' | 'device';
	readonly sizeBytes: number;
	readonly #path: string;
	readonly #platform: Platform;
	readonly #isNew: boolean;
	#fd: number | null;
	/** End of the last byte written: behind it a file is one hole. */
	#writtenEnd = 0;

	constructor(input: { path: string; fd: number; kind: 'file' | 'device'; isNew: boolean; sizeBytes: number; platform: Platform }) {
		this.#path = input.path;
		this.#fd = input.fd;
		this.kind = input.kind;
		this.#isNew = input.isNew;
		this.sizeBytes = input.sizeBytes;
		this.#platform = input.platform;
	}

	prepare(): void {
		this.#attempt('prepared', (fd) => {
			if (this.kind === 'file') {
				ftruncateSync(fd, 0); // what it held would show through the holes
				ftruncateSync(fd, this.sizeBytes);
				return;
			}
			const deviceSize = this.#platform.files.blockDeviceSize(fd);
			if (deviceSize < this.sizeBytes) {
				throw new EngineError(
					'restore.target',
					`The device ${displayText(this.#path)} is too small: it has ${deviceSize} bytes, the disk has ${this.sizeBytes}.`,
					{ hint: 'Choose a device of at least that size.', data: { deviceSizeBytes: deviceSize, sizeBytes: this.sizeBytes } },
				);
			}
		});
	}

	write(offsetBytes: number, data: Uint8Array): void {
		this.#checkRange(offsetBytes, data.length);
		// Neighbouring pieces of one sort go together, so that a full block is one write
		for (let start = 0; start < data.length; ) {
			const isHole = isZero(data.subarray(start, start + pieceBytes));
			let end = Math.min(start + pieceBytes, data.length);
			while (end < data.length && isZero(data.subarray(end, end + pieceBytes)) === isHole) end = Math.min(end + pieceBytes, data.length);
			if (isHole) this.writeZeros(offsetBytes + start, end - start);
			else this.#writeAll(data, { from: start, end, position: offsetBytes + start });
			start = end;
		}
	}

	writeZeros(offsetBytes: number, lengthBytes: number): void {
		this.#checkRange(offsetBytes, lengthBytes);
		// Nothing to do where a file was never written
		const end = this.kind === 'file' ? Math.min(offsetBytes + lengthBytes, this.#writtenEnd) : offsetBytes + lengthBytes;
		for (let at = offsetBytes; at < end; at += punchBytes) {
			const length = Math.min(punchBytes, end - at);
			const isPunched = this.#attempt('written', (fd) => this.#platform.files.punchHole(fd, at, length));
			if (!isPunched) this.#fillWithZeros(at, length);
		}
	}

	#fillWithZeros(offsetBytes: number, lengthBytes: number): void {
		for (let done = 0; done < lengthBytes; done += zeros.length) {
			this.#writeAll(zeros, { from: 0, end: Math.min(zeros.length, lengthBytes - done), position: offsetBytes + done });
		}
	}

	#writeAll(data: Uint8Array, { from, end, position }: { from: number; end: number; position: number }): void {
		this.#writtenEnd = Math.max(this.#writtenEnd, position + end - from);
		this.#attempt('written', (fd) => {
			for (let at = from; at < end; ) at += writeSync(fd, data, at, end - at, position + at - from);
		});
	}

	#checkRange(offsetBytes: number, lengthBytes: number): void {
		if (offsetBytes < 0 || offsetBytes + lengthBytes > this.sizeBytes)
			throw new Error(`Defect: bytes ${offsetBytes}+${lengthBytes} lie outside of a disk of ${this.sizeBytes}`);
	}

	sync(): void {
		this.#attempt('written', (fd) => {
			fsyncSync(fd);
			if (this.#isNew && process.platform !== 'win32') syncFolder(dirname(this.#path));
		});
	}

	close(): void {
		const fd = this.#fd;
		this.#fd = null;
		if (fd !== null) closeSync(fd);
	}

	discard(): void {
		if (this.#fd === null) return;
		const isStillOurs = this.#isNew && isSameFile(this.#fd, this.#path);
		this.close();
		if (isStillOurs) unlinkSync(bytesFromText(this.#path));
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#attempt<T>(verb: string, action: (fd: number) => T): T {
		if (this.#fd === null) throw new Error(`Defect: ${this.#path} is used after it was closed`);
		try {
			return action(this.#fd);
		} catch (error) {
			throw targetError(this.#path, verb, error);
		}
	}
}

function isSameFile(fd: number, path: string): boolean {
	const open = fstatSync(fd, { bigint: true });
	const named = statSync(bytesFromText(path), { bigint: true, throwIfNoEntry: false });
	return named?.ino === open.ino && named.dev === open.dev;
}

function syncFolder(path: string): void {
	const fd = openSync(bytesFromText(path), constants.O_RDONLY);
	try {
		fsyncSync(fd);
	} finally {
		closeSync(fd);
	}
}

function targetError(path: string, verb: string, error: unknown): EngineError {
	if (isEngineError(error)) return error;
	const name = displayText(path);
	const detail = { cause: error };
	switch (systemErrorCode(error)) {
		case 'ENOENT':
		case 'ENOTDIR':
			return new EngineError('restore.target', `The folder of ${name} does not exist.`, { ...detail, hint: 'Create it, or choose another target.' });
		case 'EACCES':
		case 'EPERM':
		case 'EROFS':
			return new EngineError('restore.target', `${name} must not be written.`, {
				...detail,
				hint: 'Check its permissions and whether its volume is read-only.',
			});
		case 'ENOSPC':
		case 'EDQUOT':
			return new EngineError('restore.target', `There is not enough room for ${name}.`, { ...detail, hint: 'Free some room, or choose another target.' });
		case 'EFBIG':
			return new EngineError('restore.target', `The volume of ${name} does not take files of that size.`, { ...detail, hint: 'Choose another target.' });
		default:
			return new EngineError('restore.target', `${name} cannot be ${verb}: ${error instanceof Error ? error.message : String(error)}`, detail);
	}
}
