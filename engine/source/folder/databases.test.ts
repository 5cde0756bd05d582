import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { databaseRules, findDatabases, lookForDatabases } from './databases.ts';

const found = (...names: string[]): string[] =>
	findDatabases(names.map((name) => Buffer.from(name)).sort(Buffer.compare)).map(
		({ kind, files }) => `${kind} ${files === null ? '*' : [...files].sort().join()}`,
	);

test('AOFO-05 AOFO-06 AOFO-07: databases are recognised by the names in their folders, and nothing else is', () => {
	assert.deepEqual(found('PG_VERSION', 'base', 'global', 'pg_wal', 'postgresql.conf'), ['postgresql *']);
	assert.deepEqual(found('ibdata1', 'mysql', 'shop', 'ib_logfile0'), ['mariadb *']);
	assert.deepEqual(found('Shop.MDF', 'Shop_log.ldf', 'more.ndf', 'readme.txt'), ['sqlserver Shop.MDF,Shop_log.ldf,more.ndf']);
	assert.deepEqual(found('Mailbox.edb', 'E00.log', 'E0000001.log', 'E00.chk', 'notes.log'), ['exchange E00.chk,E00.log,E0000001.log,Mailbox.edb']);
	assert.deepEqual(found('control01.ctl', 'redo01.log', 'users01.dbf', 'alert.log'), ['oracle control01.ctl,redo01.log,users01.dbf']);
	assert.deepEqual(found('app.db', 'app.db-wal', 'other.db', 'lonely-wal'), ['sqlite app.db,app.db-shm,app.db-wal']);
	// A copy of one, tables of dBase, a car's model, an index of Windows
	assert.deepEqual(found('PG_VERSION', 'base'), []);
	assert.deepEqual(found('customers.dbf', 'orders.dbf'), []);
	assert.deepEqual(found('engine.mdf'), []);
	assert.deepEqual(found('Windows.edb', 'x.log'), []);
	assert.deepEqual(found(), []);
});

test('AOFO-08: the job may decide otherwise, and a writer of the kind holds what there is of it', () => {
	const usual = databaseRules({}, ['postgresql:/run/postgresql', 'script:/x']);
	assert.deepEqual(usual.postgresql, undefined);
	assert.deepEqual(usual.sqlserver, { choice: 'exclude', isChosen: false });
	assert.deepEqual(usual.oracle, { choice: 'include', isChosen: false });
	const chosen = databaseRules({ oracle: 'exclude', sqlserver: 'include' }, []);
	assert.deepEqual([chosen.oracle, chosen.sqlserver], [{ choice: 'exclude', isChosen: true }, undefined]);
});

test('a look near the top finds what lies there, and does not go into what it has found', async (t) => {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-databases-'));
	t.after(() => rmSync(root, { recursive: true }));
	const cluster = join(root, 'lib/postgresql/15/main');
	for (const name of ['base', 'global']) mkdirSync(join(cluster, name), { recursive: true });
	writeFileSync(join(cluster, 'PG_VERSION'), '15');
	mkdirSync(join(root, 'a/b/c/d/e/f/g'), { recursive: true });
	for (const name of ['x.mdf', 'x.ldf']) writeFileSync(join(root, 'a/b/c/d/e/f/g', name), '');
	assert.deepEqual(await lookForDatabases(root), [{ kind: 'postgresql', path: cluster }]);
	assert.deepEqual(await lookForDatabases(join(root, 'nowhere')), []);
});
