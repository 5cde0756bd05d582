/** Encryption from the command line, on real files: what is encrypted, who opens it, and what nobody can read. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog, systemClock } from '../base/index.ts';
import { openEngine } from '../engine.ts';
import { testPasswordCost } from '../format/index.ts';
import { runCommandLine } from './index.ts';
import { Collected } from './testing.ts';

/** The command line in this process on real engines, with cheap passwords. `as`: the data folder, so that a site can have several installations. */
async function openSite(t: TestContext) {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-encryption-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	await mkdir(join(root, 'private-papers'));
	await writeFile(join(root, 'private-papers', 'testament.txt'), 'All that I have goes to the cat.\n'.repeat(50));
	await writeFile(join(root, 'private-papers', 'numbers.bin'), Buffer.alloc(300_000, 'four hundred'));
	for (const [name, text] of Object.entries({ password: 'correct horse battery', wrong: 'incorrect horse', next: 'staple, this time' }))
		await writeFile(join(root, name), `${text}\n`);
	const run = async (as: string, ...args: string[]) => {
		const [stdout, stderr] = [new Collected(), new Collected()];
		const code = await runCommandLine(
			[...args, '--json'],
			{
				stdout,
				stderr,
				environment: { HOLDFAST_DATA: join(root, as) },
				workingFolder: root,
				clock: systemClock,
				rendererFolder: join(root, 'no-console'),
				program: join(root, 'no-program'),
				announce: () => undefined,
				openEngine: (options) => openEngine({ ...options, logger: silentLog, passwordCost: testPasswordCost }),
			},
			'1.2.3',
		);
		return { code, stderr: stderr.text, document: JSON.parse(stdout.text) };
	};
	/** A command that succeeds. */
	const ok = async (as: string, ...args: string[]) => {
		const { code, stderr, document } = await run(as, ...args);
		assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
		return document;
	};
	const restoredBy = async (as: string, point: string): Promise<string> => {
		const to = join(root, 'restored', `${Math.random()}`);
		await ok(as, 'restore', 'files', point, '/testament.txt', '--to', to);
		return readFile(join(to, 'testament.txt'), 'utf8');
	};
	return { root, run, ok, restoredBy, original: await readFile(join(root, 'private-papers', 'testament.txt'), 'utf8') };
}

async function openEncryptedSite(t: TestContext, ...options: string[]) {
	const site = await openSite(t);
	await site.ok('data', 'repository', 'add', 'Main', '--path', 'backup');
	const add = ['job', 'add', 'Papers', '--source', 'folder:private-papers', '--repository', 'Main', '--encrypt', '--password-file', 'password', ...options];
	const { recoveryKey, job } = await site.ok('data', ...add);
	await site.ok('data', 'job', 'run', 'Papers');
	return { ...site, recoveryKey: recoveryKey as string, keyId: job.encryptionKeyId as string };
}

/** Of every file of a chain. */
async function allBytes(folder: string): Promise<Map<string, Buffer>> {
	const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && /\.h[a-z]{2}$/.test(entry.name));
	return new Map(await Promise.all(files.map(async ({ parentPath, name }) => [join(parentPath, name), await readFile(join(parentPath, name))] as const)));
}

for (const method of ['forward', 'forever-forward', 'reverse']) {
	test(`an encrypted ${method} chain shows neither names nor content nor where a record ends, and comes back`, async (t) => {
		const site = await openEncryptedSite(t, '--method', method, '--retain', '2');
		const texts = [site.original];
		for (const i of [1, 2, 3]) {
			texts.push(`${site.original}codicil ${i}\n`);
			await writeFile(join(site.root, 'private-papers', 'testament.txt'), texts.at(-1) ?? '');
			await site.ok('data', 'job', 'run', 'Papers');
		}
		const { chains } = await site.ok('data', 'chain', 'list');
		assert.deepEqual([...new Set(chains.map(({ encrypted }: { encrypted: boolean }) => encrypted))], [true]);
		for (const { id } of chains) {
			await site.ok('data', 'chain', 'compact', id);
			assert.deepEqual((await site.ok('data', 'chain', 'check', id)).check.damaged, []);
		}
		const { points } = await site.ok('data', 'point', 'list');
		assert.ok(points.length >= 2);
		assert.equal(await site.restoredBy('data', 'Papers@latest'), texts.at(-1));
		for (const { id } of points) assert.ok(texts.includes(await site.restoredBy('data', id)));
		for (const [path, bytes] of await allBytes(join(site.root, 'backup'))) {
			for (const word of ['testament', 'numbers', 'private', 'papers', 'cat', 'codicil', 'HREC', 'folder', 'sourceBytes', '"chain"'])
				assert.equal(bytes.includes(word), false, `“${word}” stands in ${path}`);
			assert.doesNotMatch(path.slice(site.root.length), /private-papers|testament/);
			assert.equal(bytes.includes('four hundred'), false);
		}
	});
}

