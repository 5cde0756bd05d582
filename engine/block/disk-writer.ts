import { closeSync, writeSync } from 'node:fs';
import { isZero, systemErrorCode } from '../base/index.ts';
import { type Platform, type UncachedFile, uncachedUnit } from '../platform/index.ts';
import { ClusterMap } from './qcow2-layout.ts';
import { targetError } from './target-error.ts';

/** What a thread needs to write to a target that another one has opened, and keeps open. */
export type DiskTargetHandle = {
	readonly path: string;
	readonly fd: number;
	readonly kind: 'file' | 'device';
	/** Of the disk. */
	readonly sizeBytes: number;
	/** Where the disk lies in an image that has tables, and what they will be made of; null: the file is the disk. */
	readonly image: { readonly dataOffset: number; readonly clusterBytes: number; readonly used: SharedArrayBuffer } | null;
};

/** Writes to a disk that is being restored. Threads that share one write to ranges that do not touch. Synchronous; all failures are `restore.target`. */
export interface DiskWriter {
	/** Writes in any order. Runs of zeros take no room in a file and are zeroed on a device. */
	write(offsetBytes: number, data: Uint8Array): void;
	/** Makes a range read as zeros. Free on a file, unless this writer wrote data behind it. */
	writeZeros(offsetBytes: number, lengthBytes: number): void;
}

const pieceBytes = 65_536;
const zeros = new Uint8Array(1_048_576);
/** One call to the kernel holds the thread; a range of this size is done in a moment on any storage. */
const punchBytes = 256 * 1024 * 1024;

/** Shorter ones are as fast through the system's cache, which gathers them. */
const leastUncachedBytes = 128 * 1024;

/** A writer for any thread of this process. Lives at most as long as the target. */
export const attachDiskWriter = (handle: DiskTargetHandle, platform: Platform): DiskWriter & Disposable => new RangeWriter(handle, platform);

/**
 * A restored disk is larger than what a machine wants to remember of it: what it can, it writes past the system's cache, which spares the memory and
 * leaves hardly anything for the sync at the end.
 */
class RangeWriter implements DiskWriter, Disposable {
	readonly #handle: DiskTargetHandle;
	readonly #platform: Platform;
	readonly #dataOffset: number;
	readonly #used: ClusterMap | null;
	/** End of the last byte written: what lies behind it in a file is a hole, or belongs to another writer. */
	#writtenEnd = 0;
	/** Opened at the first write that is long enough. */
	#uncached: UncachedFile | null | undefined;

	constructor(handle: DiskTargetHandle, platform: Platform) {
		this.#handle = handle;
		this.#platform = platform;
		this.#dataOffset = handle.image?.dataOffset ?? 0;
		this.#used = handle.image && ClusterMap.attach(handle.image.used, handle.image.clusterBytes);
	}

	write(offsetBytes: number, data: Uint8Array): void {
		this.#checkRange(offsetBytes, data.length);
		// Neighbouring pieces of one sort go together, so that a full block is one write
		for (let start = 0; start < data.length; ) {
			const isHole = isZero(data.subarray(start, start + pieceBytes));
			let end = Math.min(start + pieceBytes, data.length);
			while (end < data.length && isZero(data.subarray(end, end + pieceBytes)) === isHole) end = Math.min(end + pieceBytes, data.length);
			if (isHole) this.writeZeros(offsetBytes + start, end - start);
			else this.#writeAll(data, { from: start, end, offsetBytes: offsetBytes + start });
			start = end;
		}
	}

	writeZeros(offsetBytes: number, lengthBytes: number): void {
		this.#checkRange(offsetBytes, lengthBytes);
		// Nothing to do where a file was never written
		const end = this.#handle.kind === 'file' ? Math.min(offsetBytes + lengthBytes, this.#writtenEnd) : offsetBytes + lengthBytes;
		for (let at = offsetBytes; at < end; at += punchBytes) {
			const length = Math.min(punchBytes, end - at);
			const isPunched = this.#attempt(() => this.#platform.files.punchHole(this.#handle.fd, this.#dataOffset + at, length));
			if (!isPunched) this.#fillWithZeros(at, length);
		}
	}

	[Symbol.dispose](): void {
		if (this.#uncached) closeSync(this.#uncached.fd);
		this.#uncached = null;
	}

	#fillWithZeros(offsetBytes: number, lengthBytes: number): void {
		for (let done = 0; done < lengthBytes; done += zeros.length) {
			this.#writeAll(zeros, { from: 0, end: Math.min(zeros.length, lengthBytes - done), offsetBytes: offsetBytes + done });
		}
	}

	#writeAll(data: Uint8Array, { from, end, offsetBytes }: { from: number; end: number; offsetBytes: number }): void {
		this.#writtenEnd = Math.max(this.#writtenEnd, offsetBytes + end - from);
		this.#used?.mark(offsetBytes, end - from);
		const position = this.#dataOffset + offsetBytes;
		this.#attempt(() => {
			const cachedFrom = from + this.#writeUncached(data, from, end, position);
			if (cachedFrom === end) return;
			const { fd } = this.#handle;
			for (let at = cachedFrom; at < end; ) at += writeSync(fd, data, at, end - at, position + at - from);
			// so that the sync at the end is short
			this.#platform.files.startWriteback(fd, position + cachedFrom - from, end - cachedFrom);
		});
	}

	/** @returns how many bytes it has written from the beginning: whole units, or none */
	#writeUncached(data: Uint8Array, from: number, end: number, position: number): number {
		const length = end - from - ((end - from) % uncachedUnit);
		if (length < leastUncachedBytes || position % uncachedUnit !== 0) return 0;
		if (this.#uncached === undefined) this.#uncached = this.#platform.files.openUncached(this.#handle.fd);
		if (this.#uncached === null) return 0;
		const { fd, buffer } = this.#uncached;
		try {
			for (let done = 0; done < length; ) {
				const piece = data.subarray(from + done, from + Math.min(length, done + buffer.length));
				buffer.set(piece);
				done += writeSync(fd, buffer, 0, piece.length, position + done);
			}
			return length;
		} catch (error) {
			if (systemErrorCode(error) !== 'EINVAL') throw error;
			this[Symbol.dispose](); // this storage has larger units
			return 0;
		}
	}

	#checkRange(offsetBytes: number, lengthBytes: number): void {
		if (offsetBytes < 0 || offsetBytes + lengthBytes > this.#handle.sizeBytes)
			throw new Error(`Defect: bytes ${offsetBytes}+${lengthBytes} lie outside of a disk of ${this.#handle.sizeBytes}`);
	}

	#attempt<T>(action: () => T): T {
		try {
			return action();
		} catch (error) {
			throw targetError(this.#handle.path, 'written', error);
		}
	}
}
