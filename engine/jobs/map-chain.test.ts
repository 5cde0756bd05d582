import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { JobSettingsInput, RepositorySettings } from '../contract/index.ts';
import { importChains } from './import-chains.ts';
import { mapChain } from './map-chain.ts';
import { addJob, addRepository, documents, ended, openJobSite, pictures, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;

/** A chain of three points whose job is gone, and a job that could go on with it. */
async function makeSite(t: TestContext, more: Partial<JobSettingsInput> = {}, repositoryMore: Partial<RepositorySettings> = {}) {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const old = await addJob(site, repository.id, { name: 'Old', method: 'forever-forward' });
	for (let i = 0; i < 3; i++) {
		await runToEnd(site, old.id);
		await site.clock.advance(1000);
	}
	await site.config.jobs.remove(old.id, 1);
	const updated = await site.config.repositories.update(repository.id, 1, { ...repository.settings, ...repositoryMore });
	const job = await addJob(site, repository.id, { name: 'New', method: 'forever-forward', ...more });
	const [chain] = (await site.catalogue.view(repository.id)).chains;
	assert(chain);
	const map = (isTrial = false, chainId = chain.id) => mapChain(site, { jobId: job.id, chainId, isTrial });
	return { site, repository: updated, job, chain, map, old };
}

test('REPO-09: a job that is mapped goes on with increments, and its retention counts the points that it took over', async (t) => {
	const { site, repository, job, chain, map } = await makeSite(t, { retainPoints: 2 });
	const trial = await map(true);
	assert.deepEqual(
		[trial.from, trial.objects, trial.pointCount, trial.next, trial.expiringCount],
		['Old', ['folder:/documents'], 3, { mode: 'increment', reason: '' }, 2],
	);
	assert.equal((await site.catalogue.refresh(repository.id)).chains[0]?.job.name, 'Old', 'a trial changes nothing');
	assert.deepEqual(await map(), trial);
	const session = await runToEnd(site, job.id);
	assert.deepEqual([session.state, session.tasks[0]?.mode?.actual], ['success', 'increment']);
	const { chains } = await site.catalogue.refresh(repository.id);
	assert.deepEqual(
		chains.map(({ id, job: own, points }) => [id, own, points.length]),
		[[chain.id, { id: job.id, name: 'New' }, 2]],
	);
	await assert.rejects(map(), { code: 'usage.conflict', message: /own/ });
});

test('what a job could not go on with is refused, with the reason and what to do', async (t) => {
	const refused = async (expected: object, more?: Partial<JobSettingsInput>, repository?: Partial<RepositorySettings>) => {
		const { map } = await makeSite(t, more, repository);
		await assert.rejects(map(true), { code: 'usage.conflict', data: { field: 'chain' }, ...expected });
		await assert.rejects(map(), { code: 'usage.conflict' });
	};
	await refused({ message: /method forever-forward.*uses forward/, hint: /--method forever-forward/ }, { method: 'forward' });
	await refused({ message: /holds folder:\/documents.*protects folder:\/pictures/ }, { sources: [pictures] });
	await refused(
		{ message: /one object.*all objects of a job in one chain/, hint: /--no-single-file/ },
		{ sources: [documents, pictures] },
		{ singleFile: true },
	);
});

test('a chain of another job of this installation, an ad-hoc full, and an older chain than the job’s own are refused', async (t) => {
	const { site, repository, job, chain, map } = await makeSite(t);
	const third = await addJob(site, repository.id, { name: 'Third', method: 'forever-forward' });
	await runToEnd(site, third.id, null, { adHoc: { keepUntil: null } });
	await runToEnd(site, third.id);
	const { chains } = await site.catalogue.refresh(repository.id);
	const [adHoc, own] = chains.filter(({ job: { id } }) => id === third.id);
	await assert.rejects(map(true, own?.id), { code: 'usage.conflict', message: /belongs to the job “Third”/ });
	await site.config.jobs.remove(third.id, 1);
	await assert.rejects(map(true, adHoc?.id), { code: 'usage.conflict', message: /ad-hoc full/ });
	await assert.rejects(map(true, 'nowhere'), { code: 'not-found.chain', hint: /its own repository/ });
	await site.clock.advance(1000);
	await runToEnd(site, job.id);
	await assert.rejects(map(true), { code: 'usage.conflict', message: /newer chain/, hint: /chain remove/ });
	assert.equal((await site.catalogue.refresh(repository.id)).chains.find(({ id }) => id === chain.id)?.job.name, 'Old');
});

test('a mapping says when the next run makes a full all the same', async (t) => {
	const due = await makeSite(t, { activeFull: { cron: '0 13 * * *', timeZone: 'UTC' } });
	await due.site.clock.advance(DAY_MS);
	assert.deepEqual((await due.map(true)).next.mode, 'full');
	const strays = await makeSite(t, { sources: [documents, pictures] });
	assert.deepEqual((await strays.map(true)).next, { mode: 'increment', reason: '' }, 'a chain per object: the other has its own');
});

test('a chain is mapped while nobody uses it, and a job while it does not run', async (t) => {
	const { site, repository, job, chain, map } = await makeSite(t);
	{
		using _reader = await site.chainUse.read(chain.id, {});
		await assert.rejects(map(), { code: 'busy.chain' });
	}
	{
		using _seat = site.chainUse.tryWrite(chain.id, 'a compaction');
		await assert.rejects(map(), { code: 'busy.chain' });
	}
	const hang = site.plane.hangNext();
	const running = await site.runner.run(job.id, null);
	await hang.begun;
	await assert.rejects(map(), { code: 'busy.job' });
	running.cancel();
	await ended(site, running);
	await map();
	assert.equal((await site.catalogue.view(repository.id)).chains[0]?.job.id, job.id);
	assert.ok(hang.fired);
});

test('an import tells chains of removed jobs from those of elsewhere, and leaves out those of jobs that are here', async (t) => {
	const { site, repository, job, old } = await makeSite(t);
	const report = async () => (await importChains(site, repository, { isFinishing: false })).chains;
	assert.deepEqual(
		(await report()).map(({ job: name, origin, object, pointCount }) => [name, origin, object, pointCount]),
		[['Old', 'elsewhere', 'folder:/documents', 3]],
	);
	await site.config.formerJobs.put({ id: old.id, name: 'Old', removedAt: site.clock.now() });
	await runToEnd(site, job.id);
	assert.deepEqual(
		(await report()).map(({ job: name, origin }) => [name, origin]),
		[['Old', 'removed-job']],
	);
	site.plane.setReachable(repository.settings.path, false);
	await assert.rejects(report(), { code: 'repository.unreachable' });
});
