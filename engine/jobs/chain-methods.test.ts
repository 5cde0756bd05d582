/** The chain methods as jobs carry them out, and what works on one chain at the same time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { settle } from '../base/testing.ts';
import type { JobSettingsInput, Point, SessionStep } from '../contract/index.ts';
import { restoreFilesInput } from '../contract/index.ts';
import { planOutlook } from './outlook.ts';
import { toPoint } from './restore-points.ts';
import { addJob, addRepository, documents, ended, type JobSite, local, openJobSite, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;

async function protect(site: JobSite, settings: Partial<JobSettingsInput>, runs: number, maxTasks = 4) {
	const repository = await addRepository(site, { maxTasks });
	const job = await addJob(site, repository.id, settings);
	const run = async (full: 'active' | 'synthetic' | null = null) => {
		await site.clock.advance(DAY_MS);
		return runToEnd(site, job.id, full);
	};
	for (let i = 0; i < runs; i++) await run();
	const chains = async () => (await site.plane.list(local)).chains;
	const points = async (): Promise<Point[]> => {
		const view = await site.catalogue.refresh(repository.id);
		const outlook = planOutlook([], [], { singleFile: false, encryptionKeyId: null }, 0);
		const context = {
			repositoryName: 'Local',
			jobNames: new Map([[job.id, 'Office']]),
			jobsHere: new Set([job.id]),
			formerJobs: new Set<string>(),
			outlook,
			verifiedAt: new Map(),
			health: new Map(),
		};
		return view.chains.flatMap((chain) => chain.points.map((point) => toPoint({ view, chain, context }, point)));
	};
	const log = async (id: string) => (await site.sessions.log(id, 0, 5000)).map(({ message }) => message);
	return { repository, job, run, chains, points, log };
}
const kinds = (chains: Awaited<ReturnType<JobSite['plane']['list']>>['chains']) => chains.map(({ files }) => files.map(({ kind }) => kind));

test('reverse incremental keeps as many points as asked, the newest in the full', async (t) => {
	const site = await openJobSite(t);
	const { chains } = await protect(site, { method: 'reverse', retainPoints: 3 }, 5);
	assert.deepEqual(kinds(await chains()), [['full', 'reverse', 'reverse']]);
	assert.ok(site.plane.runs.every(({ renewAfterPoints }) => renewAfterPoints === null));
});

test('forever forward merges what is over, and tells it in the log', async (t) => {
	const site = await openJobSite(t);
	const { chains, run, log } = await protect(site, { method: 'forever-forward', retainPoints: 3 }, 4);
	assert.deepEqual(kinds(await chains()), [['full', 'increment', 'increment']]);
	const messages = await log((await run()).id);
	assert.ok(messages.some((message) => message.startsWith('Merging the oldest increment of folder:/documents')));
	assert.ok(messages.some((message) => message.startsWith('Merged in')));
	assert.deepEqual(
		site.plane.steps.map(({ step }) => step),
		[
			{ kind: 'merge', count: 1 },
			{ kind: 'merge', count: 1 },
		],
	);
});

test('a merge that fails leaves the point that was made, and is made up for at the next run', async (t) => {
	const site = await openJobSite(t);
	const { chains, run, log, job } = await protect(site, { method: 'forever-forward', retainPoints: 2 }, 2);
	await site.clock.advance(DAY_MS);
	// The run itself comes first and must go through: the fault waits for the merge.
	const hang = site.plane.hangNext();
	const session = await site.runner.run(job.id, null);
	await hang.begun;
	const fault = site.plane.failNext(new EngineError('repository.io', 'The full could not be written.'));
	hang.release();
	const after = await ended(site, session);
	assert.equal(fault.fired, true);
	assert.equal(after.state, 'success');
	assert.ok((await log(after.id)).some((message) => message.includes('continues after the next run: The full could not be written.')));
	assert.equal((await chains())[0]?.files.length, 3);
	await run();
	assert.deepEqual(site.plane.steps.at(-1)?.step, { kind: 'merge', count: 2 });
	assert.equal((await chains())[0]?.files.length, 2);
});

test('a synthetic full comes when its schedule says so; an active one on the same day goes before it', async (t) => {
	const site = await openJobSite(t); // a Monday
	const sundays = { cron: '0 0 * * 0', timeZone: 'UTC' };
	const { run, job } = await protect(site, { syntheticFull: sundays }, 5);
	const due = await run();
	assert.equal(site.plane.runs.at(-1)?.requested, 'synthetic');
	assert.deepEqual(due.tasks[0]?.mode, { requested: 'full', actual: 'full', reason: 'The synthetic full planned for 2026-06-07T00:00:00.000Z was due.' });
	assert.equal((await run()).tasks[0]?.mode?.actual, 'increment');
	await site.config.jobs.update(job.id, job.revision, { ...job.settings, activeFull: sundays });
	for (let i = 0; i < 6; i++) await run();
	assert.equal(site.plane.runs.filter(({ requested }) => requested === 'full').length, 1);
});

test('by days alone, a chain is renewed when it covers the days, and goes when the next one does', async (t) => {
	const site = await openJobSite(t);
	const { run, chains } = await protect(site, { retainPoints: 1, retainDays: 3 }, 0);
	const modes: (string | undefined)[] = [];
	for (let i = 0; i < 8; i++) modes.push((await run()).tasks[0]?.mode?.actual);
	assert.deepEqual(modes, ['full', 'increment', 'increment', 'full', 'increment', 'increment', 'full', 'increment']);
	assert.deepEqual(
		(await chains()).map(({ points }) => points.length),
		[3, 2],
	);
});

test('a changed method begins a new chain with the reason, also when an older chain of that method is still there', async (t) => {
	const site = await openJobSite(t);
	const { run, job, chains } = await protect(site, {}, 1);
	for (const [revision, method] of (['reverse', 'forward'] as const).entries()) {
		await site.config.jobs.update(job.id, job.revision + revision, { ...job.settings, method });
		const { mode } = (await run()).tasks[0] ?? {};
		assert.equal(mode?.actual, 'full');
		assert.match(mode?.reason ?? '', /The method of the job was changed from/);
	}
	assert.deepEqual(
		(await chains()).map(({ method }) => method),
		['forward', 'reverse', 'forward'],
	);
});

test('what a dead session left is cleaned up before each run', async (t) => {
	const site = await openJobSite(t);
	const { job } = await protect(site, {}, 2);
	assert.deepEqual(site.plane.cleanedJobs, [job.id, job.id]);
});

test('a restore waits while a reverse increment changes the chain, and then gets its point', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, points, log } = await protect(site, { method: 'reverse' }, 2);
	const [first] = await points();
	assert.ok(first);
	const hang = site.plane.hangNext(documents);
	const backup = await site.runner.run(job.id, null);
	await hang.begun;
	const input = restoreFilesInput.parse({ point: first.id, paths: ['/'], to: '/target' });
	const restore = await site.reading.restoreFiles({ repository, point: first, input });
	await settle();
	assert.equal(restore.state, 'queued');
	hang.release();
	assert.equal((await ended(site, backup)).state, 'success');
	assert.equal((await ended(site, restore)).state, 'success');
	assert.ok((await log(restore.id)).some((message) => message.startsWith('Waiting for the backup of “Office”')));
});

test('a reverse increment waits for those who read the chain', async (t) => {
	const site = await openJobSite(t);
	const { job, chains, log } = await protect(site, { method: 'reverse' }, 1);
	const reader = site.chainUse.tryRead((await chains())[0]?.id ?? '');
	const backup = await site.runner.run(job.id, null);
	await settle();
	assert.equal(backup.state, 'queued');
	reader?.[Symbol.dispose]();
	assert.equal((await ended(site, backup)).state, 'success');
	assert.ok((await log(backup.id)).includes('Waiting for those who read the chain to end.'));
});

test('a merge leaves a chain that is being read for the next run; the backup itself does not wait', async (t) => {
	const site = await openJobSite(t);
	const { run, chains, log } = await protect(site, { method: 'forever-forward', retainPoints: 1 }, 1);
	const reader = site.chainUse.tryRead((await chains())[0]?.id ?? '');
	const during = await run();
	assert.equal(during.state, 'success');
	assert.ok((await log(during.id)).some((message) => message.includes('is being read')));
	assert.equal(site.plane.steps.length, 0);
	reader?.[Symbol.dispose]();
	await run();
	assert.deepEqual(site.plane.steps.at(-1)?.step, { kind: 'merge', count: 2 });
});

test('a check waits while a reverse increment changes the chain, with one task at a time and no deadlock', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chains } = await protect(site, { method: 'reverse' }, 1, 1);
	const chainId = (await chains())[0]?.id ?? '';
	const hang = site.plane.hangNext(documents);
	const backup = await site.runner.run(job.id, null);
	await hang.begun;
	const check = await site.reading.check({ repository, chainId, jobId: job.id, title: 'Office' });
	const second = await site.reading.check({ repository, chainId, jobId: job.id, title: 'Office' });
	hang.release();
	for (const session of [backup, check, second]) assert.equal((await ended(site, session)).state, 'success');
});

test('JOB-08: a compaction is refused while a backup works on the chain, and a backup waits for a compaction', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chains } = await protect(site, {}, 1);
	const asked = { repository, chainId: (await chains())[0]?.id ?? '', jobId: job.id, title: 'Office' };
	const running = site.plane.hangNext(documents);
	const backup = await site.runner.run(job.id, null);
	await running.begun;
	await assert.rejects(site.maintenance.compact(asked), { code: 'busy.chain' });
	running.release();
	await ended(site, backup);

	const compacting = site.plane.hangNext();
	const compaction = await site.maintenance.compact(asked);
	await compacting.begun;
	const next = await site.runner.run(job.id, null);
	await settle();
	assert.equal(next.state, 'queued');
	await assert.rejects(site.maintenance.compact(asked), { code: 'busy.chain' });
	compacting.release();
	assert.equal((await ended(site, compaction)).state, 'success');
	assert.equal((await ended(site, next)).state, 'success');
	assert.deepEqual(site.plane.cleanedJobs, [job.id, job.id, job.id]);
});

test('a compaction waits for a restore, and is cancelled while it waits without having begun', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chains } = await protect(site, {}, 1);
	const chainId = (await chains())[0]?.id ?? '';
	const reader = site.chainUse.tryRead(chainId);
	const asked = { repository, chainId, jobId: job.id, title: 'Office' };
	const cancelled = await site.maintenance.compact(asked);
	await settle();
	assert.equal(cancelled.state, 'queued');
	await site.sessions.cancel(cancelled.id);
	assert.equal((await ended(site, cancelled)).state, 'cancelled');
	assert.deepEqual(site.plane.steps, []);
	const second = await site.maintenance.compact(asked);
	reader?.[Symbol.dispose]();
	assert.equal((await ended(site, second)).state, 'success');
});

/** How far the step of a session is, as the console is told when it follows the session, looks at it, and lists all. */
async function toldSteps(site: JobSite, id: string): Promise<(SessionStep | null | undefined)[]> {
	const followed = await site.sessions.follow(id, {})[Symbol.asyncIterator]().next();
	const listed = (await site.sessions.list({ limit: 100 })).sessions.find((item) => item.id === id);
	return [followed.value?.step, (await site.sessions.get(id)).step, listed?.step];
}

