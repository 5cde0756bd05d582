import type { Compression } from '../contract/index.ts';
import type { CompressionLevel } from '../format/index.ts';

/** zstd levels (RFC 8878 encoders) from the least to the most effort; null: stored as it is. Passed between threads as it is. */
export type Effort = { readonly least: number; readonly most: number } | null;

/**
 * The least is what a pipe takes that is held back by its processor. Level 2 stores hardly more than 3, and is a third faster
 * (docs/performance.md).
 */
export const efforts: Readonly<Record<Compression, Effort>> = {
	none: null,
	fast: { least: 1, most: 3 },
	optimal: { least: 2, most: 6 },
	high: { least: 9, most: 12 },
};

/** Records after which the level is looked at again. */
const recordsPerLook = 8;
/** Waiting this share of the time leaves room for the next level, which takes at most half as long again. */
const spareShare = 0.4;
const scarceShare = 0.1;

/** Spends on compression the time that a worker would only wait for the target: a level more while much of it is spare, a level less while little is. */
export class EffortControl {
	readonly #effort: Effort;
	#level: CompressionLevel;
	#workMs = 0;
	#waitMs = 0;
	#records = 0;

	constructor(effort: Effort) {
		this.#effort = effort;
		this.#level = effort?.least ?? null;
	}

	get level(): CompressionLevel {
		return this.#level;
	}

	/** Of one record: how long the worker was busy with it, from reading on, and how long it waited for room to put it. */
	record(workMs: number, waitMs: number): void {
		if (this.#effort === null || this.#level === null) return;
		this.#workMs += workMs;
		this.#waitMs += waitMs;
		if (++this.#records < recordsPerLook) return;
		const spare = this.#waitMs / Math.max(1e-6, this.#workMs + this.#waitMs);
		if (spare > spareShare) this.#level = Math.min(this.#effort.most, this.#level + 1);
		else if (spare < scarceShare) this.#level = Math.max(this.#effort.least, this.#level - 1);
		this.#workMs = 0;
		this.#waitMs = 0;
		this.#records = 0;
	}
}
