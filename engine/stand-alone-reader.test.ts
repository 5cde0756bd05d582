/** docs/format.md is right when a reader that was written from it alone gives back what the engine stored. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { ChainMethod, Compression, SourceSpec } from './contract/index.ts';
import { createMasterKey, type MasterKey, testPasswordCost } from './format/index.ts';
import { backUp, type TaskObserver } from './mover/index.ts';
import { listChains, markerName, runChainStep } from './repository/index.ts';

const reader = join(import.meta.dirname, '..', 'docs', 'reader', 'restore-one.mjs');
const kib = 1024;
const mib = 1024 * kib;

/** The same bytes for the same seed at every run, and none that compress. */
function noise(seed: number, length: number): Buffer {
	return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

const silent: TaskObserver = { counters() {}, activity() {}, warning: ({ message }) => assert.fail(message), info() {}, bottleneck() {}, mode() {} };

function read(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
	return readWith({}, ...args);
}

function readWith(
	secrets: Readonly<Record<string, string>>,
	...args: string[]
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
	return spawnSync(process.execPath, [reader, ...args], { encoding: 'utf8', env: { ...process.env, ...secrets } });
}

function restored(...args: string[]): void {
	const { status, stderr } = read(...args);
	assert.equal(status, 0, stderr);
}

/** A folder for one test with a source, a repository, and what puts runs into it. */
function openSite(
	t: TestContext,
	kind: SourceSpec['kind'],
	{ compression = 'optimal', method = 'forward', key }: { compression?: Compression; method?: ChainMethod; key?: MasterKey } = {},
) {
	const root = fs.mkdtempSync(join(tmpdir(), 'holdfast-reader-'));
	t.after(() => fs.rmSync(root, { recursive: true, force: true }));
	const [source, repositoryPath, out] = [join(root, 'source'), join(root, 'repository'), join(root, 'restored')];
	fs.mkdirSync(repositoryPath);
	fs.writeFileSync(join(repositoryPath, markerName), '');
	const object: SourceSpec = { kind, path: source };
	const place = key ? { path: repositoryPath, keys: [key] } : repositoryPath;
	const task = {
		repositoryPath: place,
		job: { id: 'job', name: 'Everything' },
		sessionId: 'session',
		objects: [object],
		exclude: [],
		method,
		singleFile: false,
		differential: false,
		storeUnused: false,
		blockSizeBytes: 256 * kib,
		compression,
		requested: 'increment',
		reason: '',
		renewAfterPoints: null,
		suspects: [],
		keyId: key?.id ?? null,
	} as const;
	const run = async (): Promise<string> => {
		const [outcome] = await backUp(task, [silent], {});
		assert(outcome);
		return outcome.pointId;
	};
	const chainFiles = async (): Promise<{ readonly metadata: string; readonly files: readonly string[] }> => {
		const folder = join(repositoryPath, 'Everything');
		const metadata = fs.readdirSync(folder).filter((name) => name.endsWith('.hbm'));
		assert.equal(metadata.length, 1);
		const files = (await listChains(place)).chains[0]?.files.map(({ path }) => join(repositoryPath, path)) ?? [];
		return { metadata: join(folder, metadata[0] as string), files };
	};
	return { source, out, repositoryPath, run, chainFiles };
}

function assertSameFile(actual: string, expected: string): void {
	assert.equal(fs.statSync(actual).size, fs.statSync(expected).size, actual);
	const [a, b] = [fs.openSync(actual, 'r'), fs.openSync(expected, 'r')];
	const [fromA, fromB] = [Buffer.alloc(8 * mib), Buffer.alloc(8 * mib)];
	for (let count = fs.readSync(a, fromA); count > 0; count = fs.readSync(a, fromA)) {
		assert.equal(fs.readSync(b, fromB), count);
		assert(fromA.subarray(0, count).equals(fromB.subarray(0, count)), `${actual} differs from ${expected}`);
	}
	fs.closeSync(a);
	fs.closeSync(b);
}

function writeAt(path: string, offset: number, bytes: Uint8Array, sizeBytes?: number): void {
	const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT);
	if (sizeBytes !== undefined) fs.ftruncateSync(fd, sizeBytes);
	fs.writeSync(fd, bytes, 0, bytes.length, offset);
	fs.closeSync(fd);
}

