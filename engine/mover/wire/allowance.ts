/** So much of something may be in use at a time; who wants more waits, in the order of asking. */
export class Allowance {
	#free: number;
	readonly #most: number;
	readonly #waiting: { readonly amount: number; readonly start: () => void }[] = [];

	constructor(amount: number) {
		this.#free = amount;
		this.#most = amount;
	}

	/** More than there is altogether counts as all of it. */
	take(amount: number): Promise<void> {
		const wanted = Math.min(amount, this.#most);
		if (this.#waiting.length === 0 && wanted <= this.#free) {
			this.#free -= wanted;
			return Promise.resolve();
		}
		return new Promise((start) => this.#waiting.push({ amount: wanted, start }));
	}

	give(amount: number): void {
		this.#free += Math.min(amount, this.#most);
		for (let next = this.#waiting[0]; next && next.amount <= this.#free; next = this.#waiting[0]) {
			this.#waiting.shift();
			this.#free -= next.amount;
			next.start();
		}
	}
}
