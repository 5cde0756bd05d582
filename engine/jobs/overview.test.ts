import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobSettings, type JobSettingsInput, jobSettings, repositorySettings } from '../contract/index.ts';
import { type AttentionFacts, planAttention } from './attention.ts';
import { planFullAt } from './growth.ts';
import { lastDays, planHeatMap } from './heat-map.ts';
import { dueAt, planProtection } from './protection.ts';
import { expectedDurationMs, findOverlaps, planUpcoming } from './upcoming.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const at = (text: string) => Date.parse(text);
const settings = (more: Partial<JobSettingsInput> = {}): JobSettings =>
	jobSettings.parse({ name: 'Office', sources: [{ kind: 'folder', path: '/a' }], repositoryId: 'r', ...more });

const now = at('2026-06-10T12:00:00Z');
const nightly = { cron: '0 2 * * *', timeZone: 'UTC' };
const point = (createdAt: string, more: object = {}) => ({
	object: 'folder:/a',
	createdAt: at(createdAt),
	restorable: true,
	sourceBytes: 10,
	verifiedAt: null,
	...more,
});
const stateOf = (job: JobSettings, points: ReturnType<typeof point>[], task?: 'success' | 'failed' | 'cancelled') =>
	planProtection({ jobId: 'j', settings: job, points, recentTasks: task === undefined ? [] : [{ object: 'folder:/a', state: task }] }, now)[0]?.state;

test('an object is protected, overdue, failing, paused or was never backed up', () => {
	const fresh = [point('2026-06-10T02:00:00Z')];
	assert.equal(stateOf(settings({ schedule: nightly }), fresh), 'protected');
	assert.equal(stateOf(settings({ schedule: nightly }), [point('2026-06-08T02:00:00Z')]), 'overdue');
	assert.equal(stateOf(settings({ schedule: nightly }), fresh, 'failed'), 'failing');
	assert.equal(stateOf(settings({ schedule: nightly }), fresh, 'cancelled'), 'protected');
	assert.equal(stateOf(settings({ schedule: nightly, enabled: false }), fresh), 'paused');
	assert.equal(stateOf(settings(), []), 'never');
	assert.equal(stateOf(settings(), [], 'failed'), 'failing');
	assert.equal(stateOf(settings(), [point('2020-01-01T00:00:00Z')]), 'protected', 'nothing was promised for a job that is run by hand');
});

test('points that cannot be restored protect nothing', () => {
	assert.equal(stateOf(settings(), [point('2026-06-10T02:00:00Z', { restorable: false })]), 'never');
});

test('the objective of a job decides before its schedule', () => {
	assert.equal(dueAt(settings({ recoveryPointObjectiveMs: HOUR_MS, schedule: nightly }), now, now), now + HOUR_MS);
	assert.equal(dueAt(settings({ schedule: nightly }), at('2026-06-10T02:05:00Z'), now), at('2026-06-11T02:00:00Z') + 6 * HOUR_MS);
	assert.equal(dueAt(settings({ schedule: { cron: '*/5 * * * *', timeZone: 'UTC' } }), now, now), now + 5 * 60_000 + 15 * 60_000);
	assert.equal(dueAt(settings(), now, now), null);
});

test('the worst of a day stands for it, in the days of the time zone that was asked for', () => {
	const session = (state: 'success' | 'warning' | 'failed' | 'interrupted' | 'cancelled', startedAt: string) => ({
		jobId: 'j',
		state,
		startedAt: at(startedAt),
		queuedAt: at(startedAt),
	});
	const sessions = [
		session('success', '2026-06-10T01:00:00Z'),
		session('interrupted', '2026-06-09T23:30:00Z'),
		session('warning', '2026-06-08T10:00:00Z'),
		session('success', '2026-06-08T11:00:00Z'),
		session('cancelled', '2026-06-07T11:00:00Z'),
	];
	const days = (timeZone: string) => planHeatMap([{ id: 'j', name: 'Office' }], sessions, now, timeZone)[0]?.days.slice(-4);
	assert.deepEqual(days('UTC'), [null, 'warning', 'failed', 'success']);
	assert.deepEqual(days('Europe/Berlin'), [null, 'warning', null, 'failed']);
});

