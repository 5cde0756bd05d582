import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SourceSpec } from '../contract/index.ts';
import { removeChainByHand } from './remove-chain.ts';
import { addJob, addRepository, documents, ended, type JobSite, openJobSite, pictures, runToEnd } from './testing/job-site.ts';

const DAY_MS = 86_400_000;

/** Folders that are there: a single-file run leaves out what is not. */
async function realSources(t: TestContext, { plane }: JobSite, count: number): Promise<{ sources: SourceSpec[]; keys: string[] }> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-ad-hoc-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const sources = Array.from({ length: count }, (_, i): SourceSpec => ({ kind: 'folder', path: join(root, `${i}`) }));
	for (const source of sources) {
		await mkdir(source.path);
		plane.putSource(source, { '/one': 'first' });
	}
	return { sources, keys: sources.map(({ kind, path }) => `${kind}:${path}`) };
}

test('JOB-08: an ad-hoc full stands beside the chain: increments go on, and retention neither counts nor takes it', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id, { retainPoints: 2, method: 'forever-forward' });
	const chains = async () => (await site.catalogue.refresh(repository.id)).chains;
	await runToEnd(site, job.id);
	await site.clock.advance(1000);
	const adHoc = await runToEnd(site, job.id, null, { adHoc: { keepUntil: null } });
	assert.deepEqual([adHoc.state, adHoc.tasks[0]?.mode?.actual], ['success', 'full']);
	assert.match(adHoc.tasks[0]?.mode?.reason ?? '', /outside of the chain.*removed by hand/);
	for (let i = 0; i < 4; i++) {
		await site.clock.advance(1000);
		assert.equal((await runToEnd(site, job.id)).tasks[0]?.mode?.actual, 'increment');
	}
	const [own, beside] = await chains();
	assert.deepEqual([own?.points.length, own?.adHoc, beside?.points.length, beside?.adHoc], [2, undefined, 1, { keepUntil: null }]);
	assert.equal(beside?.files.length, 1, 'nothing builds on it');
});

test('JOB-08: an ad-hoc full goes when its date has come, but not as the last restorable point of its object', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id, { sources: [documents, pictures] });
	const until = site.clock.now() + DAY_MS;
	await runToEnd(site, job.id, null, { adHoc: { keepUntil: until } });
	await runToEnd(site, job.id, null, { objects: ['folder:/documents'] });
	const adHocs = async () => (await site.catalogue.refresh(repository.id)).chains.filter(({ adHoc }) => adHoc).flatMap(({ objects }) => objects[0]?.path ?? '');
	await site.clock.advance(DAY_MS / 2);
	await runToEnd(site, job.id, null, { objects: ['folder:/documents'] });
	assert.deepEqual(await adHocs(), ['/documents', '/pictures'], 'its date has not come');
	await site.clock.advance(DAY_MS);
	await runToEnd(site, job.id, null, { objects: ['folder:/documents'] });
	assert.deepEqual(await adHocs(), ['/pictures'], 'nothing else holds the pictures');
	await runToEnd(site, job.id);
	assert.deepEqual(await adHocs(), []);
});

test('JOB-08: an ad-hoc full that failed is retried as one', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	const fault = site.plane.failNext(new Error('it broke'));
	const failed = await runToEnd(site, job.id, null, { adHoc: { keepUntil: null } });
	assert.ok(fault.fired);
	await ended(site, await site.runner.retry(await site.config.sessions.get(failed.id)));
	assert.deepEqual(site.plane.runs.at(-1)?.adHoc, { keepUntil: null });
});

test('a wish that cannot be fulfilled is refused before anything runs', async (t) => {
	const site = await openJobSite(t);
	const job = await addJob(site, (await addRepository(site, { singleFile: true })).id, { sources: [documents, pictures] });
	const refused = (full: 'active' | null, wish: Parameters<typeof site.runner.run>[2], expected: object) =>
		assert.rejects(site.runner.run(job.id, full, wish), expected);
	await refused(null, { objects: ['folder:/nowhere'] }, { code: 'usage.invalid', message: /does not protect folder:\/nowhere/, hint: /folder:\/documents/ });
	await refused(null, { objects: [] }, { code: 'usage.invalid' });
	await refused('active', { adHoc: { keepUntil: null } }, { code: 'usage.conflict' });
	await refused(null, { adHoc: { keepUntil: site.clock.now() } }, { code: 'usage.invalid', data: { field: 'keepUntil' } });
	await refused('active', { objects: ['folder:/documents'] }, { code: 'usage.conflict', hint: /ad-hoc/ });
	assert.equal(site.plane.runs.length, 0);
});

