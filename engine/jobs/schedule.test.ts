import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOccurrences, parseSchedule } from './schedule.ts';

const berlin = (cron: string) => parseSchedule({ cron, timeZone: 'Europe/Berlin' }, Date.parse('2026-01-01T00:00:00Z'));
const times = (cron: string, from: string, count: number) => nextOccurrences(berlin(cron), Date.parse(from), count).map((at) => new Date(at).toISOString());

test('a nightly run at a time that the spring change skips comes right after the gap, once', () => {
	assert.deepEqual(times('30 2 * * *', '2026-03-28T12:00:00Z', 2), ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
});

test('a nightly run at a time that the autumn change repeats comes once', () => {
	assert.deepEqual(times('30 2 * * *', '2026-10-24T12:00:00Z', 2), ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
});

test('several fixed times a day are fixed times too', () => {
	assert.deepEqual(times('30 2,14 * * *', '2026-10-24T20:00:00Z', 2), ['2026-10-25T00:30:00.000Z', '2026-10-25T13:30:00.000Z']);
});

test('an hourly run keeps its distance of an hour through both changes', () => {
	assert.deepEqual(times('0 * * * *', '2026-03-29T00:10:00Z', 2), ['2026-03-29T01:00:00.000Z', '2026-03-29T02:00:00.000Z']);
	assert.deepEqual(times('0 * * * *', '2026-10-25T00:10:00Z', 2), ['2026-10-25T01:00:00.000Z', '2026-10-25T02:00:00.000Z']);
});

test('six fields begin with seconds', () => {
	assert.deepEqual(times('15 0 8 * * *', '2026-06-01T00:00:00Z', 1), ['2026-06-01T06:00:15.000Z']);
});

test('the occurrence at this very moment counts as passed', () => {
	const at = Date.parse('2026-06-01T06:00:00Z');
	assert.equal(berlin('0 8 * * *').before(at), at);
	assert.equal(berlin('0 8 * * *').before(at - 1), at - 86_400_000);
	assert.equal(berlin('0 8 * * *').before(at + 500), at);
	assert.equal(berlin('0 8 * * *').after(at), at + 86_400_000);
});

for (const [cron, reason] of [
	['61 * * * *', /Invalid value for minute/],
	['* * *', /five, six/],
	['soon', /five, six/],
	['0 0 30 2 *', /never comes/],
	['0 0 0 1 1 * 2020', /exactly 5 or 6/],
] as const) {
	test(`the schedule “${cron}” is refused with its reason`, () => {
		assert.throws(() => berlin(cron), { code: 'usage.invalid', message: reason });
	});
}

test('an unknown time zone is refused', () => {
	assert.throws(() => parseSchedule({ cron: '0 2 * * *', timeZone: 'Mars/Olympus' }, 0), { code: 'usage.invalid', data: { field: 'schedule.timeZone' } });
});
