/** Bars on a time line, stacked where they overlap. Positions are shares of the whole, 0 to 1. */
export type Placed<T> = { readonly item: T; readonly start: number; readonly end: number; readonly lane: number; readonly isMirrored: boolean };

/**
 * Greedy: each bar goes to the first lane that is free at its start. `minLength` is the room for its name, which stands after the beginning of
 * the bar, or before it where the line would end first (`isMirrored`).
 */
export function planLanes<T extends { readonly at: number; readonly expectedDurationMs: number }>(
	items: readonly T[],
	{ from, to, minLength }: { readonly from: number; readonly to: number; readonly minLength: number },
): { readonly bars: readonly Placed<T>[]; readonly laneCount: number } {
	const span = to - from;
	const freeAt: number[] = [];
	const bars = items
		.map((item) => {
			const start = (item.at - from) / span;
			const isMirrored = start + minLength > 1 && start >= minLength;
			return { item, start, isMirrored, begin: isMirrored ? start - minLength : start };
		})
		.sort((a, b) => a.begin - b.begin)
		.map(({ item, start, isMirrored, begin }): Placed<T> => {
			const end = Math.min(1, start + item.expectedDurationMs / span);
			const found = freeAt.findIndex((free) => free <= begin);
			const lane = found < 0 ? freeAt.length : found;
			freeAt[lane] = Math.max(end, begin + minLength);
			return { item, start, end, lane, isMirrored };
		});
	return { bars, laneCount: freeAt.length };
}

/** How many run at once in each of `count` equal slices. */
export function concurrency(
	items: readonly { readonly at: number; readonly expectedDurationMs: number }[],
	{ from, to, count }: { readonly from: number; readonly to: number; readonly count: number },
): number[] {
	const slice = (to - from) / count;
	const slices = Array.from({ length: count }, () => 0);
	for (const { at, expectedDurationMs } of items) {
		const first = Math.max(0, Math.floor((at - from) / slice));
		const last = Math.min(count - 1, Math.floor((at + expectedDurationMs - from) / slice));
		for (let i = first; i <= last; i++) slices[i] = (slices[i] ?? 0) + 1;
	}
	return slices;
}
