import assert from 'node:assert/strict';
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { chmod, cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OnlineBackup } from './online-backup.ts';
import { writeRecoveryFiles } from './recovery-files.ts';
import { giveAll, giveToServer, TestCluster } from './testing.ts';
import { isSegment, segmentsOf } from './wal.ts';
import { postgresqlWriters } from './writer.ts';

async function serverFolder(t: TestContext): Promise<string> {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-postgresql-'));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	chmodSync(folder, 0o755);
	await giveToServer(folder);
	return folder;
}

const never = new AbortController().signal;
const options = { signal: never };
const branches = 'SELECT sum(bbalance) FROM pgbench_branches';
const balances = 'SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)';

test('under load, a copy of the files starts as a server, is whole, and its balances add up', { timeout: 120_000 }, async (t) => {
	const folder = await serverFolder(t);
	const copy = join(folder, 'copy');
	{
		await using cluster = await TestCluster.create(join(folder, 'data'), join(folder, 'socket'));
		await cluster.run('pgbench', ['-i', '-q', '-s', '2', 'postgres']);
		await using _load = cluster.load();
		const writer = postgresqlWriters(join(folder, 'work')).open(cluster.socket);
		const { title, paths } = await writer.identify(options);
		assert.match(title, /^PostgreSQL \d+/);
		assert.deepEqual(paths, [cluster.dataDirectory]);
		await writer.prepare(options);
		const transfers = 'SELECT count(*) FROM pgbench_history';
		const begun = Number(await cluster.ask(transfers));
		// The worst of all snapshots: one file after the other while all of them change.
		await writer.freeze(options);
		await cp(cluster.dataDirectory, copy, { recursive: true, preserveTimestamps: true, filter: (from) => !from.endsWith('/pg_wal') });
		await cluster.ask('SELECT pg_switch_wal()');
		assert.equal(await writer.thaw(options), 'held');
		for (const { path, at } of await writer.postSnapshot([], options)) {
			const to = join(copy, relative(cluster.dataDirectory, path));
			await rm(to, { recursive: true, force: true });
			if (at !== null) await cp(at, to, { recursive: true });
		}
		assert.ok(Number(await cluster.ask(transfers)) > begun, 'it was written to meanwhile');
		await writer.end('complete', options);
		assert.deepEqual(readdirSync(join(folder, 'work')), []);
	}
	chmodSync(copy, 0o700);
	await giveAll(copy);
	await using restored = await TestCluster.start(copy, join(folder, 'socket-of-copy'));
	assert.equal(await restored.ask('SELECT pg_is_in_recovery()'), 'f');
	const branch = await restored.ask(branches);
	assert.equal(await restored.ask(balances), [branch, branch, branch].join('|'));
	await restored.run('pg_amcheck', ['--install-missing', '--heapallindexed', 'postgres']);
});

test('WAL that is gone or recycled fails the backup and says what to do', { timeout: 60_000 }, async (t) => {
	const folder = await serverFolder(t);
	const data = join(folder, 'data');
	await using cluster = await TestCluster.create(data, join(folder, 'socket'));
	await using backup = await OnlineBackup.connect(cluster.socket);
	await backup.start('gone', never);
	const end = await backup.stop(never);
	const live = join(folder, 'live');
	await cp(data, live, { recursive: true });
	const segment = join(live, 'pg_wal', end.wal.firstSegment);
	const later = join(live, 'pg_wal', `${end.wal.firstSegment.slice(0, -1)}E`);
	await rename(segment, later);
	for (const attempt of ['gone', 'recycled']) {
		if (attempt === 'recycled') {
			await cp(later, segment);
			const file = openSync(segment, 'r+');
			writeSync(file, new Uint8Array(8), 0, 8, 8);
			closeSync(file);
		}
		await assert.rejects(writeRecoveryFiles(join(folder, attempt), live, end), { code: 'snapshot.writer', hint: /wal_keep_size/ }, attempt);
	}
});

test('a server that is not there, and a user without the right, are named with the remedy and without the password', { timeout: 60_000 }, async (t) => {
	const folder = await serverFolder(t);
	await assert.rejects(OnlineBackup.connect(join(folder, 'nothing')), { code: 'snapshot.writer', message: /does not answer/ });
	await using cluster = await TestCluster.create(join(folder, 'data'), join(folder, 'socket'));
	await cluster.ask('CREATE ROLE humble LOGIN');
	await using backup = await OnlineBackup.connect(`postgresql://humble:secret@/postgres?host=${encodeURIComponent(cluster.socket)}`);
	await assert.rejects(backup.start('humble', never), ({ code, message, hint }) => {
		assert.equal(code, 'snapshot.writer');
		assert.match(message, /permission denied/);
		assert.doesNotMatch(message, /secret/);
		return /superuser/.test(hint);
	});
	await cluster.ask("ALTER ROLE humble PASSWORD 'a:b'");
	const rules = join(folder, 'data', 'pg_hba.conf');
	await writeFile(rules, `local all humble scram-sha-256\n${await readFile(rules, 'utf8')}`);
	await cluster.ask('SELECT pg_reload_conf()');
	const address = `postgresql://humble@/postgres?host=${encodeURIComponent(cluster.socket)}`;
	process.env.PGPASSFILE = join(folder, 'pgpass');
	t.after(() => delete process.env.PGPASSFILE);
	await writeFile(process.env.PGPASSFILE, 'localhost:*:*:other:wrong\n*:*:postgres:humble:a\\:b\n', { mode: 0o644 });
	await assert.rejects(OnlineBackup.connect(address), { code: 'snapshot.writer', message: /may be read or replaced by others/ });
	await chmod(process.env.PGPASSFILE, 0o600);
	await using _known = await OnlineBackup.connect(address);
	for (const target of ['nonsense', 'postgresql://a:b@c/d', 'postgresql://a@c/d?password=b'])
		assert.throws(() => postgresqlWriters(folder).open(target), { code: 'usage.invalid' });
});

test('the segments of a backup are those from where recovery begins to the last byte before the end', () => {
	const segmentBytes = 16 * 1024 * 1024;
	const names = (firstSegment: string, endPosition: string): string[] => segmentsOf({ firstSegment, endPosition, segmentBytes });
	assert.deepEqual(names('000000010000000000000002', '0/2000100'), ['000000010000000000000002']);
	assert.deepEqual(names('000000010000000000000002', '0/3000000'), ['000000010000000000000002'], 'an end at the border needs nothing of the next');
	assert.deepEqual(names('0000000200000001000000FE', '2/1'), ['0000000200000001000000FE', '0000000200000001000000FF', '000000020000000200000000']);
	for (const [first, end] of [
		['000000010000000000000002', '0/1000000'],
		['../../etc/passwd', '0/2000100'],
		['000000010000000000000002', 'FFFFFFFF/0'],
		['000000010000000000000002', 'nonsense'],
	] as const) {
		assert.throws(() => names(first, end), RangeError);
	}
	assert.equal(isSegment(new Uint8Array(3), '000000010000000000000002', segmentBytes), false);
});
