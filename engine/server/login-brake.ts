import type { Clock } from '../base/index.ts';

const firstWaitMs = 250;
const longestWaitMs = 8_000;
const forgetAfterMs = 60_000;
const waitingLimit = 16;

/**
 * Slows wrong tokens down. The right one never waits and is never locked out: with 256 bits there is nothing to guess,
 * and a lock would hand every program of this machine a way to keep the administrator outside.
 */
export class LoginBrake {
	readonly #clock: Clock;
	#failures = 0;
	#lastFailureAt = 0;
	#waiting = 0;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Waits as long as a wrong token has to wait by now; `false` at once when too many are waiting already. */
	async afterFailure(signal: AbortSignal): Promise<boolean> {
		if (this.#waiting >= waitingLimit) return false;
		const now = this.#clock.monotonic();
		if (now - this.#lastFailureAt > forgetAfterMs) this.#failures = 0;
		this.#lastFailureAt = now;
		const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(this.#failures++, 10));
		this.#waiting++;
		try {
			await this.#clock.sleep(waitMs, { signal });
		} finally {
			this.#waiting--;
		}
		return true;
	}
}
