import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EngineError, silentLog } from '../base/index.ts';
import { FakeClock, settle } from '../base/testing.ts';
import { type Scheduler, startScheduler } from './scheduler.ts';
import { FakePlane } from './testing/fake-plane.ts';
import { addJob, addRepository, documents, type JobSite, openJobSite } from './testing/job-site.ts';

const HOUR_MS = 3_600_000;
const nightly = { cron: '0 2 * * *', timeZone: 'UTC' };

function schedule(t: TestContext, site: JobSite, isIdle = false): Scheduler {
	const scheduler = startScheduler({
		jobs: site.config.jobs,
		states: site.config.schedules,
		clock: site.clock,
		log: silentLog,
		isIdle,
		run: async (job, due) => void (await site.runner.runDue(job, due)),
	});
	site.sessions.onEnded((session) => void scheduler.onEnded(session));
	t.after(() => scheduler[Symbol.asyncDispose]());
	return scheduler;
}

const triggers = async ({ sessions }: JobSite) =>
	(await sessions.list({})).sessions.map(({ trigger, queuedAt }) => `${trigger} ${new Date(queuedAt).toISOString()}`).reverse();

test('a job runs at each of its times', async (t) => {
	const site = await openJobSite(t, { clock: new FakeClock('2026-06-02T01:00:00Z') });
	await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	schedule(t, site);
	await site.clock.advance(26 * HOUR_MS);
	assert.deepEqual(await triggers(site), ['schedule 2026-06-02T02:00:00.000Z', 'schedule 2026-06-03T02:00:00.000Z']);
});

test('a machine that slept over several times makes one run up when it wakes', async (t) => {
	const site = await openJobSite(t);
	await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	schedule(t, site);
	await site.clock.advance(HOUR_MS);
	site.clock.suspend(80 * HOUR_MS);
	await site.clock.advance(10 * 60_000);
	assert.equal((await triggers(site)).length, 1);
	assert.match((await triggers(site))[0] ?? '', /^make-up 2026-06-04T21:00/);
	await site.clock.advance(6 * HOUR_MS);
	assert.equal((await triggers(site)).at(-1), 'schedule 2026-06-05T02:00:00.000Z');
});

test('a clock that is set back an hour after a run does not run it again', async (t) => {
	const site = await openJobSite(t, { clock: new FakeClock('2026-06-02T01:30:00Z') });
	await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	schedule(t, site);
	await site.clock.advance(31 * 60_000);
	site.clock.set('2026-06-02T01:00:00Z');
	await site.clock.advance(3 * HOUR_MS);
	assert.deepEqual(await triggers(site), ['schedule 2026-06-02T02:00:00.000Z']);
});

test('jobs that are off do not run, and switching on makes nothing up', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	const scheduler = schedule(t, site);
	await site.clock.advance(HOUR_MS);
	await site.config.jobs.update(job.id, 1, { ...job.settings, enabled: false });
	scheduler.poke();
	await site.clock.advance(24 * HOUR_MS);
	assert.equal((await scheduler.nextRuns()).get(job.id), undefined);
	await site.config.jobs.update(job.id, 2, job.settings);
	scheduler.poke();
	await site.clock.advance(HOUR_MS);
	assert.deepEqual(await triggers(site), []);
	assert.equal((await scheduler.nextRuns()).get(job.id), Date.parse('2026-06-03T02:00:00Z'));
});

test('a failed run is tried again after its wait, only so often, and only for what failed', async (t) => {
	const site = await openJobSite(t, { clock: new FakeClock('2026-06-02T01:30:00Z') });
	const missing = { kind: 'folder', path: '/unplugged' } as const;
	await addJob(site, (await addRepository(site)).id, { schedule: nightly, retryCount: 2, retryWaitMs: 600_000, sources: [documents, missing] });
	schedule(t, site);
	await site.clock.advance(2 * HOUR_MS);
	const { sessions } = await site.sessions.list({});
	assert.deepEqual(
		sessions.map(({ trigger, attempt, taskCount, state }) => [trigger, attempt, taskCount, state]),
		[
			['retry', 3, 1, 'failed'],
			['retry', 2, 1, 'failed'],
			['schedule', 1, 2, 'failed'],
		],
	);
	assert.ok((sessions[1]?.queuedAt ?? 0) - (sessions[2]?.endedAt ?? 0) >= 600_000);
});

test('a retry that goes well ends the retries', async (t) => {
	const site = await openJobSite(t, { clock: new FakeClock('2026-06-02T01:30:00Z') });
	await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	site.plane.failNext(new EngineError('source.missing', 'The source is away.'));
	schedule(t, site);
	await site.clock.advance(3 * HOUR_MS);
	assert.deepEqual(
		(await site.sessions.list({})).sessions.map(({ state }) => state),
		['success', 'failed'],
	);
});

test('a time that comes while the job still runs is passed over', async (t) => {
	const site = await openJobSite(t);
	await addJob(site, (await addRepository(site)).id, { schedule: { cron: '*/10 * * * *', timeZone: 'UTC' } });
	schedule(t, site);
	await settle();
	const hang = site.plane.hangNext();
	await site.clock.advance(35 * 60_000);
	assert.equal((await triggers(site)).length, 1);
	hang.release();
	await site.clock.advance(10 * 60_000);
	assert.deepEqual(await triggers(site), ['schedule 2026-06-01T12:10:00.000Z', 'schedule 2026-06-01T12:40:00.000Z']);
});

test('runs that were missed while no engine was there are made up once, and not again by the engine after it', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-scheduler-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	const clock = new FakeClock('2026-06-01T12:00:00Z');
	const plane = new FakePlane({ now: () => clock.now() });
	const shared = { clock, plane, databasePath: join(folder, 'holdfast.db') };
	const first = await openJobSite(t, shared);
	await addJob(first, (await addRepository(first)).id, { schedule: nightly });
	const closeSoon = async (site: JobSite, ms: number) => {
		const scheduler = schedule(t, site);
		await clock.advance(ms);
		await scheduler[Symbol.asyncDispose]();
		await site.sessions.close(1000);
		await site.config[Symbol.asyncDispose]();
	};
	await closeSoon(first, HOUR_MS);
	clock.suspend(70 * HOUR_MS);
	await closeSoon(await openJobSite(t, shared), HOUR_MS);
	await closeSoon(await openJobSite(t, shared), HOUR_MS);
	const last = await openJobSite(t, shared);
	assert.deepEqual(await triggers(last), ['make-up 2026-06-04T11:00:00.000Z']);
});

test('a job that is made while nobody keeps the timetable is due from then on, and is made up by who keeps it', async (t) => {
	const site = await openJobSite(t);
	const idle = schedule(t, site, true);
	await addJob(site, (await addRepository(site)).id, { schedule: nightly });
	idle.poke();
	await site.clock.advance(0);
	assert.equal((await idle.nextRuns()).size, 1);
	await idle[Symbol.asyncDispose]();
	site.clock.suspend(30 * HOUR_MS);
	assert.deepEqual(await triggers(site), []);
	schedule(t, site);
	await site.clock.advance(60_000);
	assert.deepEqual(await triggers(site), ['make-up 2026-06-02T18:00:00.000Z']);
});
