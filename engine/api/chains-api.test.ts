import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobSettings, jobSettings } from '../contract/index.ts';
import { addJob, addRepository, ended, openApiSite } from './testing/api-site.ts';

const none = {};
const DAY_MS = 86_400_000;
const ask = { jobId: null, draft: null, runs: 14, fullBytes: null, incrementBytes: null };

test('a draft is previewed before anything is saved', async (t) => {
	const { api, source } = await openApiSite(t);
	const draft: Partial<JobSettings> = { sources: [source], method: 'forever-forward', retainPoints: 3, schedule: { cron: '0 22 * * *', timeZone: 'UTC' } };
	const { runs, isDailyAssumed } = await api.chains.preview({ ...ask, draft, runs: 5, fullBytes: 1000, incrementBytes: 10 }, none);
	assert.equal(isDailyAssumed, false);
	assert.deepEqual(
		runs.map(({ at, mode, pointCount, storedBytes, removed }) => [new Date(at).getUTCHours(), mode, pointCount, storedBytes, removed.length]),
		[
			[22, 'full', 1, 1000, 0],
			[22, 'increment', 2, 1010, 0],
			[22, 'increment', 3, 1020, 0],
			[22, 'increment', 3, 1020, 1],
			[22, 'increment', 3, 1020, 1],
		],
	);
	assert.deepEqual((await api.chains.preview({ ...ask, draft: {} }, none)).runs.length, 14);
	await assert.rejects(api.chains.preview(ask, none), { code: 'usage.invalid' });
	await assert.rejects(api.chains.preview({ ...ask, jobId: 'nobody' }, none), { code: 'not-found.job' });
});

test('points tell what keeps them: archive flags, days, and whether they go next', async (t) => {
	const site = await openApiSite(t);
	const gfs = { weekly: 1, monthly: 0, yearly: 0 };
	const job = await addJob(site, (await addRepository(site)).id, { retainPoints: 1, retainDays: 2, gfs });
	await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
	await site.clock.advance(DAY_MS);
	await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
	const [newest, oldest] = await site.api.points.list({}, none);
	assert.deepEqual([newest?.gfs, oldest?.gfs], [[], ['weekly']]);
	assert.equal(oldest?.keepUntil, (oldest?.createdAt ?? 0) + 2 * DAY_MS);
	assert.deepEqual([newest?.expires, oldest?.expires], [false, false]);
});

test('JOB-08: a chain is compacted as a session of its own, which can be run again', async (t) => {
	const site = await openApiSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
	const [chain] = await site.api.chains.list({}, none);
	const started = await site.api.chains.compact({ id: chain?.id ?? '' }, none);
	const session = await ended(site.api, started);
	assert.deepEqual([session.kind, session.state, session.jobId], ['compact', 'success', job.id]);
	assert.equal((await ended(site.api, await site.api.sessions.retry({ id: started.sessionId }, none))).state, 'success');
	assert.equal(site.plane.steps.length, 2);
	await assert.rejects(site.api.chains.compact({ id: 'nothing' }, none), { code: 'not-found.chain' });
});

test('a download holds its chain until it is read or given up, and is refused while the chain changes in place', async (t) => {
	const site = await openApiSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
	const [point] = await site.api.points.list({}, none);
	assert.ok(point);
	const { open } = site.api as typeof site.api & import('../contract/index.ts').Downloads;
	const wanted = { point: point.id, paths: ['/one'] };
	using seat = site.chainUse.tryWrite(point.chainId, 'a test');
	const free = () => {
		const alone = seat.tryAlone();
		alone?.[Symbol.dispose]();
		return alone !== undefined;
	};
	const download = await open(wanted, none);
	assert.equal(free(), false);
	let text = '';
	for await (const piece of download.content) text += Buffer.from(piece).toString();
	assert.equal(text, 'first');
	assert.equal(free(), true);
	const client = new AbortController();
	await open(wanted, { signal: client.signal });
	assert.equal(free(), false);
	client.abort();
	assert.equal(free(), true, 'a client that goes away before the first byte lets go');
	await assert.rejects(open({ point: point.id, paths: ['/nothing'] }, none), { code: 'not-found.path' });
	assert.equal(free(), true);
	using _alone = seat.tryAlone();
	await assert.rejects(open(wanted, none), { code: 'busy.chain' });
	assert.equal((await site.api.points.browse({ point: point.id, path: '/', offset: 0, limit: 10 }, none)).total, 2, 'looking is never refused');
});

test('settings of a job have defaults where a draft names none', () => {
	const { differential, retainDays, gfs, syntheticFull } = jobSettings.parse({ name: 'x', sources: [{ kind: 'folder', path: '/x' }], repositoryId: 'r' });
	assert.deepEqual([differential, retainDays, gfs, syntheticFull], [false, null, null, null]);
});
