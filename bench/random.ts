/** Seeded chance (sfc32): the same seed gives the same tree on every machine. */
export class SeededRandom {
	#a: number;
	#b: number;
	#c: number;
	#counter = 1;

	constructor(seed: number) {
		this.#a = seed | 0;
		this.#b = Math.imul(seed, 0x9e3779b1) | 0;
		this.#c = ~seed | 0;
		for (let i = 0; i < 16; i++) this.uint32();
	}

	uint32(): number {
		const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
		this.#counter = (this.#counter + 1) | 0;
		this.#a = this.#b ^ (this.#b >>> 9);
		this.#b = (this.#c + (this.#c << 3)) | 0;
		this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
		return sum >>> 0;
	}

	/** 0 ≤ x < 1. */
	fraction(): number {
		return this.uint32() / 0x1_0000_0000;
	}

	/** A whole number, 0 ≤ x < limit. */
	below(limit: number): number {
		return Math.floor(this.fraction() * limit);
	}

	between(low: number, high: number): number {
		return low + this.fraction() * (high - low);
	}

	pick<T>(values: readonly T[]): T {
		return values[this.below(values.length)] as T;
	}

	/** Mean 0, deviation 1 (Box and Muller). */
	normal(): number {
		return Math.sqrt(-2 * Math.log(1 - this.fraction())) * Math.cos(2 * Math.PI * this.fraction());
	}
}
