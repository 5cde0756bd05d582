import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isEngineError, silentLog, systemClock } from '../../base/index.ts';
import { openPlatform } from '../../platform/index.ts';
import { mountFresh } from '../../platform/testbed.ts';
import { Requestor, VolumeSlots } from '../index.ts';
import { BtrfsProvider } from '../providers/btrfs/index.ts';
import { MemoryJournal } from '../testing/unruly.ts';
import { volumeAt } from '../volume-map.ts';
import { parseScriptSpec, ScriptWriter } from './script.ts';
import { SqliteWriter } from './sqlite.ts';

const { signal } = new AbortController();

function script(t: TestContext, body: string): { path: string; log: string } {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-writer-'));
	t.after(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 'app.sh');
	const log = join(folder, 'log');
	writeFileSync(path, `#!/bin/sh\necho "$1" >> ${log}\n${body}\n`);
	chmodSync(path, 0o755);
	return { path, log };
}

test('a script is called with freeze and thaw; its exit codes are those that it was said to have', async (t) => {
	const { path, log } = script(t, 'exit 3');
	const good = new ScriptWriter(`${path}?accept=0,3`);
	await good.identify();
	await good.freeze({ signal });
	assert.equal(await good.thaw({ signal }), 'held');
	assert.equal(readFileSync(log, 'utf8'), 'freeze\nthaw\n');
	await assert.rejects(new ScriptWriter(path).freeze({ signal }), (error) => isEngineError(error, 'snapshot.writer') && /exit code 3/.test(error.message));
	await assert.rejects(new ScriptWriter('/nowhere/x.sh').identify(), (error) => isEngineError(error, 'snapshot.writer'));
});

test('a script that does not end is ended at its timeout, with what it started', async (t) => {
	const { path } = script(t, 'sleep 1000 & wait');
	await assert.rejects(new ScriptWriter(`${path}?timeout=1`).freeze({ signal }), (error) => isEngineError(error, 'snapshot.timeout'));
});

test('specs of scripts that cannot be understood are refused', () => {
	assert.deepEqual(parseScriptSpec('/a b.sh'), { path: '/a b.sh', timeoutMs: 60_000, accepted: [0] });
	for (const spec of ['', 'relative.sh', '/x?timeout=0', '/x?timeout=soon', '/x?accept=300', '/x?what=1', '/x?a?b'])
		assert.throws(
			() => parseScriptSpec(spec),
			(error) => isEngineError(error, 'usage.invalid'),
			spec,
		);
});

test('SQLite: a snapshot under transfers is whole, and the application goes on', async (t) => {
	const root = mountFresh(t, 'btrfs');
	if (root === null) return;
	const path = join(root, 'bank.db');
	using db = new DatabaseSync(path);
	db.exec('PRAGMA journal_mode = WAL; CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER); INSERT INTO account VALUES (1, 500), (2, 500);');
	const teller = new Worker(
		`const { parentPort, workerData } = require('node:worker_threads');
		const { DatabaseSync } = require('node:sqlite');
		const db = new DatabaseSync(workerData, { timeout: 10000 });
		let count = 0, stop = false;
		parentPort.on('message', () => { stop = true; });
		(function transfer() {
			if (stop) { db.close(); parentPort.close(); return; }
			db.exec('BEGIN IMMEDIATE; UPDATE account SET balance = balance - 1 WHERE id = 1; UPDATE account SET balance = balance + 1 WHERE id = 2; COMMIT');
			if (++count === 1) parentPort.postMessage('begun');
			setImmediate(transfer);
		})();`,
		{ eval: true, workerData: path },
	);
	await once(teller, 'message');
	const mount = openPlatform()
		.disks.mounts()
		.find(({ mountPoint }) => mountPoint === root);
	assert.ok(mount);
	const requestor = new Requestor({ journal: new MemoryJournal(), slots: new VolumeSlots(), clock: systemClock, log: silentLog });
	const balances: number[] = [];
	for (let i = 0; i < 3; i++) {
		const volumes = [{ volume: volumeAt(mount), provider: new BtrfsProvider(), paths: [path], limit: 4 }];
		await using set = await requestor.createSet({ sessionId: 's', volumes, writers: [new SqliteWriter(path)] }, { signal });
		const at = set.snapshots[0]?.views[0]?.at ?? '';
		const folder = join(root, `restored ${i}`);
		mkdirSync(folder);
		for (const name of ['bank.db', 'bank.db-wal']) if (existsSync(join(at, name))) copyFileSync(join(at, name), join(folder, name));
		using restored = new DatabaseSync(join(folder, 'bank.db'));
		assert.equal(restored.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
		assert.equal(restored.prepare('SELECT sum(balance) AS total FROM account').get()?.total, 1000);
		balances.push(Number(restored.prepare('SELECT balance FROM account WHERE id = 2').get()?.balance));
	}
	const ended = once(teller, 'exit');
	teller.postMessage('stop');
	await ended;
	assert.ok((balances[2] as number) > (balances[0] as number), 'transfers went on between the snapshots');
});

test('SQLite: who is no database, or somebody else’s for too long, is refused; thawing what was never frozen is lost', async (t) => {
	const { path } = script(t, '');
	await assert.rejects(new SqliteWriter(path).identify(), (error) => isEngineError(error, 'snapshot.writer'));
	const file = `${path}.db`;
	using other = new DatabaseSync(file);
	other.exec('CREATE TABLE x (y); BEGIN IMMEDIATE');
	const writer = new SqliteWriter(file);
	await assert.rejects(writer.freeze({ signal: AbortSignal.timeout(100) }));
	assert.equal(await writer.thaw(), 'lost');
	assert.equal(await writer.thaw(), 'lost');
});
