import { type Clock, systemClock } from '../../base/index.ts';

/**
 * A rate in memory that threads share: whoever divides a limit writes it, every thread of the task that got the share goes by it, at once.
 * Passed between threads as it is.
 */
export type Share = SharedArrayBuffer;

/** Bytes per second; 0: no limit. */
const rateCell = 0;
/** When the next bytes are due: microseconds of the monotonic clock, which all threads of a process see alike. */
const dueCell = 1;

export const createShare = (bytesPerSec: number | null = null): Share => {
	const share = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT);
	setShare(share, bytesPerSec);
	return share;
};
export const setShare = (share: Share, bytesPerSec: number | null): void =>
	void Atomics.store(new BigInt64Array(share), rateCell, bytesPerSec === null ? 0n : BigInt(Math.max(1, Math.floor(bytesPerSec))));

/** Bytes per second; null: no limit. */
export function rateOf(share: Share): number | null {
	const rate = Atomics.load(new BigInt64Array(share), rateCell);
	return rate === 0n ? null : Number(rate);
}

/**
 * What makes the flow smooth. In any window of 250 ms pass at most the bytes of 250 + 11 ms (one piece, what a late timer may catch up, and a
 * millisecond that no timer resolves): 104.4 % of the limit, and below 110 % also while a limit is divided anew.
 */
const pieceMs = 4;
const catchUpUs = 6000n;
const soonUs = 1000n;

/** Lets bytes pass at the rate of a share, in the order of the calls. Several limiters, in several threads, may go by one share. */
export class RateLimiter {
	readonly #cells: BigInt64Array;
	readonly #clock: Clock;
	#last: Promise<unknown> = Promise.resolve();

	constructor(share: Share, clock: Clock = systemClock) {
		this.#cells = new BigInt64Array(share);
		this.#clock = clock;
	}

	/** Whether nothing waits, now: no limit is set. */
	get isOpen(): boolean {
		return Atomics.load(this.#cells, rateCell) === 0n;
	}

	/** Waits until bytes are due. @returns how many of those that are wanted may pass now: at least one @throws the signal's reason */
	take(wantedBytes: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<number> {
		if (this.isOpen) return Promise.resolve(wantedBytes);
		const turn = this.#last.then(() => this.#takeNow(wantedBytes, signal));
		this.#last = turn.catch(() => undefined); // told to its caller
		return turn;
	}

	async #takeNow(wantedBytes: number, signal: AbortSignal | undefined): Promise<number> {
		for (;;) {
			signal?.throwIfAborted();
			const bytesPerSec = Number(Atomics.load(this.#cells, rateCell));
			if (bytesPerSec === 0) return wantedBytes;
			const dueUs = Atomics.load(this.#cells, dueCell);
			const nowUs = BigInt(Math.floor(this.#clock.monotonic() * 1000));
			if (dueUs - nowUs >= soonUs) {
				await this.#clock.sleep(Number(dueUs - nowUs) / 1000, { signal });
				continue;
			}
			const bytes = Math.max(1, Math.min(wantedBytes, Math.floor((bytesPerSec * pieceMs) / 1000)));
			const startUs = dueUs > nowUs - catchUpUs ? dueUs : nowUs - catchUpUs;
			const nextUs = startUs + BigInt(Math.ceil((bytes * 1e6) / bytesPerSec));
			if (Atomics.compareExchange(this.#cells, dueCell, dueUs, nextUs) === dueUs) return bytes;
		}
	}
}
