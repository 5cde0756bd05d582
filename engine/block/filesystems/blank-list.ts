import type { BlockExtent } from '../block-source.ts';

const firstMinBytes = 4096;

/**
 * Collects what need not be stored, in ascending order, and joins what touches. When there are too many pieces, those below a size that doubles each
 * time are given up: storing them costs less than a list without a bound.
 */
export class BlankList {
	readonly #maxCount: number;
	#starts: number[] = [];
	#ends: number[] = [];
	#minBytes = 0;

	constructor(maxCount: number) {
		this.#maxCount = maxCount;
	}

	/** Appends [start, end); `start` is not before the end of the last one. */
	add(start: number, end: number): void {
		const last = this.#ends.length - 1;
		if (this.#ends[last] === start) this.#ends[last] = end;
		else if (end - start >= this.#minBytes && end > start) {
			this.#starts.push(start);
			this.#ends.push(end);
		}
		while (this.#starts.length > this.#maxCount) this.#coarsen();
	}

	#coarsen(): void {
		this.#minBytes = Math.max(firstMinBytes, this.#minBytes * 2);
		const isKept = (_: number, i: number): boolean => (this.#ends[i] as number) - (this.#starts[i] as number) >= this.#minBytes;
		const starts = this.#starts.filter(isKept);
		this.#ends = this.#ends.filter(isKept);
		this.#starts = starts;
	}

	toExtents(shiftBytes = 0): BlockExtent[] {
		return this.#starts.map((start, i) => ({ offsetBytes: start + shiftBytes, lengthBytes: (this.#ends[i] as number) - start }));
	}
}

/** Calls `found` with each run of bits that are 0 among the first `count` of a little-endian bitmap. @returns how many bits those are */
export function eachFreeRun(bitmap: Uint8Array, count: number, found: (first: number, end: number) => void): number {
	let free = 0;
	let first = -1;
	for (let bit = 0; bit < count; ) {
		const byte = bitmap[bit >> 3] as number;
		const isWhole = (bit & 7) === 0 && bit + 8 <= count;
		if (isWhole && byte === (first < 0 ? 0xff : 0)) {
			bit += 8;
			continue;
		}
		const isFree = ((byte >> (bit & 7)) & 1) === 0;
		if (isFree && first < 0) first = bit;
		else if (!isFree && first >= 0) {
			found(first, bit);
			free += bit - first;
			first = -1;
		}
		bit++;
	}
	if (first >= 0) {
		found(first, count);
		free += count - first;
	}
	return free;
}
