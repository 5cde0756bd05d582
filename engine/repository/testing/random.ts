/** Chance that can be repeated: mulberry32 (Tommy Ettinger, public domain). */
export type Random = {
	/** At least 0, below 1. */
	next(): number;
	/** A whole number from 0 to `limit` − 1. */
	below(limit: number): number;
	chance(probability: number): boolean;
	pick<T>(from: readonly T[]): T;
	bytes(length: number): Uint8Array;
};

export function seededRandom(seed: number): Random {
	let state = seed >>> 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
	const below = (limit: number): number => Math.floor(next() * limit);
	return {
		next,
		below,
		chance: (probability) => next() < probability,
		pick: (from) => {
			if (from.length === 0) throw new Error('There is nothing to pick from.');
			return from[below(from.length)] as (typeof from)[number];
		},
		bytes: (length) => {
			const bytes = new Uint8Array(length);
			const view = new DataView(bytes.buffer);
			let at = 0;
			for (; at + 4 <= length; at += 4) view.setUint32(at, next() * 2 ** 32, true);
			for (; at < length; at++) bytes[at] = below(256);
			return bytes;
		},
	};
}