const thrice = <T>(value: T): T[] => [value, value, value];

test('a session tells how far the step is that it carries out on a chain, part by part, and nothing when it has ended', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chains } = await protect(site, {}, 1);
	const parts: readonly SessionStep[] = [
		{ part: 'compact', movedBytes: 0, totalBytes: 300 },
		{ part: 'compact', movedBytes: 200, totalBytes: 300 },
		{ part: 'verify', movedBytes: 300, totalBytes: 500 },
	];
	const tellings = parts.map((part) => site.plane.tellNext(part));
	const compaction = await site.maintenance.compact({ repository, chainId: (await chains())[0]?.id ?? '', jobId: job.id, title: 'Office' });
	for (const [i, { told, release }] of tellings.entries()) {
		await told;
		assert.deepEqual(await toldSteps(site, compaction.id), thrice(parts[i]));
		release();
	}
	assert.equal((await ended(site, compaction)).state, 'success');
	assert.deepEqual(await toldSteps(site, compaction.id), thrice(null));
});

test('a backup tells of the merge that follows it, and of no step before and after', async (t) => {
	const site = await openJobSite(t);
	const { job } = await protect(site, { method: 'forever-forward', retainPoints: 2 }, 2);
	await site.clock.advance(DAY_MS);
	const backingUp = site.plane.hangNext(documents);
	const step: SessionStep = { part: 'merge', movedBytes: 10, totalBytes: 40 };
	const merging = site.plane.tellNext(step);
	const session = await site.runner.run(job.id, null);
	await backingUp.begun;
	assert.deepEqual(await toldSteps(site, session.id), thrice(null));
	backingUp.release();
	await merging.told;
	assert.deepEqual(await toldSteps(site, session.id), thrice(step));
	merging.release();
	assert.equal((await ended(site, session)).state, 'success');
	assert.deepEqual(await toldSteps(site, session.id), thrice(null));
});

test('a step that is cancelled on its way ends as cancelled, and tells of itself no more', async (t) => {
	const site = await openJobSite(t);
	const { repository, job, chains } = await protect(site, {}, 1);
	const telling = site.plane.tellNext({ part: 'compact', movedBytes: 1, totalBytes: 300 });
	const compaction = await site.maintenance.compact({ repository, chainId: (await chains())[0]?.id ?? '', jobId: job.id, title: 'Office' });
	await telling.told;
	await site.sessions.cancel(compaction.id);
	assert.equal((await ended(site, compaction)).state, 'cancelled');
	assert.deepEqual(await toldSteps(site, compaction.id), thrice(null));
});
