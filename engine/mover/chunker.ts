import { hash } from 'node:crypto';

/**
 * Content-defined chunking: FastCDC (Xia et al., USENIX ATC 2016), a gear hash with normalised chunk sizes. Boundaries depend on
 * the bytes before them, so that an insertion moves only the chunks that it touches.
 */
export type ChunkSizes = { readonly minimumBytes: number; readonly meanBytes: number; readonly maximumBytes: number };

/** Sizes around half of the job's block size: fine enough for edits in large files, coarse enough for compression. */
export function chunkSizes(blockSizeBytes: number): ChunkSizes {
	const meanBytes = blockSizeBytes / 2;
	return { minimumBytes: meanBytes / 4, meanBytes, maximumBytes: meanBytes * 4 };
}

/** One random number per byte value, the same for all time: other numbers would find other boundaries and nothing would be recognised. */
const gear = Int32Array.from({ length: 256 }, (_, value) => hash('sha256', `holdfast gear ${value}`, 'buffer').readInt32LE(0));

/** A mask of `bits` ones at the top, where the gear hash has mixed most bytes. */
const topMask = (bits: number): number => (bits === 0 ? 0 : -1 << (32 - bits));

export class Chunker {
	readonly sizes: ChunkSizes;
	/** Harder to meet before the mean, easier after it: sizes gather around the mean. */
	readonly #early: number;
	readonly #late: number;

	constructor(sizes: ChunkSizes) {
		this.sizes = sizes;
		const bits = Math.round(Math.log2(sizes.meanBytes));
		this.#early = topMask(bits + 1);
		this.#late = topMask(bits - 1);
	}

	/** Length of the first chunk of `bytes[from, to)`; all of it when it is shorter than the minimum. */
	next(bytes: Uint8Array, from: number, to: number): number {
		const { minimumBytes, meanBytes, maximumBytes } = this.sizes;
		if (to - from <= minimumBytes) return to - from;
		const limit = Math.min(to, from + maximumBytes);
		const middle = Math.min(limit, from + meanBytes);
		let at = from + minimumBytes;
		let value = 0;
		for (const mask = this.#early; at < middle; at++) {
			value = ((value << 1) + (gear[bytes[at] as number] as number)) | 0;
			if ((value & mask) === 0) return at + 1 - from;
		}
		for (const mask = this.#late; at < limit; at++) {
			value = ((value << 1) + (gear[bytes[at] as number] as number)) | 0;
			if ((value & mask) === 0) return at + 1 - from;
		}
		return limit - from;
	}
}
