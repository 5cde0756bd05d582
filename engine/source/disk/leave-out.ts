type Extent = { readonly offsetBytes: number; readonly lengthBytes: number };
type Blank = Extent & { readonly kind: 'dead' | 'swap' };

/** What is left of a disk's extents, and how many of their bytes are not. Both lists are ascending; so is what comes back. */
export function leaveOut(extents: readonly Extent[], blank: readonly Blank[]): { extents: Extent[]; deadBytes: number; swapBytes: number } {
	const left: Extent[] = [];
	const bytes = { dead: 0, swap: 0 };
	let next = 0;
	for (const { offsetBytes, lengthBytes } of extents) {
		const end = offsetBytes + lengthBytes;
		let at = offsetBytes;
		for (; next < blank.length; next++) {
			const { kind, offsetBytes: blankStart, lengthBytes: blankLength } = blank[next] as Blank;
			if (blankStart >= end) break;
			const from = Math.max(at, blankStart);
			const to = Math.min(end, blankStart + blankLength);
			if (to > from) {
				if (from > at) left.push({ offsetBytes: at, lengthBytes: from - at });
				bytes[kind] += to - from;
				at = to;
			}
			if (blankStart + blankLength > end) break; // its rest may lie in the next extent
		}
		if (end > at) left.push({ offsetBytes: at, lengthBytes: end - at });
	}
	return { extents: left, deadBytes: bytes.dead, swapBytes: bytes.swap };
}

/** Hands out the blank parts of ascending ranges that do not overlap, as pairs of offset and length. */
export class BlankCursor {
	readonly #blank: readonly Extent[];
	#next = 0;

	constructor(blank: readonly Extent[]) {
		this.#blank = blank;
	}

	within(start: number, end: number): Float64Array {
		const pairs: number[] = [];
		for (; this.#next < this.#blank.length; this.#next++) {
			const { offsetBytes, lengthBytes } = this.#blank[this.#next] as Extent;
			if (offsetBytes >= end) break;
			const from = Math.max(offsetBytes, start);
			const to = Math.min(offsetBytes + lengthBytes, end);
			if (to > from) pairs.push(from, to - from);
			if (offsetBytes + lengthBytes > end) break; // its rest belongs to a later range
		}
		return Float64Array.from(pairs);
	}
}
