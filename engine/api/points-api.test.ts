import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restoreDiskInput, restoreFilesInput, restoreVmInput } from '../contract/index.ts';
import { type ApiSite, addJob, addRepository, ended, openApiSite } from './testing/api-site.ts';

const none = {};

async function protect(site: ApiSite, runs: number) {
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	for (let run = 0; run < runs; run++) {
		await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
		await site.clock.advance(60_000);
	}
	return { repository, job };
}

test('points come newest first and are filtered', async (t) => {
	const site = await openApiSite(t);
	const { job } = await protect(site, 3);
	const points = await site.api.points.list({ jobId: job.id }, none);
	assert.deepEqual(
		points.map(({ kind }) => kind),
		['increment', 'increment', 'full'],
	);
	assert.ok((points[0]?.createdAt ?? 0) > (points[1]?.createdAt ?? 0));
	assert.deepEqual(await site.api.points.list({ object: 'folder:/other' }, none), []);
	assert.equal((await site.api.chains.list({ object: `folder:${site.source.path}` }, none)).length, 1);
});

test('the versions of a file are those points that hold it', async (t) => {
	const site = await openApiSite(t);
	const { job } = await protect(site, 1);
	site.plane.putSource(site.source, { '/one': 'changed' });
	await ended(site.api, await site.api.jobs.run({ id: job.id, full: null }, none));
	const versions = (path: string) => site.api.points.versions({ point: 'Office@latest', path }, none);
	assert.deepEqual(
		(await versions('/one')).map(({ sizeBytes }) => sizeBytes),
		[7, 5],
	);
	assert.equal((await versions('/folder/two')).length, 1);
	assert.deepEqual(await versions('/never'), []);
});

test('a restore can be planned, run and run again; its target must be a whole path', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	await protect(site, 1);
	const input = restoreFilesInput.parse({ point: 'Office@latest', paths: ['/folder'], to: '/target' });
	assert.deepEqual((await api.restore.plan(input, none)).bytes, 6);
	await assert.rejects(api.restore.files({ ...input, to: 'here' }, none), { code: 'usage.invalid', data: { field: 'to' } });
	const first = await ended(api, await api.restore.files(input, none));
	const again = await ended(api, await api.sessions.retry({ id: first.id }, none));
	assert.equal(again.kind, 'restore-files');
	assert.equal(site.plane.restored.length, 2);
	assert.deepEqual(site.plane.restored[0], site.plane.restored[1]);
});

test('a folder is restored neither as a disk nor as a virtual machine', async (t) => {
	const site = await openApiSite(t);
	await protect(site, 1);
	await assert.rejects(site.api.restore.disk(restoreDiskInput.parse({ point: 'Office@latest', to: '/target' }), none), { code: 'usage.invalid' });
	await assert.rejects(site.api.restore.vm(restoreVmInput.parse({ point: 'Office@latest' }), none), { code: 'usage.invalid', message: /no virtual machine/ });
});

test('a check keeps its result; asked too early or of another session it says so', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const { job } = await protect(site, 2);
	const [chain] = await api.chains.list({ jobId: job.id }, none);
	await assert.rejects(api.chains.check({ id: 'nobody' }, none), { code: 'not-found.chain' });
	const [latest] = await api.points.list({}, none);
	const hang = site.plane.hangNext();
	const check = await api.chains.check({ id: chain?.id ?? '' }, none);
	await hang.begun;
	await assert.rejects(api.chains.checkResult(check, none), { code: 'busy.chain' });
	site.plane.damagePoint(latest?.id ?? '');
	hang.release();
	assert.equal((await ended(api, check)).state, 'failed');
	const result = await api.chains.checkResult(check, none);
	assert.deepEqual(
		result.damaged.map(({ point }) => point),
		[latest?.id],
	);
	assert.equal((await api.points.get({ point: latest?.id ?? '' }, none)).restorable, false);
	assert.equal((await api.chains.list({}, none))[0]?.lastCheck?.damagedCount, 1);
	const backup = (await api.sessions.list({ offset: 0, limit: 10, kinds: ['backup'] }, none)).sessions[0];
	await assert.rejects(api.chains.checkResult({ sessionId: backup?.id ?? '' }, none), { code: 'usage.invalid' });
	const { attention } = await api.system.overview({ timeZone: 'UTC' }, none);
	assert.deepEqual(
		attention.map(({ action }) => action.kind),
		['repair-chain'],
	);
});

test('a clean check vouches for the points that the chain held then', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const { job } = await protect(site, 2);
	const [chain] = await api.chains.list({}, none);
	await ended(api, await api.chains.check({ id: chain?.id ?? '' }, none));
	await site.clock.advance(1000);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	assert.deepEqual(
		(await api.points.list({}, none)).map(({ verifiedAt }) => verifiedAt !== null),
		[false, true, true],
	);
});

test('a chain says which of its files the next run will let go', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const job = await addJob(site, (await addRepository(site)).id, { retainPoints: 2 });
	for (let run = 0; run < 3; run++) {
		await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
		await site.clock.advance(60_000);
	}
	const chains = await api.chains.list({}, none);
	assert.deepEqual(
		chains.map(({ isCurrent, files }) => [isCurrent, files.map(({ expires }) => expires)]),
		[
			[false, [true, true]],
			[true, [false]],
		],
	);
	assert.equal(chains[0]?.files[1]?.dependsOn, chains[0]?.files[0]?.path);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	assert.equal((await api.chains.list({}, none)).length, 1);
});

test('a file is downloaded as it is', async (t) => {
	const site = await openApiSite(t);
	await protect(site, 1);
	const download = await site.api.open({ point: 'Office@latest', paths: ['/one'] }, none);
	const parts: Uint8Array[] = [];
	for await (const part of download.content) parts.push(part);
	assert.equal(Buffer.concat(parts).toString(), 'first');
	await assert.rejects(site.api.open({ point: 'Office@latest', paths: ['/never'] }, none), { code: 'not-found.path' });
});

test('a point that is not found is looked for again where a repository could not be read, and what still cannot be read is named', async (t) => {
	const site = await openApiSite(t);
	const { repository } = await protect(site, 1);
	const { path } = repository.settings;
	site.plane.setReachable(path, false);
	await site.catalogue.refresh(repository.id);
	await site.config.catalogue.replace(repository.id, { readAt: 0, chains: [], problems: [] });
	await site.catalogue.refresh(repository.id);
	const look = () => site.api.points.versions({ point: 'Office@latest', path: '/one' }, none);
	await assert.rejects(look(), { code: 'not-found.point', hint: /“Local”, which cannot be read now/ });
	site.plane.setReachable(path, true);
	assert.equal((await look()).length, 1);
});
