import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../base/testing.ts';
import { seededRandom } from '../../repository/testing/random.ts';
import { flow, LateClock, mostInWindow, type Passed, totalOf } from '../testing/flow.ts';
import { createShare, RateLimiter, setShare } from './rate-limiter.ts';

const MB = 1_000_000;
const seed = 411;

for (const { bytesPerSec, wishBytes, latestMs } of [
	{ bytesPerSec: 8 * MB, wishBytes: MB, latestMs: 0 },
	{ bytesPerSec: 8 * MB, wishBytes: 4 * MB, latestMs: 5 },
	{ bytesPerSec: 1000, wishBytes: 100_000, latestMs: 3 },
	{ bytesPerSec: 900 * MB, wishBytes: 300, latestMs: 2 },
]) {
	test(`RATE-01: at ${bytesPerSec} bytes per second, wished for by ${wishBytes} and with timers up to ${latestMs} ms late, no window of 250 ms lets more than 110 % pass`, async () => {
		const clock = new LateClock(0, seededRandom(seed), latestMs);
		const passed: Passed[] = [];
		const over = new AbortController();
		const isFine = wishBytes < 1000; // a wish of few bytes is a piece of its own: simulate less of it
		const lengthMs = isFine ? 300 : 2000;
		const flowing = flow(createShare(bytesPerSec), clock, passed, { wishBytes: isFine ? 200_000 : wishBytes, signal: over.signal });
		await clock.advance(lengthMs);
		over.abort();
		await flowing;
		const most = mostInWindow(passed, 250);
		assert.ok(most <= bytesPerSec * 0.25 * 1.1, `seed ${seed}: ${most}`);
		const total = totalOf(passed);
		assert.ok(total >= ((bytesPerSec * lengthMs) / 1000) * 0.97, `seed ${seed}: only ${total} passed`);
	});
}

test('several limiters, as in several threads, keep to one share together', async () => {
	const clock = new LateClock(0, seededRandom(seed), 3);
	const share = createShare(8 * MB);
	const passed: Passed[] = [];
	const over = new AbortController();
	const flows = Array.from({ length: 4 }, () => flow(share, clock, passed, { wishBytes: MB, signal: over.signal }));
	await clock.advance(1000);
	over.abort();
	await Promise.all(flows);
	assert.ok(mostInWindow(passed, 250) <= 8 * MB * 0.25 * 1.1);
	assert.ok(totalOf(passed) >= 8 * MB * 0.97);
});

test('bytes pass in the order of the calls', async () => {
	const clock = new FakeClock(0);
	await clock.advance(100);
	const limiter = new RateLimiter(createShare(1000), clock);
	const order: number[] = [];
	const all = [0, 1, 2, 3].map((call) => limiter.take(4).then(() => order.push(call)));
	await clock.advance(100);
	await Promise.all(all);
	assert.deepEqual(order, [0, 1, 2, 3]);
});

test('RATE-03: a share that is changed holds at once, also for who waits; without a limit everything passes', async () => {
	const clock = new FakeClock(0);
	const share = createShare(1000);
	const limiter = new RateLimiter(share, clock);
	for (let i = 0; i < 3; i++) {
		const taking = limiter.take(1000);
		await clock.advance(10);
		assert.equal(await taking, 4);
	}
	setShare(share, 1_000_000);
	const taking = limiter.take(1_000_000);
	await clock.advance(10);
	assert.equal(await taking, 4000);
	setShare(share, null);
	assert.equal(await limiter.take(123_456_789), 123_456_789);
});

test('a wait for the limit ends when it is cancelled, and those behind it go on', async () => {
	const clock = new FakeClock(0);
	const limiter = new RateLimiter(createShare(1000), clock);
	const controller = new AbortController();
	await clock.advance(100);
	await limiter.take(4);
	await limiter.take(4);
	const waiting = limiter.take(4, { signal: controller.signal });
	const next = limiter.take(4);
	await clock.advance(0);
	controller.abort(new Error('enough'));
	await assert.rejects(waiting, /enough/);
	await clock.advance(10);
	assert.equal(await next, 4);
});