/** A chain of a small file with a full and an increment. */
async function smallChain(t: TestContext) {
	const site = openSite(t, 'folder', { compression: 'none' });
	fs.mkdirSync(site.source);
	fs.writeFileSync(join(site.source, 'a.txt'), 'before');
	await site.run();
	fs.writeFileSync(join(site.source, 'a.txt'), 'after, and longer');
	await site.run();
	return { ...site, ...(await site.chainFiles()) };
}

test('the reader opens an encrypted chain with the password or the recovery key, and with nothing else', async (t) => {
	const { key, recoveryKey } = await createMasterKey('pässword', testPasswordCost);
	const { source, out, run, chainFiles } = openSite(t, 'folder', { key });
	fs.mkdirSync(source);
	fs.mkdirSync(out);
	fs.writeFileSync(join(source, 'letter.txt'), 'secret');
	fs.writeFileSync(join(source, 'large'), noise(5, 3 * mib));
	await run();
	fs.writeFileSync(join(source, 'letter.txt'), 'more secret');
	await run();
	const { metadata } = await chainFiles();
	for (const [i, secrets] of [{ HOLDFAST_PASSWORD: 'pa\u0308ssword' }, { HOLDFAST_RECOVERY_KEY: recoveryKey.toLowerCase() }].entries()) {
		for (const name of ['letter.txt', 'large']) {
			const { status, stderr } = readWith(secrets, 'file', metadata, 'latest', `/${name}`, join(out, `${name} ${i}`));
			assert.equal(status, 0, stderr);
			assertSameFile(join(out, `${name} ${i}`), join(source, name));
		}
	}
	for (const secrets of [{}, { HOLDFAST_PASSWORD: 'password' }, { HOLDFAST_RECOVERY_KEY: 'AAAAAA' }]) {
		const { status, stderr } = readWith(secrets, 'list', metadata);
		assert.equal(status, 1);
		assert.match(stderr, /is encrypted: set HOLDFAST_PASSWORD/);
	}
});

test('a reader written from the format page restores files of every point of a chain', async (t) => {
	const { source, out, run, chainFiles } = openSite(t, 'folder');
	const at = (name: string): string => join(source, name);
	fs.mkdirSync(at('many/deep'), { recursive: true });
	fs.mkdirSync(out);
	// more names than a page holds, more extents than fit beside a name, a hole, zeros that are stored, two names of one file
	for (let i = 0; i < 3000; i++) fs.writeFileSync(at(`many/file ${i}`), `number ${i}`);
	fs.writeFileSync(at('many/deep/large'), noise(1, 40 * mib));
	fs.writeFileSync(at('empty'), '');
	fs.writeFileSync(at('zeros'), Buffer.alloc(3 * mib));
	fs.writeFileSync(at('letter.txt'), 'first version');
	fs.linkSync(at('letter.txt'), at('many/deep/letter'));
	writeAt(at('sparse'), 5 * mib + 17, Buffer.from('island'), 9 * mib + 1);
	const first = await run();
	fs.writeFileSync(at('letter.txt'), 'second version, which is longer');
	writeAt(at('many/deep/large'), 20 * mib, Buffer.from('an edit'));
	fs.writeFileSync(at('many/file 2000a'), 'new');
	const second = await run();
	fs.rmSync(at('many/file 7'));
	await run();

	const { metadata, files } = await chainFiles();
	assert.equal(files.length, 3);
	const names = ['empty', 'zeros', 'sparse', 'letter.txt', 'many/deep/letter', 'many/deep/large', 'many/file 0', 'many/file 2000a', 'many/file 2999'];
	for (const [i, name] of names.entries()) {
		restored('file', metadata, 'latest', `/${name}`, join(out, String(i)));
		assertSameFile(join(out, String(i)), at(name));
	}
	restored('file', metadata, first, '/letter.txt', join(out, 'old letter'));
	assert.equal(fs.readFileSync(join(out, 'old letter'), 'utf8'), 'first version');
	restored('file', metadata, first, '/many/deep/large', join(out, 'old large'));
	assert(fs.readFileSync(join(out, 'old large')).equals(noise(1, 40 * mib)));
	restored('file', metadata, second, '/many/file 7', join(out, 'removed'));
	assert.equal(fs.readFileSync(join(out, 'removed'), 'utf8'), 'number 7');
	assert.match(read('file', metadata, first, '/many/file 2000a', join(out, 'never')).stderr, /is not in this restore point/);
	assert.deepEqual([read('list', metadata).stdout.trim().split('\n').length, read('list', metadata).status], [3, 0]);
});

