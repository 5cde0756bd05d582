import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '../base/testing.ts';
import { jobSettings, repositorySettings } from '../contract/index.ts';
import { openConfiguration } from './index.ts';

type Chain = { id: string; note?: string };

async function databaseIn(t: TestContext): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	return join(folder, 'holdfast.db');
}

async function open(t: TestContext) {
	const clock = new FakeClock('2026-06-01T12:00:00Z');
	const config = await openConfiguration<Chain>(':memory:', clock);
	t.after(() => config[Symbol.asyncDispose]());
	return { clock, config };
}

const job = (more: object = {}) => jobSettings.parse({ name: 'Office', sources: [{ kind: 'folder', path: '/a' }], repositoryId: 'r', ...more });

test('CONSOLE-04: whoever saves second is refused and sees what was saved first', async (t) => {
	const { config } = await open(t);
	const first = await config.jobs.insert(job());
	const saved = await config.jobs.update(first.id, 1, job({ description: 'mine' }));
	assert.equal(saved.revision, 2);
	await assert.rejects(config.jobs.update(first.id, 1, job({ description: 'theirs' })), { code: 'stale.revision', data: { current: saved } });
	await assert.rejects(config.jobs.remove(first.id, 1), { code: 'stale.revision' });
	assert.equal((await config.jobs.get(first.id)).settings.description, 'mine');
});

test('of two saves at the same moment one wins', async (t) => {
	const { config } = await open(t);
	const { id } = await config.jobs.insert(job());
	const saves = await Promise.allSettled(['a', 'b', 'c'].map((description) => config.jobs.update(id, 1, job({ description }))));
	assert.deepEqual(
		saves.map(({ status }) => status),
		['fulfilled', 'rejected', 'rejected'],
	);
});

test('names are taken without regard to case, also when renaming, and are free again after removal', async (t) => {
	const { config } = await open(t);
	const first = await config.jobs.insert(job());
	await assert.rejects(config.jobs.insert(job({ name: 'OFFICE' })), { code: 'exists.name', data: { field: 'name', id: first.id } });
	const second = await config.jobs.insert(job({ name: 'Other' }));
	await assert.rejects(config.jobs.update(second.id, 1, job({ name: 'office' })), { code: 'exists.name' });
	await config.jobs.update(first.id, 1, job({ name: 'OFFICE' }));
	await config.jobs.insert(job({ name: 'Büro' }));
	await assert.rejects(config.jobs.insert(job({ name: 'BÜRO' })), { code: 'exists.name' });
	await config.jobs.remove(first.id, 2);
	await config.jobs.insert(job({ name: 'Office' }));
});

test('what is not there is named', async (t) => {
	const { config } = await open(t);
	await assert.rejects(config.jobs.get('x'), { code: 'not-found.job' });
	await assert.rejects(config.repositories.get('x'), { code: 'not-found.repository' });
	await assert.rejects(config.sessions.get('x'), { code: 'not-found.session' });
	assert.equal(await config.jobs.find('x'), undefined);
});

test('settings that were saved before a field existed get its default', async (t) => {
	const path = await databaseIn(t);
	const first = await openConfiguration<Chain>(path);
	const { id } = await first.jobs.insert(job());
	await first[Symbol.asyncDispose]();
	const raw = new DatabaseSync(path);
	raw.prepare("update jobs set settings = json_remove(settings, '$.retryCount')").run();
	raw.close();
	const again = await openConfiguration<Chain>(path);
	t.after(() => again[Symbol.asyncDispose]());
	assert.equal((await again.jobs.get(id)).settings.retryCount, 3);
});

test('a database of a newer version is refused and left as it is', async (t) => {
	const path = await databaseIn(t);
	await (await openConfiguration<Chain>(path))[Symbol.asyncDispose]();
	const raw = new DatabaseSync(path);
	raw.prepare("insert into kysely_migration values ('9999-future', '2036-01-01T00:00:00Z')").run();
	raw.close();
	const before = readFileSync(path);
	await assert.rejects(openConfiguration<Chain>(path), { code: 'database.newer', data: { path, unknownMigrations: ['9999-future'] } });
	assert.deepEqual(readFileSync(path), before);
});