test('another installation opens the chains with the password or the recovery key, and with nothing else', async (t) => {
	const { root, run, ok, restoredBy, original, recoveryKey, keyId } = await openEncryptedSite(t);
	const found = await run('second', 'repository', 'add', 'Found', '--path', 'backup');
	assert.equal(found.document.repository.problem.code, 'repository.locked');
	assert.deepEqual(
		found.document.import.problems.map(({ reason, path }: { reason: string; path: string }) => [reason, path.slice(-4)]),
		[['locked', '.hbm']],
	);
	assert.deepEqual((await ok('second', 'point', 'list')).points, []);

	const wrong = await run('second', 'key', 'unlock', 'Found', '--password-file', 'wrong');
	assert.equal(wrong.code, 1);
	assert.equal(wrong.document.error.code, 'auth.wrong-secret');
	await writeFile(join(root, 'recovery'), 'ABCDEF-ABCDEF\n');
	assert.equal((await run('second', 'key', 'unlock', 'Found', '--recovery-key-file', 'recovery')).document.error.code, 'usage.invalid');

	assert.deepEqual((await ok('second', 'key', 'unlock', 'Found', '--password-file', 'password')).unlocked.keys, [keyId]);
	const [point] = (await ok('second', 'point', 'list')).points;
	assert.equal(await restoredBy('second', point.id), original);

	await ok('third', 'repository', 'add', 'Found', '--path', 'backup').catch(() => undefined);
	await writeFile(join(root, 'recovery'), `${recoveryKey.toLowerCase()}\n`);
	await ok('third', 'key', 'unlock', 'Found', '--recovery-key-file', 'recovery');
	assert.equal(await restoredBy('third', point.id), original);

	await ok('second', 'job', 'add', 'Heir', '--source', 'folder:private-papers', '--repository', 'Found');
	const refused = await run('second', 'job', 'map', 'Heir', '--chain', point.chain);
	assert.equal(refused.document.error.code, 'usage.conflict');
	await ok('second', 'job', 'edit', 'Heir', '--key', keyId);
	await ok('second', 'job', 'map', 'Heir', '--chain', point.chain);
	assert.equal((await ok('second', 'job', 'run', 'Heir')).session.tasks[0].mode.actual, 'increment');
});

test('another password opens every file at once, and the one before opens none; no data is written anew', async (t) => {
	const { root, run, ok, restoredBy, original, keyId } = await openEncryptedSite(t);
	await writeFile(join(root, 'private-papers', 'more'), 'more');
	await ok('data', 'job', 'run', 'Papers');
	const before = await allBytes(join(root, 'backup'));
	assert.deepEqual(await ok('data', 'key', 'change-password', keyId, '--password-file', 'next'), { key: keyId, chainCount: 1, pending: [] });
	for (const [path, bytes] of await allBytes(join(root, 'backup'))) {
		if (path.endsWith('.hbm')) continue;
		assert.ok(bytes.subarray(8192).equals(before.get(path)?.subarray(8192) ?? Buffer.alloc(0)), `${path}: records stay`);
		assert.ok(!bytes.subarray(0, 8192).equals(before.get(path)?.subarray(0, 8192) ?? Buffer.alloc(0)), `${path}: superblocks change`);
	}
	await ok('data', 'job', 'run', 'Papers');
	await run('second', 'repository', 'add', 'Found', '--path', 'backup');
	assert.equal((await run('second', 'key', 'unlock', 'Found', '--password-file', 'password')).document.error.code, 'auth.wrong-secret');
	// also without the metadata, from a backup file alone
	for (const path of before.keys()) if (path.endsWith('.hbm')) await rm(path);
	assert.equal((await run('second', 'key', 'unlock', 'Found', '--password-file', 'password')).document.error.code, 'auth.wrong-secret');
	await ok('second', 'key', 'unlock', 'Found', '--password-file', 'next');
	await ok('second', 'repository', 'import', 'Found');
	assert.equal(await restoredBy('second', (await ok('second', 'point', 'list')).points[0].id), original);
});

test('a new recovery key is handed over once, into a file that only its owner reads, and must be shown to be stored', async (t) => {
	const { root, run, ok, recoveryKey, keyId } = await openEncryptedSite(t);
	await writeFile(join(root, 'typed'), `${recoveryKey}\n`);
	assert.equal((await ok('data', 'key', 'list')).keys[0].recoveryKeyConfirmedAt, null);
	await ok('data', 'key', 'confirm', keyId, '--recovery-key-file', 'typed');
	assert.notEqual((await ok('data', 'key', 'list')).keys[0].recoveryKeyConfirmedAt, null);
	const renewed = await ok('data', 'key', 'new-recovery-key', keyId, '--recovery-key-file', 'stick');
	assert.equal(renewed.recoveryKey, undefined);
	assert.equal((await stat(join(root, 'stick'))).mode & 0o777, 0o600);
	assert.equal((await ok('data', 'key', 'list')).keys[0].recoveryKeyConfirmedAt, null);
	assert.equal((await run('data', 'key', 'confirm', keyId, '--recovery-key-file', 'typed')).document.error.code, 'auth.wrong-secret');
	await ok('data', 'key', 'confirm', keyId, '--recovery-key-file', 'stick');
});

