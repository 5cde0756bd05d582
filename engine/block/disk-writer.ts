import { isZero } from '../base/index.ts';
import type { Platform } from '../platform/index.ts';
import { ClusterMap } from './qcow2-layout.ts';
import { targetError } from './target-error.ts';
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

/** Writes to a disk that is being restored. Threads that share one write to ranges that do not touch. All failures are `restore.target`. */
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

/** A writer for any thread of this process. Lives at most as long as the target. */
export const attachDiskWriter = (handle: DiskTargetHandle, platform: Platform): DiskWriter => new RangeWriter(handle, platform);

class RangeWriter implements DiskWriter {
	readonly #handle: DiskTargetHandle;
	readonly #platform: Platform;
	readonly #dataOffset: number;
	readonly #used: ClusterMap | null;
	/** End of the last byte written: what lies behind it in a file is a hole, or belongs to another writer. */
	#writtenEnd = 0;

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
			else this.#writeAll(offsetBytes + start, data.subarray(start, end));
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

	#fillWithZeros(offsetBytes: number, lengthBytes: number): void {
		for (let done = 0; done < lengthBytes; done += zeros.length)
			this.#writeAll(offsetBytes + done, zeros.subarray(0, Math.min(zeros.length, lengthBytes - done)));
	}

	#writeAll(offsetBytes: number, data: Uint8Array): void {
		this.#writtenEnd = Math.max(this.#writtenEnd, offsetBytes + data.length);
		this.#used?.mark(offsetBytes, data.length);
		this.#attempt(() => writeAt(this.#handle.fd, data, this.#dataOffset + offsetBytes));
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
