import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSchedule } from './schedule.ts';
import { beginTimetable, planRetry, stepTimetable, type TimetableState } from './timetable.ts';

const HOUR_MS = 3_600_000;
const at = (text: string) => Date.parse(text);

function timetable(cron: string, timeZone = 'UTC') {
	const schedule = { cron, timeZone };
	const occurrences = parseSchedule(schedule, at('2026-01-01T00:00:00Z'));
	return {
		begin: (now: string) => beginTimetable(schedule, at(now)),
		step: (state: TimetableState, now: string) => stepTimetable(state, occurrences, at(now)),
	};
}

test('a job runs at its time, and not again until the next', () => {
	const { begin, step } = timetable('0 2 * * *');
	const before = step(begin('2026-06-01T20:00:00Z'), '2026-06-02T01:59:59Z');
	assert.equal(before.run, null);
	assert.equal(before.nextAt, at('2026-06-02T02:00:00Z'));
	const due = step(before.state, '2026-06-02T02:00:00Z');
	assert.deepEqual(due.run, { trigger: 'schedule', attempt: 1, failedSessionId: null, occurrenceCount: 1 });
	assert.equal(step(due.state, '2026-06-02T02:00:00Z').run, null);
	assert.equal(step(due.state, '2026-06-02T23:00:00Z').nextAt, at('2026-06-03T02:00:00Z'));
});

test('a new job does not make up what lies before it', () => {
	const { begin, step } = timetable('0 2 * * *');
	assert.equal(step(begin('2026-06-01T20:00:00Z'), '2026-06-01T20:00:01Z').run, null);
});

test('however many runs were missed, one makes up for all of them', () => {
	const { begin, step } = timetable('0 * * * *');
	const step1 = step(begin('2026-06-01T20:30:00Z'), '2026-06-04T09:20:00Z');
	assert.deepEqual(step1.run, { trigger: 'make-up', attempt: 1, failedSessionId: null, occurrenceCount: 61 });
	assert.equal(step1.nextAt, at('2026-06-04T10:00:00Z'));
	assert.equal(step(step1.state, '2026-06-04T09:20:30Z').run, null);
});

test('waking exactly at an occurrence gives one run for it and for those that were slept through', () => {
	const { begin, step } = timetable('0 2 * * *');
	const step1 = step(begin('2026-06-01T20:30:00Z'), '2026-06-04T02:00:05Z');
	assert.equal(step1.run?.trigger, 'schedule');
	assert.equal(step(step1.state, '2026-06-04T02:00:10Z').run, null);
});

test('a clock that is set back runs nothing a second time', () => {
	const { begin, step } = timetable('0 * * * *');
	const done = step(begin('2026-06-01T20:30:00Z'), '2026-06-02T04:00:00Z').state;
	for (const now of ['2026-06-02T01:30:00Z', '2026-06-02T02:00:00Z', '2026-06-02T03:00:00Z', '2026-06-02T04:00:00Z']) {
		assert.equal(step(done, now).run, null, now);
	}
	assert.notEqual(step(done, '2026-06-02T05:00:00Z').run, null);
});

test('a clock that was years ahead does not stop a job for years', () => {
	const { begin, step } = timetable('0 * * * *');
	const corrected = step(begin('2036-06-01T20:30:00Z'), '2026-06-02T04:10:00Z');
	assert.equal(corrected.run, null);
	assert.equal(step(corrected.state, '2026-06-02T05:00:00Z').run?.trigger, 'schedule');
});

test('the night of the autumn change has one run at a repeated time', () => {
	const { begin, step } = timetable('30 2 * * *', 'Europe/Berlin');
	let state = begin('2026-10-24T12:00:00Z');
	const runs: string[] = [];
	for (let now = at('2026-10-24T12:00:00Z'); now < at('2026-10-26T12:00:00Z'); now += 60_000) {
		const text = new Date(now).toISOString();
		const next = step(state, text);
		state = next.state;
		if (next.run !== null) runs.push(text);
	}
	assert.deepEqual(runs, ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
});

test('the night of the spring change has its run although its time is skipped', () => {
	const { begin, step } = timetable('30 2 * * *', 'Europe/Berlin');
	let state = begin('2026-03-28T12:00:00Z');
	const runs: string[] = [];
	for (let now = at('2026-03-28T12:00:00Z'); now < at('2026-03-30T12:00:00Z'); now += 60_000) {
		const text = new Date(now).toISOString();
		const next = step(state, text);
		state = next.state;
		if (next.run !== null) runs.push(text);
	}
	assert.deepEqual(runs, ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
});

const settings = { retryCount: 2, retryWaitMs: 600_000 };
const failed = (attempt: number, trigger: 'schedule' | 'manual' | 'retry' | 'make-up' = 'schedule') =>
	({ id: 's', trigger, state: 'failed', attempt }) as const;

test('a failed scheduled run is tried again as often as the job allows', () => {
	assert.deepEqual(planRetry(failed(1), settings, 1000), { at: 601_000, attempt: 2, failedSessionId: 's' });
	assert.deepEqual(planRetry(failed(2, 'retry'), settings, 1000), { at: 601_000, attempt: 3, failedSessionId: 's' });
	assert.equal(planRetry(failed(3, 'retry'), settings, 1000), null);
	assert.equal(planRetry(failed(1), { ...settings, retryCount: 0 }, 1000), null);
});

test('a run by hand, a cancelled one and a good one are not tried again', () => {
	assert.equal(planRetry(failed(1, 'manual'), settings, 0), null);
	assert.equal(planRetry({ ...failed(1), state: 'cancelled' }, settings, 0), null);
	assert.equal(planRetry({ ...failed(1), state: 'warning' }, settings, 0), null);
	assert.notEqual(planRetry({ ...failed(1), state: 'interrupted' }, settings, 0), null);
});

test('a retry runs when its wait is over; a scheduled run that comes first takes its place', () => {
	const { begin, step } = timetable('0 2 * * *');
	const retry = { at: at('2026-06-01T21:00:00Z'), attempt: 2, failedSessionId: 's' };
	const waiting = { ...begin('2026-06-01T20:30:00Z'), retry };
	assert.equal(step(waiting, '2026-06-01T20:59:00Z').nextAt, retry.at);
	const due = step(waiting, '2026-06-01T21:00:00Z');
	assert.deepEqual(due.run, { trigger: 'retry', attempt: 2, failedSessionId: 's', occurrenceCount: 1 });
	assert.equal(due.state.retry, null);
	const scheduled = step({ ...waiting, retry: { ...retry, at: at('2026-06-02T02:00:00Z') + HOUR_MS } }, '2026-06-02T02:00:00Z');
	assert.equal(scheduled.run?.trigger, 'schedule');
	assert.equal(scheduled.state.retry, null);
});