test('switching encryption on or off begins a new chain; the old one stays restorable', async (t) => {
	const { ok, restoredBy, original } = await openEncryptedSite(t);
	const [first] = (await ok('data', 'point', 'list')).points;
	await ok('data', 'job', 'edit', 'Papers', '--no-encrypt');
	const plain = (await ok('data', 'job', 'run', 'Papers')).session.tasks[0];
	assert.deepEqual([plain.mode.actual, plain.mode.reason], ['full', 'Encryption was switched off.']);
	await ok('data', 'repository', 'edit', 'Main', '--encrypt', '--password-file', 'next');
	const again = (await ok('data', 'job', 'run', 'Papers')).session.tasks[0];
	assert.deepEqual([again.mode.actual, again.mode.reason], ['full', 'Encryption was switched on.']);
	assert.equal((await ok('data', 'job', 'run', 'Papers')).session.tasks[0].mode.actual, 'increment');
	assert.deepEqual((await ok('data', 'chain', 'list')).chains.map(({ encrypted }: { encrypted: boolean }) => encrypted).sort(), [false, true, true]);
	assert.equal(await restoredBy('data', first.id), original);
});

test('without the file that guards its keys a data folder opens no chain, says so, and is helped by the password', async (t) => {
	const { root, run, ok, restoredBy, original } = await openEncryptedSite(t);
	assert.equal((await stat(join(root, 'data', 'secrets.key'))).mode & 0o777, 0o600);
	await rm(join(root, 'data', 'secrets.key'));
	const failed = await run('data', 'job', 'run', 'Papers');
	assert.equal(failed.code, 1);
	assert.equal(failed.document.session.tasks[0].error?.code ?? failed.document.session.error.code, 'repository.locked');
	await ok('data', 'key', 'unlock', 'Main', '--password-file', 'password');
	assert.equal((await ok('data', 'job', 'run', 'Papers')).session.tasks[0].mode.actual, 'increment');
	assert.equal(await restoredBy('data', 'Papers@latest'), original);
});

test('secrets that are missing, empty or misplaced are named, and leave no key behind', async (t) => {
	const { root, run, ok } = await openSite(t);
	await ok('data', 'repository', 'add', 'Main', '--path', 'backup');
	await writeFile(join(root, 'empty'), '\nsecond line\n');
	const add = ['job', 'add', 'X', '--source', 'folder:private-papers', '--repository', 'Main'];
	for (const [args, code, field] of [
		[[...add, '--encrypt'], 'usage.invalid', '--password-file'],
		[[...add, '--encrypt', '--password-file', 'nowhere'], 'usage.invalid', '--password-file'],
		[[...add, '--encrypt', '--password-file', 'empty'], 'usage.invalid', '--password-file'],
		[[...add, '--password-file', 'password'], 'usage.conflict', '--password-file'],
		[[...add, '--encrypt', '--password-file', 'password', '--key', 'abc'], 'usage.conflict', '--key'],
		[[...add, '--key', 'abc'], 'not-found.key', 'encryptionKeyId'],
		[['key', 'change-password', 'abc', '--password-file', 'next'], 'not-found.key', 'encryptionKeyId'],
		[['key', 'unlock', 'Main', '--password-file', 'password'], 'usage.conflict', undefined],
	] as const) {
		const { document } = await run('data', ...args);
		assert.equal(document.error?.code, code, args.join(' '));
		if (field !== undefined)
			assert.ok(document.error.message.includes(field) || document.error.data?.field === field || code === 'not-found.key', args.join(' '));
	}
	// refused for another reason: the key that was made for it goes
	const refused = await run('data', 'job', 'add', 'X', '--source', 'folder:/nowhere', '--repository', 'Main', '--encrypt', '--password-file', 'password');
	assert.equal(refused.document.error.code, 'source.missing');
	assert.deepEqual((await ok('data', 'key', 'list')).keys, []);
});

test('a key in use is not forgotten; one that is not in use is, and its chains are locked until they are unlocked again', async (t) => {
	const { run, ok, keyId } = await openEncryptedSite(t);
	assert.equal((await run('data', 'key', 'remove', keyId)).document.error.code, 'usage.conflict');
	await ok('data', 'job', 'remove', 'Papers');
	await ok('data', 'key', 'remove', keyId);
	assert.deepEqual((await ok('data', 'point', 'list')).points, []);
	await ok('data', 'key', 'unlock', 'Main', '--password-file', 'password');
	assert.equal((await ok('data', 'point', 'list')).points.length, 1);
});