test('days are counted through both changes of the clock', () => {
	assert.deepEqual(lastDays(at('2026-10-26T12:00:00Z'), 'Europe/Berlin', 3), ['2026-10-24', '2026-10-25', '2026-10-26']);
	assert.deepEqual(lastDays(at('2026-03-29T22:30:00Z'), 'Europe/Berlin', 3), ['2026-03-28', '2026-03-29', '2026-03-30']);
	assert.equal(new Set(lastDays(now, 'America/New_York', 30)).size, 30);
});

test('the room runs out where the growth of the last 30 days leads', () => {
	const grow = (perDay: number) => Array.from({ length: 20 }, (_, day) => ({ at: now - (19 - day) * DAY_MS, usedBytes: 1000 + day * perDay }));
	assert.equal(planFullAt(grow(100), 1000, now), now + 10 * DAY_MS);
	assert.equal(planFullAt(grow(0), 1000, now), null);
	assert.equal(planFullAt(grow(-5), 1000, now), null);
	assert.equal(planFullAt(grow(100), null, now), null);
	assert.equal(planFullAt(grow(100).slice(0, 1), 1000, now), null);
	assert.equal(planFullAt(grow(1), 1_000_000_000, now), null);
});

test('the next day of all jobs is one list, with what they usually take', () => {
	const sessions = [4, 2, 60].map((hours) => ({ state: 'success' as const, startedAt: 0, endedAt: hours * HOUR_MS }));
	assert.equal(expectedDurationMs(sessions), 4 * HOUR_MS);
	const job = (id: string, cron: string, more: Partial<JobSettingsInput> = {}) => ({
		id,
		settings: settings({ name: id, schedule: { cron, timeZone: 'UTC' }, ...more }),
		nextRunAt: null,
		sessions,
	});
	const upcoming = planUpcoming(
		[job('night', '0 2 * * *'), job('evening', '0 23 * * *'), job('off', '0 1 * * *', { enabled: false }), job('weekly', '0 1 * * 0')],
		now,
	);
	assert.deepEqual(
		upcoming.map(({ jobId, at: time }) => [jobId, new Date(time).toISOString()]),
		[
			['evening', '2026-06-10T23:00:00.000Z'],
			['night', '2026-06-11T02:00:00.000Z'],
		],
	);
	assert.deepEqual(
		findOverlaps(upcoming).map(({ first, second }) => [first.jobId, second.jobId]),
		[['evening', 'night']],
	);
	const retry = { ...job('night', '0 2 * * *'), nextRunAt: now + 60_000 };
	assert.equal(planUpcoming([retry], now)[0]?.at, now + 60_000);
});

test('a job that runs every minute does not fill the list', () => {
	const job = { id: 'j', settings: settings({ schedule: { cron: '* * * * *', timeZone: 'UTC' } }), nextRunAt: null, sessions: [] };
	assert.equal(planUpcoming([job], now).length, 48);
});

const quiet: AttentionFacts = { jobs: [], objects: [], repositories: [], chains: [], keys: [], points: [] };
const job = { id: 'j', name: 'Office', enabled: true, hasSchedule: true, lastBackup: null, isRunning: false };
const last = (state: 'failed' | 'warning' | 'success' | 'interrupted') =>
	({ id: 's', state, queuedAt: 1, endedAt: 2, error: { code: 'source.missing', message: 'It is gone.', hint: 'Bring it back.' } }) as const;
const repository = { id: 'r', settings: repositorySettings.parse({ name: 'Local', path: '/r' }), state: 'ready', problem: null, fullAt: null } as const;
const object = { jobId: 'j', job: 'Office', object: 'folder:/a', lastPointAt: 1, dueAt: 2, state: 'protected', lastVerifiedAt: null, sourceBytes: 1 } as const;
const actions = (facts: Partial<AttentionFacts>) =>
	planAttention({ ...quiet, jobs: [job], ...facts }, now).map(({ action }) => `${action.kind} ${action.targetId}`);

