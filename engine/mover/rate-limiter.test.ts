import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../base/testing.ts';
import { RateLimiter } from './rate-limiter.ts';

test('RATE-01: bytes pass at the limit, in the order of the calls, and the time held back is counted', async () => {
	const clock = new FakeClock(0);
	const limiter = new RateLimiter(1000, clock);
	const passed: number[] = [];
	const all = [500, 500, 1000].map((bytes) => limiter.pass(bytes).then(() => passed.push(clock.monotonic())));
	for (let i = 0; i < 20; i++) await clock.advance(100);
	await Promise.all(all);
	const start = passed[0] ?? 0;
	assert.deepEqual(
		passed.map((at) => Math.round(at - start)),
		[0, 500, 1000],
	);
	assert.equal(limiter.throttledMs, 1500);
});

test('a wait for the limit ends when it is cancelled', async () => {
	const limiter = new RateLimiter(1, new FakeClock(0));
	const controller = new AbortController();
	await limiter.pass(1000);
	const waiting = limiter.pass(1000, { signal: controller.signal });
	controller.abort(new Error('enough'));
	await assert.rejects(waiting, /enough/);
});
