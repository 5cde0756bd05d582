import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EngineError, isEngineError } from '../base/index.ts';
import type { JobSummary } from '../contract/index.ts';
import { addJob, addRepository, ended, openApiSite } from './testing/api-site.ts';

const none = {};

test('a draft is checked field by field, and what is not there yet is no error', async (t) => {
	const site = await openApiSite(t);
	const { api, root, source } = site;
	const repository = await addRepository(site);
	const job = await addJob(site, repository.id);
	const errors = async (draft: Parameters<typeof api.jobs.check>[0]) => Object.keys((await api.jobs.check(draft, none)).errors);
	const file = join(root, 'file.txt');
	await writeFile(file, '');

	assert.deepEqual(await errors({}), []);
	assert.deepEqual(await errors({ name: 'a/b' }), ['name']);
	assert.deepEqual(await errors({ name: 'OFFICE' }), ['name']);
	assert.deepEqual(await errors({ id: job.id, name: 'OFFICE' }), [], 'its own name');
	assert.deepEqual(await errors({ sources: [] }), ['sources']);
	assert.deepEqual(await errors({ sources: [source, { kind: 'folder', path: join(root, 'missing') }] }), ['sources.1.path']);
	assert.deepEqual(await errors({ sources: [source, source] }), ['sources.1.path']);
	assert.deepEqual(await errors({ sources: [{ kind: 'folder', path: 'relative' }] }), ['sources.0.path']);
	assert.deepEqual(await errors({ sources: [{ kind: 'folder', path: file }] }), ['sources.0.path']);
	assert.deepEqual(await errors({ sources: [{ kind: 'disk', path: file }] }), []);
	assert.deepEqual(await errors({ sources: [{ kind: 'disk', path: root }] }), ['sources.0.path']);
	assert.deepEqual(await errors({ repositoryId: 'nobody' }), ['repositoryId']);
	assert.deepEqual(await errors({ schedule: { cron: '61 * * * *', timeZone: 'UTC' } }), ['schedule']);
	assert.deepEqual(await errors({ activeFull: { cron: '0 0 * * 0', timeZone: 'Mars/Olympus' } }), ['activeFull']);
	assert.deepEqual(await errors({ method: 'reverse' }), []);
	const weekly = { cron: '0 0 * * 0', timeZone: 'UTC' };
	const exclusive = { differential: true, syntheticFull: weekly, gfs: { weekly: 4, monthly: 0, yearly: 0 } };
	for (const method of ['reverse', 'forever-forward'] as const) assert.deepEqual(await errors({ method, ...exclusive }), Object.keys(exclusive), method);
	assert.deepEqual(await errors({ method: 'forward', ...exclusive }), []);
	assert.deepEqual(await errors({ retainPoints: 0 }), ['retainPoints']);
	const { errors: words } = await api.jobs.check({ method: 'forever-forward', differential: true }, none);
	assert.match(words.differential ?? '', /no differentials: they are a way of forward incremental/);
});

test('a source and a repository that lie one inside the other are refused or warned of, links seen through', async (t) => {
	const site = await openApiSite(t);
	const { api, root } = site;
	const repository = await addRepository(site, { path: join(site.source.path, 'backups') });
	const outer = await api.jobs.check({ sources: [site.source], repositoryId: repository.id }, none);
	assert.deepEqual(outer.errors, {});
	assert.match(outer.warnings['sources.0.path'] ?? '', /left out/);
	const link = join(root, 'link');
	await symlink(root, link);
	const throughLink = await api.jobs.check({ sources: [{ kind: 'folder', path: link }], repositoryId: repository.id }, none);
	assert.match(throughLink.warnings['sources.0.path'] ?? '', /left out/);
	const inner = await api.jobs.check({ sources: [{ kind: 'folder', path: join(repository.settings.path, 'Office') }], repositoryId: repository.id }, none);
	assert.ok('sources.0.path' in inner.errors);
});

test('a folder in a folder of the same job is warned of', async (t) => {
	const site = await openApiSite(t);
	const { warnings } = await site.api.jobs.check({ sources: [{ kind: 'folder', path: site.root }, site.source] }, none);
	assert.match(warnings['sources.1.path'] ?? '', /kept twice/);
});

test('a job that is wrong is not saved, and the error names the field', async (t) => {
	const site = await openApiSite(t);
	const repository = await addRepository(site);
	await assert.rejects(addJob(site, repository.id, { sources: [{ kind: 'folder', path: '/no/such/folder' }] }), {
		code: 'source.missing',
		data: { field: 'sources.0.path' },
	});
	await assert.rejects(addJob(site, repository.id, { method: 'reverse', differential: true }), { code: 'usage.conflict', data: { field: 'differential' } });
	await assert.rejects(addJob(site, 'nobody'), { code: 'not-found.repository', data: { field: 'repositoryId' } });
	assert.deepEqual(await site.api.jobs.list(none), []);
});

test('a job whose disk is unplugged can still be changed', async (t) => {
	const site = await openApiSite(t);
	const job = await addJob(site, (await addRepository(site)).id);
	const gone = { ...job.settings, sources: [{ kind: 'folder' as const, path: '/no/such/folder' }] };
	await site.config.jobs.update(job.id, 1, gone);
	assert.equal((await site.api.jobs.update({ id: job.id, revision: 2, settings: { ...gone, description: 'away' } }, none)).settings.description, 'away');
});

