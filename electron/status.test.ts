import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobSummary, SessionState } from '../engine/contract/index.ts';
import { statusOf } from './status.ts';

const job = (name: string, last: SessionState | null, more: { isRunning?: boolean; isScheduled?: boolean; enabled?: boolean } = {}): JobSummary =>
	({
		id: name,
		settings: { name, enabled: more.enabled ?? true, schedule: more.isScheduled ? { cron: '0 1 * * *', timeZone: 'UTC' } : null },
		activeSessionId: more.isRunning ? 's' : null,
		lastSession: last && { id: 's', state: last, startedAt: 0, durationMs: 0, error: null, warningCount: 0 },
	}) as JobSummary;

test('the worst last result decides the look, and its jobs are named', () => {
	assert.deepEqual(
		[
			statusOf([]),
			statusOf([job('a', 'success')]),
			statusOf([job('a', 'success'), job('b', 'warning')]),
			statusOf([job('a', 'warning'), job('b', 'failed')]),
		].map(({ look, sentence }) => [look, sentence]),
		[
			['ok', 'No jobs yet'],
			['ok', 'All jobs succeeded'],
			['warning', 'Last run needs a look: b'],
			['error', 'Last run failed: b'],
		],
	);
	assert.equal(statusOf(['a', 'b', 'c'].map((name) => job(name, 'interrupted'))).sentence, 'Last run failed: a and 2 more');
});

test('what runs now is shown before what failed earlier', () => {
	const { look, sentence } = statusOf([job('a', 'failed'), job('b', 'success', { isRunning: true })]);
	assert.deepEqual([look, sentence], ['running', 'Running: b']);
});

test('only an enabled job with a schedule would be missed', () => {
	assert.ok(!statusOf([job('a', null), job('b', null, { isScheduled: true, enabled: false })]).hasSchedule);
	assert.ok(statusOf([job('a', null, { isScheduled: true })]).hasSchedule);
});
