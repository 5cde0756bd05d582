import { closeSync, constants, fdatasyncSync, fstatSync, openSync, statSync } from 'node:fs';
import { bytesFromText, displayText, EngineError, systemErrorCode } from '../../base/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { BlockExtent } from '../block-source.ts';
import { ExtentList } from '../extent-list.ts';
import type { NbdDevice, WritableDevice } from '../nbd/index.ts';
import { openError } from '../source-error.ts';
import { writeAt } from '../write-at.ts';
import { ChangeLog } from './change-log.ts';
import { CowSnapshot, readFully } from './cow-snapshot.ts';

const zeros = Buffer.alloc(1024 * 1024);

export type CowDeviceInput = {
	readonly path: string;
	/** Where the log of changes rests while the device is not served. */
	readonly changeLogPath: string;
	readonly platform: Platform;
};

/**
 * A raw image or block device that is written through Holdfast, which sees every write before it happens. What others write beside it is in no snapshot as it was: a file is
 * locked against other engines, a device against being mounted, no more.
 */
export class CowDevice implements NbdDevice {
	readonly path: string;
	readonly sizeBytes: number;
	readonly writable: WritableDevice;
	readonly #platform: Platform;
	readonly #isDevice: boolean;
	readonly #changeLogPath: string;
	readonly #changes: ChangeLog;
	readonly #snapshots = new Set<CowSnapshot>();
	#fd: number | null;

	/** @throws `source.missing`, `source.unreadable`, `source.unsupported`, `busy.device` */
	constructor({ path, changeLogPath, platform }: CowDeviceInput) {
		this.path = path;
		this.#platform = platform;
		this.#changeLogPath = changeLogPath;
		let fd: number;
		try {
			// Exclusive means for a block device: nobody has it mounted, or will
			fd = openSync(bytesFromText(path), constants.O_RDWR | (constants.O_NONBLOCK ?? 0) | (isBlockDevice(path) ? constants.O_EXCL : 0));
		} catch (error) {
			if (systemErrorCode(error) === 'EBUSY') throw inUse(path, 'it is mounted, or belongs to something that is', error);
			throw openError(path, error);
		}
		this.#fd = fd;
		try {
			const stats = fstatSync(fd);
			this.#isDevice = stats.isBlockDevice();
			if (!this.#isDevice && !stats.isFile())
				throw new EngineError('source.unsupported', `${displayText(path)} is neither a raw image nor a block device.`, { hint: 'Choose a file or a device.' });
			if (!platform.locks.tryLock(fd)) throw inUse(path, 'another program has locked it');
			this.sizeBytes = this.#isDevice ? platform.files.blockDeviceSize(fd) : stats.size;
			// A device has no times that would show that somebody wrote to it meanwhile
			this.#changes = this.#isDevice ? new ChangeLog(this.sizeBytes) : ChangeLog.open(changeLogPath, this.sizeBytes, identityOf(fd));
		} catch (error) {
			closeSync(fd);
			throw error;
		}
		this.writable = {
			write: (offset, bytes) => this.#overwrite(offset, bytes.byteLength, () => this.#write(offset, bytes)),
			zero: (offset, length, { keepRoom }) => this.#overwrite(offset, length, () => this.#zero(offset, length, keepRoom)),
			flush: () => fdatasyncSync(this.#live),
		};
	}

	get #live(): number {
		if (this.#fd === null) throw new Error(`Defect: ${this.path} is used after it was closed`);
		return this.#fd;
	}

	readSync(target: Uint8Array, offsetBytes: number): void {
		readFully(this.#live, target, offsetBytes);
	}

	/** The device as it is now: between two writes. */
	snapshot(input: { readonly name: string; readonly cachePath: string; readonly cacheLimitBytes: number }): CowSnapshot {
		const snapshot = new CowSnapshot({
			...input,
			sizeBytes: this.sizeBytes,
			readLive: (target, offset) => this.readSync(target, offset),
			extents: this.#extents(),
			...this.#changes.cut(),
		});
		this.#snapshots.add(snapshot);
		return snapshot;
	}

	release(snapshot: CowSnapshot): void {
		this.#snapshots.delete(snapshot);
		snapshot.discard();
	}

	/** Leaves what was written on stable storage, and remembers what has changed. Snapshots are lost. Calling it again does nothing. */
	close(): void {
		const fd = this.#fd;
		if (fd === null) return;
		for (const snapshot of this.#snapshots) this.release(snapshot);
		try {
			fdatasyncSync(fd);
			if (!this.#isDevice) this.#changes.save(this.#changeLogPath, identityOf(fd));
		} finally {
			this.#fd = null;
			closeSync(fd);
		}
	}

	#overwrite(offsetBytes: number, lengthBytes: number, write: () => void): void {
		for (const snapshot of this.#snapshots) snapshot.preserve(offsetBytes, lengthBytes);
		this.#changes.mark(offsetBytes, lengthBytes); // before: a write that fails half way has changed something
		write();
	}

	#write(offsetBytes: number, bytes: Uint8Array): void {
		writeAt(this.#live, bytes, offsetBytes);
	}

	#zero(offsetBytes: number, lengthBytes: number, keepRoom: boolean): void {
		if (!keepRoom && this.#platform.files.punchHole(this.#live, offsetBytes, lengthBytes)) return;
		for (let done = 0; done < lengthBytes; done += zeros.length) this.#write(offsetBytes + done, zeros.subarray(0, Math.min(zeros.length, lengthBytes - done)));
	}

	#extents(): readonly BlockExtent[] {
		if (this.#isDevice) return this.sizeBytes === 0 ? [] : [{ offsetBytes: 0, lengthBytes: this.sizeBytes }];
		const list = new ExtentList();
		for (const { offset, length } of this.#platform.files.dataExtents(this.#live, this.sizeBytes)) list.add(offset, offset + length);
		return list.toExtents();
	}
}

function isBlockDevice(path: string): boolean {
	const stats = statSync(bytesFromText(path), { throwIfNoEntry: false });
	return stats?.isBlockDevice() ?? false;
}

const inUse = (path: string, why: string, cause?: unknown): EngineError =>
	new EngineError('busy.device', `${displayText(path)} cannot be served: ${why}.`, {
		hint: 'Stop whatever uses it; from then on it is reached through Holdfast only.',
		cause,
	});

/** Changes whenever a file is written to, or replaced. */
function identityOf(fd: number): string {
	const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
	return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
