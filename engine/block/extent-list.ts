import type { BlockExtent } from './block-source.ts';

const defaultMaxCount = 262_144;
const firstMinGapBytes = 65_536;

/**
 * Collects extents in ascending order and merges those that touch. When there are too many, holes below a size that doubles each time
 * count as data: a list that grows without a bound would cost more than reading those zeros.
 */
export class ExtentList {
	readonly #maxCount: number;
	readonly #starts: number[] = [];
	readonly #ends: number[] = [];
	#minGapBytes = 0;

	constructor(maxCount: number = defaultMaxCount) {
		this.#maxCount = maxCount;
	}

	/** Appends [start, end); `start` is not before the start of the last one. */
	add(start: number, end: number): void {
		if (end <= start) return;
		const last = this.#ends.length - 1;
		const lastEnd = this.#ends[last];
		if (lastEnd !== undefined && start - lastEnd <= this.#minGapBytes) {
			if (end > lastEnd) this.#ends[last] = end;
			return;
		}
		this.#starts.push(start);
		this.#ends.push(end);
		while (this.#starts.length > this.#maxCount) this.#coarsen();
	}

	#coarsen(): void {
		this.#minGapBytes = Math.max(firstMinGapBytes, this.#minGapBytes * 2);
		let kept = 0;
		for (let i = 1; i < this.#starts.length; i++) {
			const start = this.#starts[i] as number;
			if (start - (this.#ends[kept] as number) > this.#minGapBytes) this.#starts[++kept] = start;
			this.#ends[kept] = this.#ends[i] as number;
		}
		this.#starts.length = kept + 1;
		this.#ends.length = kept + 1;
	}

	toExtents(): readonly BlockExtent[] {
		return this.#starts.map((start, i) => ({ offsetBytes: start, lengthBytes: (this.#ends[i] as number) - start }));
	}
}

/** Hands out the parts of `extents` that lie in ascending, asked-for ranges. */
export class ExtentCursor {
	readonly #extents: readonly BlockExtent[];
	#index = 0;

	constructor(extents: readonly BlockExtent[]) {
		this.#extents = extents;
	}

	copyRange(start: number, end: number, target: ExtentList): void {
		for (; this.#index < this.#extents.length; this.#index++) {
			const { offsetBytes, lengthBytes } = this.#extents[this.#index] as BlockExtent;
			if (offsetBytes >= end) return;
			target.add(Math.max(offsetBytes, start), Math.min(offsetBytes + lengthBytes, end));
			if (offsetBytes + lengthBytes > end) return; // its rest belongs to a later range
		}
	}
}
