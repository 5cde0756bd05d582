import type { Clock } from '../../base/index.ts';
import { FakeClock } from '../../base/testing.ts';
import type { Random } from '../../repository/testing/random.ts';
import { RateLimiter, type Share } from '../throttle/index.ts';

export type Passed = { readonly at: number; readonly bytes: number };

/** Time that passes when the test says so, with timers that come up to `latestMs` late, as real ones do. */
export class LateClock extends FakeClock implements Clock {
	readonly #lateness: () => number;

	constructor(now: number | string, random: Random, latestMs: number) {
		super(now);
		this.#lateness = () => random.next() * latestMs;
	}

	override sleep(ms: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void> {
		return super.sleep(ms + this.#lateness(), options);
	}
}

/** Takes all that it may, in wishes of `wishBytes`, until the signal. */
export async function flow(
	share: Share,
	clock: Clock,
	passed: Passed[],
	{ wishBytes, signal }: { readonly wishBytes: number; readonly signal: AbortSignal },
): Promise<void> {
	const limiter = new RateLimiter(share, clock);
	while (!signal.aborted) {
		for (let left = wishBytes; left > 0; ) {
			const bytes = await limiter.take(left, { signal }).catch(() => 0); // it is over
			if (bytes === 0) return;
			passed.push({ at: clock.monotonic(), bytes });
			left -= bytes;
		}
	}
}

/** The most bytes that passed in any window of that length. */
export function mostInWindow(passed: readonly Passed[], windowMs: number): number {
	const sorted = passed.toSorted((a, b) => a.at - b.at);
	let most = 0;
	let sum = 0;
	let first = 0;
	for (const { at, bytes } of sorted) {
		sum += bytes;
		for (let oldest = sorted[first]; oldest && oldest.at <= at - windowMs; oldest = sorted[++first]) sum -= oldest.bytes;
		most = Math.max(most, sum);
	}
	return most;
}

export const totalOf = (passed: readonly Passed[]): number => passed.reduce((sum, { bytes }) => sum + bytes, 0);
