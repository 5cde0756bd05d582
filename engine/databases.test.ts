/** Databases in a folder of a job that has no writer for them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from './base/index.ts';
import { type DatabaseChoices, isFinal, jobSettings, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';

const none = {};

test('AOFO-06 AOFO-07 AOFO-08 VAL-26: databases without a writer follow the rule of their kind, with a warning, unless the job decides', async (t) => {
	const place = mkdtempSync(join(tmpdir(), 'holdfast-databases-'));
	t.after(() => rmSync(place, { recursive: true, force: true }));
	const root = join(place, 'data');
	const put = (folder: string, ...names: string[]): void => {
		mkdirSync(join(root, folder), { recursive: true });
		for (const name of names) writeFileSync(join(root, folder, name), name);
	};
	put('sql', 'shop.mdf', 'shop.ldf', 'notes.txt');
	put('more/sql', 'x.mdf', 'x.ldf');
	put('oracle', 'control01.ctl', 'system01.dbf');
	put('pg', 'PG_VERSION');
	put('pg/base', '1');
	put('pg/global', 'pg_control');
	put('app', 'app.db', 'app.db-wal');

	await using engine = await openEngine({ dataFolder: join(place, 'engine'), logger: silentLog, runSchedules: false });
	const { api } = engine;
	const follow = async ({ sessionId }: { sessionId: string }): Promise<Session> => {
		for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) return session;
		throw new Error('the session was not followed to its end');
	};
	const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	const settings = { name: 'Data', sources: [{ kind: 'folder', path: root }], repositoryId: repository.id, snapshot: 'none' } as const;
	const { warnings } = await api.jobs.check({ ...settings, sources: [...settings.sources] }, none);
	assert.match(warnings['sources.0.path'] ?? '', /database of .+ is (included|excluded)/);
	const job = await api.jobs.create(jobSettings.parse(settings), none);
	let count = 0;
	const run = async (): Promise<{ readonly session: Session; readonly has: (path: string) => boolean }> => {
		const session = await follow(await api.jobs.run({ id: job.id, full: null }, none));
		const to = join(place, `back-${++count}`);
		await follow(await api.restore.files({ point: 'Data@latest', paths: ['/'], to, overwrite: 'never' }, none));
		return { session, has: (path) => existsSync(join(to, path)) };
	};
	const warned = ({ tasks }: Session): string[] => tasks.flatMap(({ warnings }) => warnings.map(({ code, message }) => `${code} ${message}`));

	const usual = await run();
	assert.equal(usual.session.state, 'warning');
	const [oracle, postgresql, sqlserver, ...others] = warned(usual.session).toSorted((a, b) => rank(a) - rank(b));
	assert.deepEqual(others, []);
	assert.match(oracle ?? '', /^source\.database Databases of Oracle were included: .+\/oracle\. .*duplicates/);
	assert.match(postgresql ?? '', /^source\.database Databases of PostgreSQL were included: .+\/pg\. .*--writer postgresql/);
	assert.match(sqlserver ?? '', /^source\.database Databases of Microsoft SQL Server were excluded: .+ and 1 more folder\. /);
	for (const path of ['sql/notes.txt', 'oracle/system01.dbf', 'pg/global/pg_control', 'app/app.db-wal']) assert.ok(usual.has(path), path);
	for (const path of ['sql/shop.mdf', 'sql/shop.ldf', 'more/sql/x.mdf']) assert.ok(!usual.has(path), path);

	const databases: DatabaseChoices = { sqlserver: 'include', oracle: 'exclude', postgresql: 'exclude' };
	const { revision } = await api.jobs.get({ id: job.id }, none);
	await api.jobs.update({ id: job.id, revision, settings: jobSettings.parse({ ...settings, databases }) }, none);
	const chosen = await run();
	assert.deepEqual([chosen.session.state, warned(chosen.session)], ['success', []]);
	for (const path of ['sql/shop.mdf', 'more/sql/x.ldf', 'pg', 'oracle']) assert.ok(chosen.has(path), path);
	for (const path of ['oracle/control01.ctl', 'pg/PG_VERSION', 'pg/base']) assert.ok(!chosen.has(path), path);
});

const rank = (message: string): number => ['Oracle', 'PostgreSQL', 'SQL Server'].findIndex((title) => message.includes(title));
