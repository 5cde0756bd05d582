import { isZero } from '../base/index.ts';
import { type Platform, uncachedUnit } from '../platform/index.ts';
import { ClusterMap } from './qcow2-layout.ts';
import { targetError } from './target-error.ts';
import { leastUncachedBytes, UncachedBuffers, UncachedWrites } from './uncached-writes.ts';
import { writeAt } from './write-at.ts';

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

/**
 * Writes to a disk that is being restored. Threads that share one write to ranges that do not touch. All failures are `restore.target`; those of what is still on its way
 * come with a later call, `flush` at the latest.
 */
export interface DiskWriter {
	/** Writes in any order. Runs of zeros take no room in a file and are zeroed on a device. When it resolves, `data` may change. */
	write(offsetBytes: number, data: Uint8Array): Promise<void>;
	/** Makes a range read as zeros. Free on a file, unless this writer wrote data behind it. */
	writeZeros(offsetBytes: number, lengthBytes: number): Promise<void>;
	/** Resolves when all that was taken by now is written (not: on stable storage). */
	flush(): Promise<void>;
}

const pieceBytes = 65_536;
const zeros = new Uint8Array(1_048_576);
/** One call to the kernel holds the thread; a range of this size is done in a moment on any storage. */
const punchBytes = 256 * 1024 * 1024;

/** A writer for any thread of this process. Lives at most as long as the target. */
export const attachDiskWriter = (handle: DiskTargetHandle, platform: Platform): DiskWriter & Disposable => new RangeWriter(handle, platform);

class RangeWriter implements DiskWriter, Disposable {
	readonly #handle: DiskTargetHandle;
	readonly #platform: Platform;
	readonly #dataOffset: number;
	readonly #used: ClusterMap | null;
	/** End of the last byte written: what lies behind it in a file is a hole, or belongs to another writer. */
	#writtenEnd = 0;
	/** Opened at the first write that is long enough. */
	#uncached: UncachedWrites | null | undefined;

	constructor(handle: DiskTargetHandle, platform: Platform) {
		this.#handle = handle;
		this.#platform = platform;
		this.#dataOffset = handle.image?.dataOffset ?? 0;
		this.#used = handle.image && ClusterMap.attach(handle.image.used, handle.image.clusterBytes);
	}

	async write(offsetBytes: number, data: Uint8Array): Promise<void> {
		this.#checkRange(offsetBytes, data.length);
		// Neighbouring pieces of one sort go together, so that a full block is one write
		for (let start = 0; start < data.length; ) {
			const isHole = isZero(data.subarray(start, start + pieceBytes));
			let end = Math.min(start + pieceBytes, data.length);
			while (end < data.length && isZero(data.subarray(end, end + pieceBytes)) === isHole) end = Math.min(end + pieceBytes, data.length);
			if (isHole) await this.writeZeros(offsetBytes + start, end - start);
			else await this.#writeAll(offsetBytes + start, data.subarray(start, end));
			start = end;
		}
	}

	async writeZeros(offsetBytes: number, lengthBytes: number): Promise<void> {
		this.#checkRange(offsetBytes, lengthBytes);
		// Nothing to do where a file was never written
		const end = this.#handle.kind === 'file' ? Math.min(offsetBytes + lengthBytes, this.#writtenEnd) : offsetBytes + lengthBytes;
		for (let at = offsetBytes; at < end; at += punchBytes) {
			const length = Math.min(punchBytes, end - at);
			await this.#settled(at, length);
			const isPunched = this.#attempt(() => this.#platform.files.punchHole(this.#handle.fd, this.#dataOffset + at, length));
			if (!isPunched) await this.#fillWithZeros(at, length);
		}
	}

	flush(): Promise<void> {
		return this.#settled(0, this.#handle.sizeBytes);
	}

	[Symbol.dispose](): void {
		this.#uncached?.[Symbol.dispose]();
		this.#uncached = null;
	}

	async #fillWithZeros(offsetBytes: number, lengthBytes: number): Promise<void> {
		for (let done = 0; done < lengthBytes; done += zeros.length)
			await this.#writeAll(offsetBytes + done, zeros.subarray(0, Math.min(zeros.length, lengthBytes - done)));
		await this.#settled(offsetBytes, lengthBytes);
	}

	async #writeAll(offsetBytes: number, data: Uint8Array): Promise<void> {
		await this.#settled(offsetBytes, data.length);
		this.#writtenEnd = Math.max(this.#writtenEnd, offsetBytes + data.length);
		this.#used?.mark(offsetBytes, data.length);
		const taken = await this.#writeUncached(offsetBytes, data);
		if (taken === data.length) return;
		this.#attempt(() => writeAt(this.#handle.fd, data.subarray(taken), this.#dataOffset + offsetBytes + taken));
	}

	/** @returns how many bytes it has taken from the beginning: whole units, or none */
	async #writeUncached(offsetBytes: number, data: Uint8Array): Promise<number> {
		const position = this.#dataOffset + offsetBytes;
		const length = data.length - (data.length % uncachedUnit);
		if (length < leastUncachedBytes || position % uncachedUnit !== 0) return 0;
		if (this.#uncached === undefined) this.#uncached = UncachedWrites.open(this.#handle.fd, this.#platform, new UncachedBuffers(this.#platform));
		if (this.#uncached === null || this.#uncached.isRefused) return 0;
		for (let done = 0; done < length; ) {
			const buffer = await this.#uncached.take();
			const piece = data.subarray(done, Math.min(length, done + buffer.length));
			buffer.set(piece);
			this.#uncached.submit(buffer, piece.length, position + done);
			done += piece.length;
		}
		return length;
	}

	/** Of the disk. What is on its way to that range has arrived then. */
	async #settled(offsetBytes: number, lengthBytes: number): Promise<void> {
		try {
			await this.#uncached?.settled(this.#dataOffset + offsetBytes, this.#dataOffset + offsetBytes + lengthBytes);
		} catch (error) {
			throw targetError(this.#handle.path, 'written', error);
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