for (const singleFile of [false, true]) {
	test(`JOB-08: a quick increment of one object leaves the points of the others alone (${singleFile ? 'single-file' : 'per-object'} chains)`, async (t) => {
		const site = await openJobSite(t);
		const repository = await addRepository(site, { singleFile });
		const { sources, keys } = await realSources(t, site, 3);
		const job = await addJob(site, repository.id, { sources, retainPoints: 2, method: 'forever-forward' });
		const counts = async () => {
			const points = (await site.catalogue.refresh(repository.id)).chains.flatMap((chain) => chain.points);
			return sources.map(({ path }) => points.filter(({ object }) => object.path === path).length);
		};
		await runToEnd(site, job.id);
		for (let i = 0; i < 4; i++) {
			await site.clock.advance(1000);
			const quick = await runToEnd(site, job.id, null, { objects: keys.slice(1, 2) });
			assert.deepEqual(
				quick.tasks.map(({ object, mode }) => [object, mode?.actual]),
				[[keys[1], 'increment']],
			);
		}
		// In a single file, the oldest file still holds the only points of the others, and stays for their sake.
		assert.deepEqual(await counts(), singleFile ? [1, 5, 1] : [1, 2, 1]);
		for (let i = 0; i < 2; i++) {
			await site.clock.advance(1000);
			await runToEnd(site, job.id);
		}
		assert.deepEqual(await counts(), [2, 2, 2]);
	});
}

test('a quick increment of a single-file chain begins no new chain for the sake of a schedule: the next whole run does', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site, { singleFile: true });
	const activeFull = { cron: '0 13 * * *', timeZone: 'UTC' };
	const { sources, keys } = await realSources(t, site, 2);
	const job = await addJob(site, repository.id, { sources, activeFull });
	await runToEnd(site, job.id);
	await site.clock.advance(2 * DAY_MS);
	assert.equal((await runToEnd(site, job.id, null, { objects: keys.slice(0, 1) })).tasks[0]?.mode?.actual, 'increment');
	assert.deepEqual(
		(await runToEnd(site, job.id)).tasks.map(({ mode }) => mode?.actual),
		['full', 'full'],
	);
});

test('REPO-08: a repository that changes between a chain per object and one per job begins new chains and says why', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const { sources } = await realSources(t, site, 2);
	const job = await addJob(site, repository.id, { sources, retainPoints: 1 });
	const objects = async () => (await site.catalogue.refresh(repository.id)).chains.map((chain) => chain.objects.length).sort();
	const modes = async () => (await runToEnd(site, job.id)).tasks.map(({ mode }) => [mode?.actual, mode?.reason]);
	await modes();
	assert.deepEqual(await objects(), [1, 1]);
	await site.clock.advance(1000);
	await site.config.repositories.update(repository.id, 1, { ...repository.settings, singleFile: true });
	const single = 'The repository keeps all objects in one chain now.';
	assert.deepEqual(await modes(), [
		['full', single],
		['full', single],
	]);
	assert.deepEqual(await objects(), [2], 'retention took the chains per object');
	await site.clock.advance(1000);
	await site.config.repositories.update(repository.id, 2, repository.settings);
	const each = 'The repository keeps a chain per object now.';
	assert.deepEqual(await modes(), [
		['full', each],
		['full', each],
	]);
	assert.deepEqual(await objects(), [1, 1]);
});

test('a chain is removed by hand when nobody uses it, and only with the points that were agreed to', async (t) => {
	const site = await openJobSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await runToEnd(site, job.id);
	const [chain] = (await site.catalogue.view(repository.id)).chains;
	assert(chain);
	const remove = (pointCount: number) => removeChainByHand(site, { repository, chainId: chain.id, title: 'Office', pointCount });
	{
		using _reader = await site.chainUse.read(chain.id, {});
		await assert.rejects(remove(1), { code: 'busy.chain' });
	}
	const hang = site.plane.hangNext();
	const running = await site.runner.run(job.id, null);
	await hang.begun;
	await assert.rejects(remove(1), { code: 'busy.chain' });
	hang.release();
	await ended(site, running);
	await assert.rejects(remove(1), { code: 'usage.conflict', data: { field: 'pointCount', pointCount: 2 } });
	assert.deepEqual(await remove(2), { pointCount: 2, freedBytes: chain.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) * 2 });
	assert.deepEqual((await site.catalogue.view(repository.id)).chains, []);
	await assert.rejects(remove(2), { code: 'not-found.chain' });
});