test('what needs a look comes with the step that mends it', () => {
	assert.deepEqual(actions({ jobs: [] }), ['create-job ']);
	assert.deepEqual(actions({}), []);
	assert.deepEqual(actions({ jobs: [{ ...job, lastBackup: last('failed') }] }), ['retry-session s']);
	assert.deepEqual(actions({ jobs: [{ ...job, lastBackup: last('failed'), isRunning: true }] }), [], 'somebody is at it already');
	assert.deepEqual(actions({ jobs: [{ ...job, lastBackup: last('interrupted') }] }), ['retry-session s']);
	assert.deepEqual(actions({ jobs: [{ ...job, lastBackup: last('warning') }] }), ['open-session s']);
	assert.deepEqual(actions({ jobs: [{ ...job, enabled: false }] }), ['enable-job j']);
	assert.deepEqual(actions({ objects: [{ ...object, state: 'overdue' }] }), ['run-job j']);
	assert.deepEqual(actions({ objects: [{ ...object, state: 'never' }] }), ['run-job j']);
	assert.deepEqual(actions({ repositories: [{ ...repository, state: 'unreachable' }] }), ['open-repository r']);
	assert.deepEqual(actions({ repositories: [{ ...repository, state: 'full' }] }), ['open-repository r']);
	assert.deepEqual(actions({ repositories: [{ ...repository, problem: { code: 'repository.damaged', message: 'x.hbm is damaged.' } }] }), [
		'open-repository r',
	]);
	assert.deepEqual(actions({ repositories: [{ ...repository, fullAt: now + 3 * DAY_MS }] }), ['open-repository r']);
	assert.deepEqual(actions({ repositories: [{ ...repository, fullAt: now + 300 * DAY_MS }] }), []);
	const chain = { id: 'c', jobId: 'j', job: 'Office', object: 'folder:/a', repositoryId: 'r', unreadSince: now, lastCheck: null };
	const found = (damagedCount: number, unreadableCount: number) => ({ ...chain, lastCheck: { at: 1, damagedCount, unreadableCount } });
	assert.deepEqual(actions({ chains: [found(2, 0)] }), ['repair-chain c']);
	assert.deepEqual(actions({ chains: [found(0, 2)] }), ['check-chain c'], 'what cannot be read is not damaged');
	assert.deepEqual(actions({ repositories: [repository], chains: [{ ...chain, unreadSince: now - 31 * DAY_MS }] }), [], 'a check that was missed once');
	assert.deepEqual(actions({ repositories: [repository], chains: [{ ...chain, unreadSince: now - 33 * DAY_MS }] }), ['check-chain c']);
	const byHand = { ...repository, settings: { ...repository.settings, checkSchedule: null } };
	assert.deepEqual(actions({ repositories: [byHand], chains: [{ ...chain, unreadSince: 0 }] }), [], 'nothing was promised');
});

test('restore points that nobody ever read back are a matter after 30 days', () => {
	const points = [40, 1].map((days, i) => ({ id: `p${i}`, jobId: 'j', object: 'folder:/a', createdAt: now - days * DAY_MS, restorable: true }));
	assert.deepEqual(actions({ objects: [object], points }), ['verify-point p1']);
	assert.deepEqual(actions({ objects: [object], points: points.slice(1) }), []);
	assert.deepEqual(actions({ objects: [{ ...object, lastVerifiedAt: now - DAY_MS }], points }), []);
});

test('errors come before warnings', () => {
	const facts = { jobs: [{ ...job, lastBackup: last('failed') }], objects: [{ ...object, state: 'never' as const }] };
	assert.deepEqual(
		planAttention({ ...quiet, ...facts }, now).map(({ severity }) => severity),
		['error', 'warning'],
	);
});
