/** Chance that is the same every time: mulberry32 over a 32-bit state. */
export type Random = {
	/** At least 0, below 1. */
	next(): number;
	/** A whole number from `low` to `high`, both possible. */
	int(low: number, high: number): number;
	pick<T>(items: readonly T[]): T;
	chance(probability: number): boolean;
};

export const hashOf = (text: string): number => {
	let hash = 0x811c9dc5;
	for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
	return hash >>> 0;
};

export function createRandom(seed: number | string): Random {
	let state = typeof seed === 'string' ? hashOf(seed) : seed >>> 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
	return {
		next,
		int: (low, high) => low + Math.floor(next() * (high - low + 1)),
		pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
		chance: (probability) => next() < probability,
	};
}
