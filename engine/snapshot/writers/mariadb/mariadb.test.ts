import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterwards, isRootOnLinux, mountFresh, temporaryFolder } from '../../../platform/testbed.ts';
import { BackupLock, hasBackupStages } from './backup-lock.ts';
import { parseOptionFile } from './option-file.ts';
import { parseServerAddress } from './server-address.ts';
import { TestServer } from './testing.ts';

const never = new AbortController().signal;
const accounts = 100;

/** Moves money between accounts of an InnoDB table and keeps count in an Aria one, until it is disposed. */
async function load(server: TestServer): Promise<AsyncDisposable> {
	const connection = await server.connect('bank');
	let isOver = false;
	const work = (async () => {
		for (let i = 0; !isOver; i++) {
			await connection.beginTransaction();
			await connection.query('UPDATE account SET balance = balance - 1 WHERE id = ?', [i % accounts]);
			await connection.query('UPDATE account SET balance = balance + 1 WHERE id = ?', [(i * 7 + 1) % accounts]);
			await connection.commit();
			await connection.query('INSERT INTO note VALUES (?)', [i]);
		}
	})();
	return {
		async [Symbol.asyncDispose]() {
			isOver = true;
			await work;
			await connection.end();
		},
	};
}

test('under load, a snapshot taken while commits wait starts as a server, is whole, and its balances add up', { timeout: 120_000 }, async (t) => {
	if (!isRootOnLinux(t)) return;
	const volume = mountFresh(t, 'btrfs');
	if (volume === null) return;
	const sockets = temporaryFolder(t, 'mariadb');
	const live = join(volume, 'live');
	const snapshot = join(volume, 'snapshot');
	execFileSync('btrfs', ['subvolume', 'create', live]);
	await TestServer.create(join(live, 'data'));
	{
		await using server = await TestServer.start(join(live, 'data'), join(sockets, 'live'));
		const setUp = await server.connect();
		await setUp.query('CREATE DATABASE bank');
		await setUp.query('USE bank');
		await setUp.query('CREATE TABLE bank.account (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB');
		await setUp.query('CREATE TABLE bank.note (id INT PRIMARY KEY) ENGINE=Aria');
		await setUp.query(`INSERT INTO bank.account SELECT seq, 1000 FROM seq_0_to_${accounts - 1}`);
		await using _load = await load(server);
		await using lock = await BackupLock.connect(parseServerAddress(server.socketPath));
		assert.deepEqual(lock.server.folders, [join(live, 'data')]);
		await lock.prepare(never);
		await lock.freeze(never);
		execFileSync('btrfs', ['subvolume', 'snapshot', live, snapshot]);
		const [before] = await setUp.query('SHOW GLOBAL STATUS LIKE "Com_commit"');
		await lock.thaw(never);
		for (let after = before; JSON.stringify(after) === JSON.stringify(before); ) [after] = await setUp.query('SHOW GLOBAL STATUS LIKE "Com_commit"');
		await setUp.end();
	}
	await using restored = await TestServer.start(join(snapshot, 'data'), join(sockets, 'restored'));
	const connection = await restored.connect('bank');
	t.after(() => connection.destroy());
	const [sum] = await connection.query('SELECT SUM(balance) AS sum, COUNT(*) AS count FROM account');
	assert.deepEqual(JSON.parse(JSON.stringify(sum)), [{ sum: String(1000 * accounts), count: accounts }]);
	const [checks] = await connection.query('CHECK TABLE account, note');
	assert.deepEqual(
		(checks as { Msg_text: string }[]).map(({ Msg_text }) => Msg_text),
		['OK', 'OK'],
		'nothing of the table without transactions needed mending',
	);
	afterwards(t, () => execFileSync('btrfs', ['subvolume', 'delete', snapshot]));
});

