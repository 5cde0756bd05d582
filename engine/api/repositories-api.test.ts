import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type EngineEvent, repositoryAddition } from '../contract/index.ts';
import { addJob, addRepository, ended, openApiSite } from './testing/api-site.ts';

const none = {};

test('SRV-05: the first repository goes to the volume with the most free space that can be written', async (t) => {
	const volume = (mountPoint: string, freeBytes: number, readOnly = false) => ({
		mountPoint,
		freeBytes,
		readOnly,
		fileSystem: 'ext4',
		device: '/dev/x',
		sizeBytes: 100,
	});
	const volumes: ReturnType<typeof volume>[] = [];
	const site = await openApiSite(t, { disks: { volumes: async () => volumes, mounts: () => [], mediumOf: () => 'unknown' as const, blockDevices: () => [] } });
	const big = join(site.root, 'big');
	await mkdir(big);
	volumes.push(volume(site.root, 10), volume(big, 50), volume(join(site.root, 'unmounted'), 90), volume('/', 80, true));
	assert.deepEqual(await site.api.repositories.suggest(none), { path: join(big, 'Backup'), freeBytes: 50 });
});

test('TASK-04: without a word about it, a repository gets as many tasks as its storage serves well, and tells what that is', async (t) => {
	const { api, plane, root } = await openApiSite(t);
	const tasksOf = async (name: string, maxTasks?: number): Promise<number> => {
		const added = await api.repositories.add(repositoryAddition.parse({ name, path: join(root, name), maxTasks }), none);
		assert.equal((await api.repositories.get({ id: added.id }, none)).medium, plane.medium);
		return added.settings.maxTasks;
	};
	const settled: number[] = [];
	for (const medium of ['rotating', 'flash', 'network', 'unknown'] as const) {
		plane.medium = medium;
		settled.push(await tasksOf(medium));
	}
	assert.deepEqual(settled, [1, 6, 4, 4]);
	plane.medium = 'rotating';
	assert.equal(await tasksOf('chosen', 3), 3);
});

test('SRV-04: the first repository is the default one', async (t) => {
	const site = await openApiSite(t);
	await addRepository(site, { name: 'First' });
	await addRepository(site, { name: 'Second' });
	assert.deepEqual(
		(await site.api.repositories.list(none)).map(({ settings, isDefault }) => [settings.name, isDefault]),
		[
			['First', true],
			['Second', false],
		],
	);
});

test('a place that cannot be a repository is refused before anything is made there', async (t) => {
	const site = await openApiSite(t);
	const { root } = site;
	const first = await addRepository(site);
	const refused = (path: string, code: string) =>
		assert.rejects(addRepository(site, { name: 'Other', path }), {
			code,
			data: { field: 'path', ...(code === 'not-found.path' ? { path: join(path, '..') } : {}) },
		});
	await refused('relative/path', 'usage.invalid');
	await refused(join(root, 'no', 'parent'), 'not-found.path');
	await refused(first.settings.path, 'usage.conflict');
	await refused(join(first.settings.path, 'inside'), 'usage.conflict');
	await refused(root, 'usage.conflict');
	await refused(join(root, 'data', 'repository'), 'usage.conflict');
	const link = join(root, 'link');
	await mkdir(first.settings.path);
	await symlink(first.settings.path, link);
	await refused(link, 'usage.conflict');
	await assert.rejects(addRepository(site, { name: 'LOCAL', path: join(root, 'elsewhere') }), { code: 'exists.name' });
	const away = join(root, 'away');
	site.plane.setReachable(away, false);
	await assert.rejects(addRepository(site, { name: 'Away', path: away }), { code: 'repository.unreachable' });
	assert.equal((await site.api.repositories.list(none)).length, 1);
});

test('a repository tells what it holds, and why it is not ready', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	const ready = await api.repositories.get({ id: repository.id }, none);
	assert.deepEqual([ready.state, ready.jobCount, ready.chainCount, ready.pointCount, ready.usedBytes, ready.sourceBytes], ['ready', 1, 1, 2, 22, 11]);
	site.plane.freeBytes = 10;
	assert.equal((await api.repositories.get({ id: repository.id }, none)).state, 'full');
	site.plane.setReachable(repository.settings.path, false);
	const away = await api.repositories.rescan({ id: repository.id }, none);
	assert.equal(away.state, 'unreachable');
	assert.equal(away.problem?.code, 'repository.unreachable');
	const [point] = await api.points.list({}, none);
	assert.equal(point?.restorable, false);
	assert.match(point?.problem ?? '', /cannot be reached/);
	site.plane.setReachable(repository.settings.path, true);
	await api.repositories.rescan({ id: repository.id }, none);
	assert.equal((await api.points.list({}, none))[0]?.restorable, true);
});

test('a repository that a job uses is not forgotten; one that is forgotten loses no file', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	await assert.rejects(api.repositories.remove({ id: repository.id, revision: 1 }, none), { code: 'busy.repository', data: { jobIds: [job.id] } });
	await api.jobs.remove({ id: job.id, revision: job.revision }, none);
	await assert.rejects(api.repositories.remove({ id: repository.id, revision: 7 }, none), { code: 'stale.revision' });
	await api.repositories.remove({ id: repository.id, revision: 1 }, none);
	assert.deepEqual(await api.points.list({}, none), []);
	await addRepository(site);
	assert.equal((await api.points.list({}, none)).length, 1, 'its chains are found again');
});

test('a repository moves only while nobody works in it', async (t) => {
	const site = await openApiSite(t);
	const { api, root } = site;
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	const hang = site.plane.hangNext();
	const run = await api.jobs.run({ id: job.id, full: null }, none);
	await hang.begun;
	const settings = { ...repository.settings, path: join(root, 'moved') };
	await assert.rejects(api.repositories.update({ id: repository.id, revision: 1, settings }, none), { code: 'busy.repository' });
	assert.equal((await api.repositories.update({ id: repository.id, revision: 1, settings: { ...repository.settings, maxTasks: 2 } }, none)).revision, 2);
	hang.release();
	await ended(api, run);
	assert.equal((await api.repositories.update({ id: repository.id, revision: 2, settings }, none)).settings.path, settings.path);
});

test('events of the same thing are merged to four a second, and the last one is not lost', async (t) => {
	const site = await openApiSite(t);
	const leave = new AbortController();
	const seen: EngineEvent[] = [];
	const listening = (async () => {
		for await (const event of site.api.system.events({ signal: leave.signal })) seen.push(event);
	})();
	await site.clock.advance(0);
	for (let i = 0; i < 100; i++) {
		site.bus.emit({ kind: 'session', id: 'a' });
		if (i === 50) site.bus.emit({ kind: 'session', id: 'b' });
		await site.clock.advance(10);
	}
	await site.clock.advance(1000);
	const ofA = seen.filter(({ id }) => id === 'a').length;
	assert.ok(ofA >= 4 && ofA <= 5, `${ofA} events in one second`);
	assert.equal(seen.filter(({ id }) => id === 'b').length, 1);
	const before = seen.length;
	await site.clock.advance(1000);
	assert.equal(seen.length, before, 'nothing is told twice');
	leave.abort();
	await listening;
});