test('a reader written from the format page restores a disk with an empty segment and a short last block', async (t) => {
	const { source, out, run, chainFiles } = openSite(t, 'disk');
	// blocks of 256 KiB: segments of 256 MiB, the first of them nothing but zeros
	const sizeBytes = 270 * mib + 1000 * 512;
	const [data, tail, edit] = [noise(2, 2 * mib), noise(3, 100), Buffer.from('changed')];
	writeAt(source, 260 * mib + 77, data, sizeBytes);
	writeAt(source, sizeBytes - tail.length, tail);
	const first = await run();
	writeAt(source, 261 * mib, edit);
	await run();

	const { metadata } = await chainFiles();
	restored('disk', metadata, 'latest', out);
	assertSameFile(out, source);
	restored('disk', metadata, first, `${out}.first`);
	writeAt(source, 261 * mib, data.subarray(mib - 77, mib - 77 + edit.length)); // as it was
	assertSameFile(`${out}.first`, source);
});

for (const method of ['reverse', 'forever-forward'] as const)
	test(`a reader written from the format page reads a chain whose full was changed in place (${method})`, async (t) => {
		const { source, out, repositoryPath, run, chainFiles } = openSite(t, 'folder', { method });
		fs.mkdirSync(source);
		const pointIds: string[] = [];
		for (let version = 0; version < 5; version++) {
			fs.writeFileSync(join(source, 'letter'), noise(10 + version, 300 * kib + version));
			fs.writeFileSync(join(source, `note ${version}`), `note ${version}`);
			pointIds.push(await run());
		}
		const { id } = (await listChains(repositoryPath)).chains[0] ?? assert.fail('there is a chain');
		if (method === 'forever-forward') await runChainStep(repositoryPath, id, { kind: 'merge', count: 2 }, { signal: new AbortController().signal });
		const kept = method === 'reverse' ? 0 : 2;
		const { metadata, files } = await chainFiles();
		assert.equal(files.length, 5 - kept);
		for (let version = kept; version < 5; version++) {
			const to = `${out}.${version}`;
			restored('file', metadata, pointIds[version] as string, '/letter', to);
			assert(fs.readFileSync(to).equals(noise(10 + version, 300 * kib + version)), `version ${version}`);
			restored('file', metadata, pointIds[version] as string, '/note 0', `${to}.note`);
			assert.equal(fs.readFileSync(`${to}.note`, 'utf8'), 'note 0');
		}
	});

test('a reader written from the format page refuses a flipped byte wherever a restore meets it', async (t) => {
	const { files, metadata, out } = await smallChain(t);
	const [, increment] = files as [string, string];
	const sound = fs.readFileSync(increment);
	const flips = [];
	for (let at = 2 * 4096; at < sound.length; at += 41) flips.push(at);
	let refused = 0;
	for (const at of flips) {
		const damaged = Buffer.from(sound);
		damaged[at] = (damaged[at] as number) ^ 0x20;
		fs.writeFileSync(increment, damaged);
		fs.rmSync(out, { force: true });
		const { status } = read('file', metadata, 'latest', '/a.txt', out);
		if (status === 1) refused++;
		else assert.equal(fs.readFileSync(out, 'utf8'), 'after, and longer', `byte ${at}`); // a byte that means nothing
	}
	assert(refused > flips.length / 2, `${refused} of ${flips.length} flips were noticed`);
});

test('a reader written from the format page takes the valid superblock of the two, and refuses a newer format', async (t) => {
	const { files, metadata, out } = await smallChain(t);
	const [, increment] = files as [string, string];
	const sound = fs.readFileSync(increment);
	const withSlots = (first: Uint8Array, second: Uint8Array): Buffer => Buffer.concat([first, second, sound.subarray(8192)]);
	const slot = sound.subarray(4096, 8192);
	const damaged = Buffer.from(slot);
	damaged[60] = (damaged[60] as number) ^ 1;
	const newer = Buffer.from(slot);
	newer.writeUInt16LE(2, 8);
	newer.writeUInt32LE(crc32(newer.subarray(0, 120)), 120);
	const attempt = (bytes: Uint8Array): string => {
		fs.writeFileSync(increment, bytes);
		fs.rmSync(out, { force: true });
		return read('file', metadata, 'latest', '/a.txt', out).stderr;
	};
	assert.equal(attempt(withSlots(slot, damaged)), '');
	assert.equal(attempt(withSlots(damaged, slot)), '');
	assert.match(attempt(withSlots(damaged, damaged)), /no valid superblock/);
	assert.match(attempt(withSlots(slot, newer)), /newer format/);
});
