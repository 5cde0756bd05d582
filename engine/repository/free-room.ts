import { assert } from '../base/index.ts';

export type Span = { readonly offset: number; readonly length: number };

/**
 * Room in a backup file that no committed record occupies. A record goes into the smallest gap that holds it, or to the end.
 * What is freed while a commit is being prepared is not given out: until the commit it may still be needed.
 */
export class FreeRoom {
	/** By length, then offset; never touching one another in the file. */
	readonly #gaps: Span[] = [];
	#end: number;
	#gapBytes = 0;

	/** @param taken spans that must not be overwritten, in any order, never overlapping */
	constructor(taken: Iterable<Span>, begin: number) {
		this.#end = begin;
		for (const { offset, length } of [...taken].sort((a, b) => a.offset - b.offset)) {
			assert(offset >= this.#end, 'records overlap');
			if (offset > this.#end) this.#gaps.push({ offset: this.#end, length: offset - this.#end });
			this.#end = offset + length;
		}
		this.#gaps.sort(bySize);
		this.#gapBytes = this.#gaps.reduce((sum, { length }) => sum + length, 0);
	}

	/** Where the file ends when everything that was given out is written. */
	get end(): number {
		return this.#end;
	}

	get gapBytes(): number {
		return this.#gapBytes;
	}

	/** Whether a gap before `limit` holds `length` bytes. */
	hasGap(length: number, limit: number): boolean {
		return this.#smallest(length, limit) >= 0;
	}

	/** Room in gaps of at least `least` bytes. */
	gapBytesFrom(least: number): number {
		let sum = 0;
		for (let at = this.#firstFrom({ offset: 0, length: least }); at < this.#gaps.length; at++) sum += (this.#gaps[at] as Span).length;
		return sum;
	}

	/** Length of the largest gap, 0 when there is none. */
	get largestGap(): number {
		return this.#gaps.at(-1)?.length ?? 0;
	}

	/** @param limit gaps from here on are not used @returns the offset for `length` bytes, now taken */
	take(length: number, limit = Number.POSITIVE_INFINITY): number {
		return this.#takeFrom(this.#smallest(length, limit), length);
	}

	/** As `take`, but from the largest gap: what is taken one after the other then lies together, and leaves one rest instead of many. */
	takeFromLargest(length: number): number {
		return this.#takeFrom(this.largestGap >= length ? this.#gaps.length - 1 : -1, length);
	}

	#takeFrom(at: number, length: number): number {
		const [gap] = at < 0 ? [] : this.#gaps.splice(at, 1);
		if (!gap) {
			const offset = this.#end;
			this.#end += length;
			return offset;
		}
		this.#gapBytes -= length;
		if (gap.length > length) {
			const rest = { offset: gap.offset + length, length: gap.length - length };
			this.#gaps.splice(this.#firstFrom(rest), 0, rest);
		}
		return gap.offset;
	}

	/** Number of the smallest gap of at least `length` bytes that begins before `limit`; -1 when there is none. */
	#smallest(length: number, limit: number): number {
		for (let at = this.#firstFrom({ offset: 0, length }); at < this.#gaps.length; at++) if ((this.#gaps[at] as Span).offset < limit) return at;
		return -1;
	}

	/** Number of the first gap that does not come before `span`. */
	#firstFrom(span: Span): number {
		let low = 0;
		let high = this.#gaps.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (bySize(this.#gaps[middle] as Span, span) < 0) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

const bySize = (a: Span, b: Span): number => a.length - b.length || a.offset - b.offset;