test('a file that is no database is named and left as it is', async (t) => {
	const path = await databaseIn(t);
	const content = Buffer.alloc(20_000, 'not a database ');
	writeFileSync(path, content);
	await assert.rejects(openConfiguration<Chain>(path), { code: 'database.damaged', data: { path } });
	assert.deepEqual(readFileSync(path), content);
});

test('a database with a damaged page is named and left where it is', async (t) => {
	const path = await databaseIn(t);
	const config = await openConfiguration<Chain>(path);
	for (let i = 0; i < 200; i++) await config.jobs.insert(job({ name: `Job ${i}`, description: 'x'.repeat(500) }));
	await config[Symbol.asyncDispose]();
	const content = readFileSync(path);
	// Every page but the first, so that the damage is found wherever the tables lie.
	for (let at = 4096; at < content.length; at += 4096) content.fill(0xff, at, at + 64);
	writeFileSync(path, content);
	await assert.rejects(openConfiguration<Chain>(path), { code: 'database.damaged' });
	assert.ok(existsSync(path));
	assert.equal(statSync(path).size, content.length);
});

test('a migration that fails leaves an empty database, not half a one', async (t) => {
	const path = await databaseIn(t);
	const raw = new DatabaseSync(path);
	raw.exec('create table sessions (in_the_way integer) strict');
	raw.close();
	await assert.rejects(openConfiguration<Chain>(path));
	const after = new DatabaseSync(path);
	t.after(() => after.close());
	assert.equal(after.prepare("select count(*) as count from sqlite_master where name in ('jobs', 'repositories')").get()?.count, 0);
});

test('the catalogue of a repository is replaced as a whole and goes with it', async (t) => {
	const { config } = await open(t);
	const { id } = await config.repositories.insert(repositorySettings.parse({ name: 'Local', path: '/r' }));
	assert.equal(await config.catalogue.read(id), undefined);
	await config.catalogue.replace(id, { readAt: 1, chains: [{ id: 'a' }, { id: 'b' }], problems: [] });
	await config.catalogue.replace(id, {
		readAt: 2,
		chains: [{ id: 'b', note: 'changed' }, { id: 'c' }],
		problems: [{ path: 'x.hbm', error: { code: 'repository.damaged', message: 'bad' } }],
	});
	assert.deepEqual(await config.catalogue.read(id), {
		readAt: 2,
		chains: [{ id: 'b', note: 'changed' }, { id: 'c' }],
		problems: [{ path: 'x.hbm', error: { code: 'repository.damaged', message: 'bad' } }],
	});
	await config.repositories.remove(id, 1);
	assert.equal(await config.catalogue.read(id), undefined);
});

test('of the verifications of a target, and of the samples of a day, the newest counts', async (t) => {
	const { config } = await open(t);
	const { id } = await config.repositories.insert(repositorySettings.parse({ name: 'Local', path: '/r' }));
	const verification = { target: 'point', targetId: 'p', sessionId: 's1', at: 1, damagedCount: 3, unreadableCount: 0 } as const;
	await config.verifications.put(verification);
	await config.verifications.put({ ...verification, sessionId: 's2', at: 2, damagedCount: 0 });
	assert.deepEqual(
		(await config.verifications.list()).map((found) => [found.sessionId, found.damagedCount]),
		[['s2', 0]],
	);
	const day = Date.parse('2026-06-01T00:00:00Z');
	for (const [at, usedBytes] of [
		[day + 1000, 5],
		[day + 2000, 7],
		[day + 90_000_000, 9],
	] as const) {
		await config.usage.put(id, { at, usedBytes });
	}
	assert.deepEqual(await config.usage.list(id, 90), [
		{ at: day, usedBytes: 7 },
		{ at: day + 86_400_000, usedBytes: 9 },
	]);
	assert.equal((await config.usage.list(id, 1))[0]?.usedBytes, 9);
});

test('the state of a timetable goes with its job', async (t) => {
	const { config } = await open(t);
	const { id } = await config.jobs.insert(job());
	const state = { schedule: { cron: '0 2 * * *', timeZone: 'UTC' }, handledAt: 5, retry: { at: 9, attempt: 2, failedSessionId: 's' } };
	await config.schedules.put(id, state);
	assert.deepEqual(await config.schedules.get(id), state);
	await config.schedules.put(id, { ...state, retry: null });
	assert.equal((await config.schedules.get(id))?.retry, null);
	await config.jobs.remove(id, 1);
	assert.equal(await config.schedules.get(id), undefined);
});
