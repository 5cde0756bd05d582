/** Health checks by their schedule, repairs, and what else works on a chain at the same time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../base/testing.ts';
import { repositorySettings } from '../contract/index.ts';
import { describeHealth, sliceCountOf } from './chain-health.ts';
import { startCheckScheduler } from './check-scheduler.ts';
import { addJob, addRepository, documents, ended, type JobSite, local, openJobSite, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;
const daily = { cron: '0 6 * * *', timeZone: 'UTC' };

async function protect(site: JobSite, more: Parameters<typeof addJob>[2] = {}, checks: { checkDays?: number } = {}) {
	const repository = await addRepository(site, { maxTasks: 1, checkSchedule: daily, checkDays: checks.checkDays ?? 30 });
	const job = await addJob(site, repository.id, more);
	await runToEnd(site, job.id);
	const chain = async () => {
		const [first] = (await site.plane.list(local)).chains;
		assert.ok(first);
		return first;
	};
	const repair = async () => site.healthSessions.repair({ repository, chainId: (await chain()).id, jobId: job.id, title: 'Office', isCurrent: true });
	const check = async (isWhole = false) => {
		const session = await site.healthSessions.check(repository, { trigger: 'schedule', isWhole });
		assert.ok(session);
		return ended(site, session);
	};
	const health = async () => describeHealth(await site.config.health.get(repository.id, (await chain()).id), await chain());
	const log = async (id: string) => (await site.sessions.log(id, 0, 5000)).map(({ message }) => message);
	return { repository, job, chain, repair, check, health, log };
}

test('checks run by the schedule of the repository, once a day, and make up for a day that was missed', async (t) => {
	const site = await openJobSite(t);
	const { repository } = await protect(site);
	const runs: string[] = [];
	const open = () =>
		startCheckScheduler({
			...site,
			repositories: site.config.repositories,
			states: site.config.checkSchedules,
			run: async (_, trigger) => void runs.push(trigger),
		});
	{
		await using _scheduler = open();
		await site.clock.advance(DAY_MS);
		assert.deepEqual(runs, ['schedule']);
		await site.clock.advance(DAY_MS);
		assert.deepEqual(runs, ['schedule', 'schedule']);
	}
	await site.clock.advance(3 * DAY_MS);
	await using _again = open();
	await settle();
	assert.deepEqual(runs, ['schedule', 'schedule', 'make-up']);
	await site.config.repositories.update(repository.id, repository.revision, { ...repository.settings, checkSchedule: null });
	await site.clock.advance(2 * DAY_MS);
	assert.equal(runs.length, 3);
});

test('a chain is read in shares, and is proven when all of them have been read', async (t) => {
	const site = await openJobSite(t);
	const { check, health } = await protect(site, {}, { checkDays: 4 });
	const begun = site.clock.now();
	for (let day = 1; day <= 3; day++) {
		await site.clock.advance(DAY_MS);
		assert.equal((await check()).state, 'success');
		assert.equal((await health()).provenAt, null);
	}
	await site.clock.advance(DAY_MS);
	await check();
	assert.equal((await health()).provenAt, begun + DAY_MS);
	assert.deepEqual(
		site.plane.checks.map(({ part }) => [part?.sliceCount, part?.slices.length]),
		[1, 2, 3, 4].map(() => [4, 1]),
	);
	assert.equal(new Set(site.plane.checks.flatMap(({ part }) => part?.slices ?? [])).size, 4);
	await check();
	assert.equal(site.plane.checks.length, 4, 'nothing is due twice on a day');
	await check(true);
	assert.equal(site.plane.checks.at(-1)?.part?.slices.length, 4);
});

test('damage stays known until it is gone, is told where restores are planned, and the next run of the job mends it', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chain, check, health, log } = await protect(site);
	const [point] = (await chain()).points;
	site.plane.damagePoint(point?.id ?? '');
	await site.clock.advance(DAY_MS);
	const failed = await check(true);
	assert.deepEqual([failed.state, failed.tasks[0]?.error?.code], ['failed', 'repository.damaged']);
	assert.equal((await health()).damaged.length, 1);
	assert.match((await site.catalogue.view(repository.id)).chains[0]?.points[0]?.problem ?? '', /flipped/);
	await site.clock.advance(DAY_MS);
	assert.equal((await check()).state, 'failed', 'what is known to be damaged is looked at each time');
	const run = await runToEnd(site, job.id);
	assert.equal(run.state, 'success');
	assert.deepEqual(
		site.plane.runs.at(-1)?.suspects.map(({ file }) => file),
		[point?.file],
	);
	const messages = await log(run.id);
	assert.ok(
		messages.some((message) => message.startsWith('Mended: ')),
		messages.join('\n'),
	);
	assert.deepEqual((await health()).damaged, []);
	assert.equal((await site.catalogue.view(repository.id)).chains[0]?.points[0]?.problem, null);
});

test('a repair mends from the repository, and lets the job read from the source what has no other copy', async (t) => {
	const site = await openJobSite(t);
	const { chain, repair, check, health } = await protect(site);
	await assert.rejects(repair(), { code: 'usage.invalid' });
	site.plane.damagePoint((await chain()).points[0]?.id ?? '', 'copy');
	await check(true);
	assert.equal((await ended(site, await repair())).state, 'success');
	assert.equal(site.plane.runs.length, 1, 'no run was needed');
	site.plane.damagePoint((await chain()).points[0]?.id ?? '', 'source');
	await check(true);
	assert.equal((await ended(site, await repair())).state, 'success');
	assert.equal(site.plane.runs.length, 2);
	assert.deepEqual((await health()).damaged, []);
});

test('a repository that cannot be reached is no damage, and nothing is forgotten', async (t) => {
	const site = await openJobSite(t);
	const { check, health, chain } = await protect(site);
	site.plane.damagePoint((await chain()).points[0]?.id ?? '');
	await check(true);
	const before = await health();
	site.plane.setReachable('/repositories/Local', false);
	const session = await site.healthSessions.check(await site.config.repositories.list().then(([first]) => first as never), {
		trigger: 'schedule',
		isWhole: true,
	});
	assert.ok(session);
	const failed = await ended(site, session);
	assert.deepEqual([failed.state, failed.error?.code ?? failed.tasks[0]?.error?.code], ['failed', 'repository.unreachable']);
	site.plane.setReachable('/repositories/Local', true);
	assert.deepEqual(await health(), before);
});

test('one health check at a time per repository; it can be cancelled', async (t) => {
	const site = await openJobSite(t);
	const { repository, check } = await protect(site);
	const hang = site.plane.hangNext(documents);
	const first = await site.healthSessions.check(repository, { trigger: 'manual', isWhole: true });
	assert.ok(first);
	await hang.begun;
	await assert.rejects(site.healthSessions.check(repository, { trigger: 'manual', isWhole: true }), { code: 'busy.repository' });
	await site.sessions.cancel(first.id);
	assert.equal((await ended(site, first)).state, 'cancelled');
	assert.equal((await check(true)).state, 'success');
});

test('a health check waits while a reverse increment changes the chain, and goes on with the others of its shares', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, log } = await protect(site, { method: 'reverse' });
	const hang = site.plane.hangNext(documents);
	const backup = await site.runner.run(job.id, null);
	await hang.begun;
	const check = await site.healthSessions.check(repository, { trigger: 'manual', isWhole: true });
	assert.ok(check);
	await settle();
	hang.release();
	for (const session of [backup, check]) assert.equal((await ended(site, session)).state, 'success');
	assert.ok((await log(check.id)).some((message) => message.includes('waiting for the backup of “Office”')));
});

test('a repair is refused while a backup works on the chain, and waits for those who read it; a backup waits for a repair', async (t) => {
	const site = await openJobSite(t);
	const { job, chain, check, repair } = await protect(site);
	site.plane.damagePoint((await chain()).points[0]?.id ?? '', 'copy');
	await check(true);
	const hang = site.plane.hangNext(documents); // of the mending before the run
	const backup = await site.runner.run(job.id, null);
	await hang.begun;
	await assert.rejects(repair(), { code: 'busy.chain' });
	hang.release();
	assert.equal((await ended(site, backup)).state, 'success');

	site.plane.damagePoint((await chain()).points[0]?.id ?? '', 'copy');
	await check(true);
	const reader = site.chainUse.tryRead((await chain()).id);
	const waiting = await repair();
	await settle();
	assert.equal(waiting.state, 'queued');
	const next = await site.runner.run(job.id, null);
	await settle();
	assert.equal(next.state, 'queued');
	reader?.[Symbol.dispose]();
	for (const session of [waiting, next]) assert.equal((await ended(site, session)).state, 'success');
});

test('a chain that is being read is mended at the next run', async (t) => {
	const site = await openJobSite(t);
	const { job, chain, check, health, log } = await protect(site);
	site.plane.damagePoint((await chain()).points[0]?.id ?? '', 'copy');
	await check(true);
	const reader = site.chainUse.tryRead((await chain()).id);
	const during = await runToEnd(site, job.id);
	assert.equal(during.state, 'success');
	assert.ok((await log(during.id)).some((message) => message.includes('waits for the next run: the chain is being read')));
	reader?.[Symbol.dispose]();
	await runToEnd(site, job.id);
	assert.deepEqual((await health()).damaged, []);
});

test('a schedule that is too rare for the promised number of days is refused', () => {
	const now = Date.parse('2026-06-01T00:00:00Z');
	const settings = (cron: string, checkDays: number) =>
		repositorySettings.parse({ name: 'r', path: '/r', checkSchedule: { cron, timeZone: 'UTC' }, checkDays });
	assert.equal(sliceCountOf(settings('0 6 * * *', 30), now), 30);
	assert.equal(sliceCountOf(settings('0 6 * * 0', 30), now), 24);
	assert.equal(sliceCountOf(settings('*/5 * * * *', 1), now), 1);
	assert.throws(() => sliceCountOf(settings('0 6 1 * *', 30), now), { code: 'usage.conflict' });
	assert.throws(() => sliceCountOf(settings('whenever', 30), now), { code: 'usage.invalid' });
});
