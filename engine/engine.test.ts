import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog } from './base/index.ts';
import { appRouter, type EngineApi, isFinal, jobSettings, repositorySettings, type Session, type SourceSpec } from './contract/index.ts';
import { type Engine, openEngine } from './engine.ts';
import { FakePlane } from './jobs/testing/fake-plane.ts';

const none = {};

type Site = { readonly root: string; readonly plane: FakePlane; readonly engine: Engine; readonly api: EngineApi; readonly source: SourceSpec };

async function openSite(t: TestContext): Promise<Site> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-engine-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const source: SourceSpec = { kind: 'folder', path: join(root, 'documents') };
	await mkdir(source.path);
	const plane = new FakePlane({ now: () => Date.now() });
	plane.putSource(source, { '/a.txt': 'alpha', '/folder/b.txt': 'beta' });
	const engine = await openEngine({ dataFolder: join(root, 'data'), plane, chainStore: plane, logger: silentLog });
	t.after(() => engine[Symbol.asyncDispose]());
	return { root, plane, engine, api: engine.api, source };
}

async function addRepository({ api, root }: Site, name = 'Local') {
	return api.repositories.add(repositorySettings.parse({ name, path: join(root, `repository-${name}`) }), none);
}

async function addJob(site: Site, repositoryId: string, more: object = {}) {
	return site.api.jobs.create(jobSettings.parse({ name: 'Documents', sources: [site.source], repositoryId, ...more }), none);
}

async function ended(api: EngineApi, sessionId: string): Promise<Session> {
	for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) return session;
	throw new Error('the session was not followed to its end');
}

test('a folder is protected, its point is browsed, verified, and restored', async (t) => {
	const site = await openSite(t);
	const { api, plane } = site;
	const repository = await addRepository(site);
	assert.equal(repository.isDefault, true);
	assert.equal(repository.state, 'ready');
	const job = await addJob(site, repository.id);

	const first = await ended(api, (await api.jobs.run({ id: job.id, full: null }, none)).sessionId);
	assert.equal(first.state, 'success');
	assert.equal(first.tasks[0]?.mode?.actual, 'full');
	const second = await ended(api, (await api.jobs.run({ id: job.id, full: null }, none)).sessionId);
	assert.equal(second.tasks[0]?.mode?.actual, 'increment');

	const points = await api.points.list({}, none);
	assert.equal(points.length, 2);
	const latest = await api.points.get({ point: 'documents@latest' }, none);
	assert.equal(latest.id, points[0]?.id);
	const page = await api.points.browse({ point: 'Documents@latest', path: '/', offset: 0, limit: 10 }, none);
	assert.deepEqual(
		page.entries.map(({ name, type }) => [name, type]),
		[
			['a.txt', 'file'],
			['folder', 'directory'],
		],
	);
	const versions = await api.points.versions({ point: latest.id, path: '/a.txt' }, none);
	assert.equal(versions.length, 2);

	const verified = await ended(api, (await api.points.verify({ point: latest.id }, none)).sessionId);
	assert.equal(verified.state, 'success');
	assert.notEqual((await api.points.get({ point: latest.id }, none)).verifiedAt, null);

	const restored = await ended(
		api,
		(await api.restore.files({ point: 'Documents@latest', paths: ['/'], to: '/restore/here', overwrite: 'never' }, none)).sessionId,
	);
	assert.equal(restored.kind, 'restore-files');
	assert.deepEqual(plane.restored, [{ pointId: latest.id, paths: ['/'], to: '/restore/here' }]);

	const [summary] = await api.jobs.list(none);
	assert.equal(summary?.pointCount, 2);
	assert.equal(summary?.trend.length, 2);
	assert.equal(summary?.lastSession?.state, 'success');
	const overview = await api.system.overview({ timeZone: 'Europe/Berlin' }, none);
	assert.equal(overview.objects[0]?.state, 'protected');
	assert.deepEqual(overview.attention, []);
	assert.equal(overview.heatMap[0]?.days.at(-1), 'success');
});

test('the router carries an engine error with its code, hint and data', async (t) => {
	const { engine } = await openSite(t);
	const caller = appRouter.createCaller(engine.context);
	await assert.rejects(caller.jobs.get({ id: 'nobody' }), (error: { cause?: { shape?: { code: string } } }) => error.cause?.shape?.code === 'not-found.job');
});

test('a second engine on the same data folder is told who holds it', async (t) => {
	const { engine, plane } = await openSite(t);
	engine.setAddress('https://127.0.0.1:9000');
	await assert.rejects(openEngine({ dataFolder: engine.dataFolder, plane, chainStore: plane, logger: silentLog }), {
		code: 'busy.data-folder',
		data: {
			path: engine.dataFolder,
			holder: { pid: process.pid, startedAt: (await engine.api.system.info(none)).startedAt, address: 'https://127.0.0.1:9000' },
		},
	});
});

test('the configuration and the history are there again after the engine was closed', async (t) => {
	const site = await openSite(t);
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	const session = await ended(site.api, (await site.api.jobs.run({ id: job.id, full: null }, none)).sessionId);
	await site.engine[Symbol.asyncDispose]();

	const again = await openEngine({ dataFolder: site.engine.dataFolder, plane: site.plane, chainStore: site.plane, logger: silentLog });
	t.after(() => again[Symbol.asyncDispose]());
	const [summary] = await again.api.jobs.list(none);
	assert.equal(summary?.id, job.id);
	assert.equal(summary?.pointCount, 1);
	assert.deepEqual(await again.api.sessions.get({ id: session.id }, none), session);
	const log = await again.api.sessions.log({ id: session.id, afterSeq: 0, limit: 100 }, none);
	assert.equal(log.at(-1)?.message, 'Finished.');
});

test('closing the engine cancels what runs', async (t) => {
	const site = await openSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	const hang = site.plane.hangNext();
	const { sessionId } = await site.api.jobs.run({ id: job.id, full: null }, none);
	await hang.begun;
	await site.engine[Symbol.asyncDispose]();
	const again = await openEngine({ dataFolder: site.engine.dataFolder, plane: site.plane, chainStore: site.plane, logger: silentLog });
	t.after(() => again[Symbol.asyncDispose]());
	assert.equal((await again.api.sessions.get({ id: sessionId }, none)).state, 'cancelled');
	assert.equal(hang.fired, true);
});
