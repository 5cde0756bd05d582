import { assert } from '../base/index.ts';

export type Span = { readonly offset: number; readonly length: number };

/**
 * Room in a backup file that no committed record occupies. A record goes into the smallest gap that holds it, or to the end.
 * What is freed while a commit is being prepared is not given out: until the commit it may still be needed.
 */
export class FreeRoom {
	/** By offset, never touching one another. */
	readonly #gaps: Span[] = [];
	#end: number;

	/** @param taken spans that must not be overwritten, in any order, never overlapping */
	constructor(taken: Iterable<Span>, begin: number) {
		this.#end = begin;
		for (const { offset, length } of [...taken].sort((a, b) => a.offset - b.offset)) {
			assert(offset >= this.#end, 'records overlap');
			if (offset > this.#end) this.#gaps.push({ offset: this.#end, length: offset - this.#end });
			this.#end = offset + length;
		}
	}

	/** Where the file ends when everything that was given out is written. */
	get end(): number {
		return this.#end;
	}

	get gapBytes(): number {
		return this.#gaps.reduce((sum, { length }) => sum + length, 0);
	}

	/** Whether a gap before `limit` holds `length` bytes. */
	hasGap(length: number, limit: number): boolean {
		return this.#gaps.some((gap) => gap.length >= length && gap.offset < limit);
	}

	/** @param limit gaps from here on are not used @returns the offset for `length` bytes, now taken */
	take(length: number, limit = Number.POSITIVE_INFINITY): number {
		let best = -1;
		for (const [i, gap] of this.#gaps.entries()) {
			if (gap.length < length || gap.offset >= limit) continue;
			if (best < 0 || gap.length < (this.#gaps[best] as Span).length) best = i;
			if (gap.length === length) break;
		}
		const gap = this.#gaps[best];
		if (!gap) {
			const offset = this.#end;
			this.#end += length;
			return offset;
		}
		if (gap.length === length) this.#gaps.splice(best, 1);
		else this.#gaps[best] = { offset: gap.offset + length, length: gap.length - length };
		return gap.offset;
	}
}