test('CONSOLE-04: whoever saves second sees the job as it is now', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const job = await addJob(site, (await addRepository(site)).id);
	const saved = await api.jobs.update({ id: job.id, revision: job.revision, settings: { ...job.settings, retainPoints: 5 } }, none);
	await assert.rejects(api.jobs.update({ id: job.id, revision: job.revision, settings: job.settings }, none), (error) => {
		assert.ok(isEngineError(error, 'stale.revision'));
		assert.deepEqual(error.data?.current as JobSummary, saved);
		return true;
	});
});

test('a running job is neither removed nor started again; cancelling it is possible, and then removing', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const job = await addJob(site, (await addRepository(site)).id);
	await assert.rejects(api.jobs.cancel({ id: job.id }, none), { code: 'not-found.session' });
	const hang = site.plane.hangNext();
	const run = await api.jobs.run({ id: job.id, full: null }, none);
	await hang.begun;
	assert.equal((await api.jobs.get({ id: job.id }, none)).activeSessionId, run.sessionId);
	assert.deepEqual((await api.system.overview({ timeZone: 'UTC' }, none)).runningSessionIds, [run.sessionId]);
	await assert.rejects(api.jobs.remove({ id: job.id, revision: job.revision }, none), { code: 'busy.job' });
	await assert.rejects(api.jobs.run({ id: job.id, full: null }, none), { code: 'busy.job' });
	await assert.rejects(api.sessions.retry({ id: run.sessionId }, none), { code: 'busy.job' });
	await api.jobs.cancel({ id: job.id }, none);
	assert.equal((await ended(api, run)).state, 'cancelled');
	await api.jobs.remove({ id: job.id, revision: job.revision }, none);
	assert.deepEqual(await api.jobs.list(none), []);
	assert.equal((await api.sessions.get({ id: run.sessionId }, none)).title, 'Office', 'its history stays');
});

test('the points of a job that was removed stay, under the name it had', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const job = await addJob(site, (await addRepository(site)).id);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	await api.jobs.remove({ id: job.id, revision: job.revision }, none);
	const point = await api.points.get({ point: 'Office@latest' }, none);
	assert.equal(point.jobId, null);
	assert.equal(point.restorable, true);
});

test('switching several jobs off and on is one wish: an unknown one changes nothing', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const job = await addJob(site, (await addRepository(site)).id, { schedule: { cron: '0 2 * * *', timeZone: 'UTC' } });
	assert.equal(job.nextRunAt, Date.parse('2026-06-02T02:00:00Z'));
	await assert.rejects(api.jobs.setEnabled({ ids: [job.id, 'nobody'], enabled: false }, none), { code: 'not-found.job' });
	assert.equal((await api.jobs.get({ id: job.id }, none)).settings.enabled, true);
	await api.jobs.setEnabled({ ids: [job.id], enabled: false }, none);
	const off = await api.jobs.get({ id: job.id }, none);
	assert.equal(off.settings.enabled, false);
	assert.equal(off.nextRunAt, null);
});

test('the next runs of a schedule are told before it is saved', async (t) => {
	const { api } = await openApiSite(t);
	const times = await api.jobs.nextRuns({ schedule: { cron: '0 8 * * *', timeZone: 'Europe/Berlin' }, count: 2 }, none);
	assert.deepEqual(
		times.map((at) => new Date(at).toISOString()),
		['2026-06-02T06:00:00.000Z', '2026-06-03T06:00:00.000Z'],
	);
	await assert.rejects(api.jobs.nextRuns({ schedule: { cron: 'never', timeZone: 'UTC' }, count: 2 }, none), { code: 'usage.invalid' });
});

test('a summary tells the last result, and the course of the last runs', async (t) => {
	const site = await openApiSite(t);
	const { api, clock } = site;
	const job = await addJob(site, (await addRepository(site)).id);
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	await clock.advance(60_000);
	site.plane.failNext(new Error('defect'));
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	const summary = await api.jobs.get({ id: job.id }, none);
	assert.equal(summary.lastSession?.state, 'failed');
	assert.equal(summary.lastSession?.error?.code, 'internal');
	assert.equal(summary.lastSuccessAt, clock.now() - 60_000);
	assert.deepEqual(
		summary.trend.map(({ state }) => state),
		['success', 'failed'],
	);
	assert.equal(summary.repositoryName, 'Local');
	assert.equal(summary.pointCount, 1);
});

test('the overview tells which object fails, and goes quiet when a retry has mended it', async (t) => {
	const site = await openApiSite(t);
	const { api } = site;
	const other = { kind: 'folder', path: site.root } as const;
	site.plane.putSource(other, { '/x': 'y' });
	const job = await addJob(site, (await addRepository(site)).id, { sources: [site.source, other] });
	const look = async () => {
		const { objects, attention } = await api.system.overview({ timeZone: 'UTC' }, none);
		return { states: objects.map(({ state }) => state), actions: attention.map(({ action }) => `${action.kind} ${action.targetId}`) };
	};
	assert.deepEqual(await look(), { states: ['never', 'never'], actions: [`run-job ${job.id}`, `run-job ${job.id}`] });
	await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	assert.deepEqual(await look(), { states: ['protected', 'protected'], actions: [] });
	await site.clock.advance(60_000);
	site.plane.failNext(new EngineError('source.unreadable', 'It cannot be read.'), other);
	const failed = await ended(api, await api.jobs.run({ id: job.id, full: null }, none));
	assert.deepEqual(await look(), { states: ['protected', 'failing'], actions: [`retry-session ${failed.id}`] });
	await site.clock.advance(60_000);
	await ended(api, await api.sessions.retry({ id: failed.id }, none));
	assert.deepEqual(await look(), { states: ['protected', 'protected'], actions: [] });
});