test('waiting for the locks of others ends when it is aborted, and the server goes on', { timeout: 60_000 }, async (t) => {
	const folder = temporaryFolder(t, 'mariadb');
	const data = join(folder, 'data');
	await TestServer.create(data);
	await using server = await TestServer.start(data, join(folder, 's'));
	const other = await server.connect();
	t.after(() => other.destroy());
	await other.query('CREATE DATABASE busy');
	await other.query('CREATE TABLE busy.t (id INT) ENGINE=InnoDB');
	await other.query('LOCK TABLES busy.t WRITE');
	const abort = new AbortController();
	await using lock = await BackupLock.connect(parseServerAddress(server.socketPath));
	const waiting = lock.prepare(abort.signal);
	const isWaiting = 'SELECT COUNT(*) AS count FROM information_schema.processlist WHERE info LIKE "BACKUP STAGE%"';
	while (JSON.stringify((await other.query(isWaiting))[0]) !== '[{"count":1}]');
	abort.abort(new Error('too long'));
	await assert.rejects(waiting, /too long/);
	await other.query('INSERT INTO busy.t VALUES (1)');
	await other.query('UNLOCK TABLES');
	await other.query('ALTER TABLE busy.t ADD COLUMN more INT');
});

test('a password is read from an option file that nobody else may read, and said nowhere', { timeout: 60_000 }, async (t) => {
	const folder = temporaryFolder(t, 'mariadb');
	await TestServer.create(join(folder, 'data'));
	await using server = await TestServer.start(join(folder, 'data'), join(folder, 's'));
	const root = await server.connect();
	t.after(() => root.destroy());
	await root.query(`CREATE USER keeper@localhost IDENTIFIED BY 'p#"1\\\\'`);
	await root.query('GRANT RELOAD ON *.* TO keeper@localhost');
	const optionFile = join(folder, 'db.cnf');
	const address = parseServerAddress(`${server.socketPath}?option-file=${optionFile}`);
	await assert.rejects(BackupLock.connect(address), { code: 'snapshot.writer', message: /cannot be read/ });
	const write = (password: string): void => writeFileSync(optionFile, `[client]\nuser = keeper\n[client]\npassword=${password}\n[mysqld]\npassword=no\n`);
	write(String.raw`'p#"1\\'`);
	chmodSync(optionFile, 0o644);
	await assert.rejects(BackupLock.connect(address), { code: 'snapshot.writer', message: /may be read or replaced by others/, hint: /chmod 600/ });
	chmodSync(optionFile, 0o600);
	await using lock = await BackupLock.connect(address);
	await lock.prepare(never);
	write('wrong');
	await assert.rejects(BackupLock.connect(address), ({ code, message }) => code === 'snapshot.writer' && /Access denied for user 'keeper'/.test(message));
});

test('addresses of servers that cannot be understood, or hold a password, are refused; what is not there is named', async () => {
	const place = { host: '::1', port: 3307 };
	assert.deepEqual(parseServerAddress('mysql://me@[::1]:3307'), { target: 'mysql://me@[::1]:3307', place, user: 'me', optionFile: null });
	for (const target of ['', 'socket', 'mysql://', 'mysql://a:b@c', 'http://c', '/s?password=x', '/s?option-file=x', '/s?a?b'])
		assert.throws(() => parseServerAddress(target), { code: 'usage.invalid' }, target);
	await assert.rejects(BackupLock.connect(parseServerAddress('mysql://root@127.0.0.1:1/')), { code: 'snapshot.writer', message: /root@127.0.0.1:1/ });
});

test('option files: groups for clients count, values may be in quotes, comments are none', () => {
	const content =
		'# c\nuser=nobody\n[mysqld]\nuser=server\n[client]\n; c\nuser = me # I\npassword = "a#b\\"c" \nno value\nssl_ca=/x\n[holdfast]\nuser=we\n!include /etc/x\n';
	assert.deepEqual(
		[...parseOptionFile(content)],
		[
			['user', 'we'],
			['password', 'a#b"c'],
			['ssl-ca', '/x'],
		],
	);
});

test('stages of a backup are used from MariaDB 10.4.1 on, a global lock by what is older and by MySQL', () => {
	for (const version of ['10.11.19-MariaDB-0+deb12u1', '10.4.1-MariaDB', '11.4.2-MariaDB-log']) assert.ok(hasBackupStages(version), version);
	for (const version of ['10.3.39-MariaDB', '8.0.36', '5.7.44-log', 'nonsense']) assert.ok(!hasBackupStages(version), version);
});
