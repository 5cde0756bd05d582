import { type Clock, systemClock } from '../base/index.ts';

/** Lets bytes pass at a steady rate, in the order of the calls: each waits until its predecessors' bytes have had their time. */
export class RateLimiter {
	readonly #bytesPerMs: number;
	readonly #clock: Clock;
	#freeAt = 0;
	/** How long callers were held back. */
	throttledMs = 0;

	constructor(bytesPerSec: number, clock: Clock = systemClock) {
		this.#bytesPerMs = bytesPerSec / 1000;
		this.#clock = clock;
	}

	async pass(bytes: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
		const now = this.#clock.monotonic();
		const startAt = Math.max(now, this.#freeAt);
		this.#freeAt = startAt + bytes / this.#bytesPerMs;
		const waitMs = startAt - now;
		if (waitMs < 1) return;
		this.throttledMs += waitMs;
		await this.#clock.sleep(waitMs, options);
	}
}
