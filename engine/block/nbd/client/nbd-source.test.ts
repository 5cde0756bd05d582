import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { isEngineError } from '../../../base/index.ts';
import { requireTool } from '../../../base/testing.ts';
import { openBlockSource } from '../../open-block-source.ts';
import { qemuImg, qemuIo, readWhole, seededRandom, temporaryFolder } from '../../testbed.ts';
import { startNbdkit, startQemuNbd, unixAddress } from '../testbed.ts';
import type { NextConnection } from '../testing/replay-server.ts';
import { formatNbdUri } from '../uri.ts';
import { openNbdSource } from './nbd-source.ts';

const mib = 1024 * 1024;
const onlyLinux = { skip: process.platform !== 'linux' && 'needs blocking sockets' };
const failsWith = (code: Parameters<typeof isEngineError>[1], words: RegExp) => (error: unknown) =>
	isEngineError(error, code) && words.test(`${error.message} ${error.hint}`);

/** 20 MiB of noise in three places of 40 MiB and a bit. */
function makeImage(path: string): Buffer {
	const random = seededRandom(7);
	const fd = openSync(path, 'w+');
	ftruncateSync(fd, 40 * mib + 512);
	for (const [at, length] of [
		[0, 3 * mib],
		[9 * mib, 16 * mib],
		[39 * mib, mib + 512],
	] as const) {
		const noise = Buffer.alloc(length);
		for (let i = 0; i < length; i += 64) noise.writeUInt32LE(random(2 ** 32), i);
		writeSync(fd, noise, 0, length, at);
	}
	closeSync(fd);
	return readFileSync(path);
}

test('reads an export of QEMU and its extents, through an address in a job', onlyLinux, async (t) => {
	if (!requireTool(t, 'qemu-nbd')) return;
	const image = join(temporaryFolder(t), 'disk.img');
	const content = makeImage(image);
	const address = unixAddress(await startQemuNbd(t, image, '--read-only', '--format=raw', '--export-name=the disk'), 'the disk');
	using source = openBlockSource(formatNbdUri(address));
	assert.equal(source.format, 'nbd');
	assert.equal(source.sizeBytes, content.length);
	assert.ok(readWhole(source, seededRandom(3)).equals(content));
	assert.deepEqual(source.extents(), [
		{ offsetBytes: 0, lengthBytes: 3 * mib },
		{ offsetBytes: 9 * mib, lengthBytes: 16 * mib },
		{ offsetBytes: 39 * mib, lengthBytes: mib + 512 },
	]);
	const large = Buffer.alloc(content.length + 5);
	assert.equal(source.readSync(large, 0), content.length);
	assert.ok(large.subarray(0, content.length).equals(content));
	assert.throws(
		() => openBlockSource(formatNbdUri({ ...address, exportName: 'another' })),
		failsWith('source.missing', /no export named "another".*It has: "the disk"/),
	);
});

test('names what a dirty bitmap of QEMU marks', onlyLinux, async (t) => {
	if (!requireTool(t, 'qemu-nbd', 'qemu-img', 'qemu-io')) return;
	const image = join(temporaryFolder(t), 'disk.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '3G');
	qemuIo(image, 'write -P 1 0 4M', 'write -P 1 2900M 1M');
	qemuImg('bitmap', '--add', image, 'since-noon');
	qemuIo(image, 'write -P 2 1M 64k', 'write -P 2 2900M 128k', 'write -P 3 200M 64k');
	const address = unixAddress(await startQemuNbd(t, image, '--read-only', '--format=qcow2', '--bitmap=since-noon'));
	using source = openNbdSource(address, { dirtyBitmap: 'since-noon' });
	assert.deepEqual(source.dirtyExtents(), [
		{ offsetBytes: mib, lengthBytes: 65_536 },
		{ offsetBytes: 200 * mib, lengthBytes: 65_536 },
		{ offsetBytes: 2900 * mib, lengthBytes: 131_072 },
	]);
	assert.deepEqual(source.extents(), [
		{ offsetBytes: 0, lengthBytes: 4 * mib },
		{ offsetBytes: 200 * mib, lengthBytes: 65_536 },
		{ offsetBytes: 2900 * mib, lengthBytes: mib },
	]);
	assert.throws(() => openNbdSource(address, { dirtyBitmap: 'other' }), failsWith('source.unsupported', /no dirty bitmap named "other"/));
});

test('keeps to the block sizes of a server, and does without what old servers lack', onlyLinux, async (t) => {
	if (!requireTool(t, 'nbdkit')) return;
	const image = join(temporaryFolder(t), 'disk.img');
	const content = makeImage(image);
	const strict = [
		'--filter=blocksize-policy',
		'file',
		image,
		'blocksize-minimum=512',
		'blocksize-preferred=4K',
		'blocksize-maximum=64K',
		'blocksize-error-policy=error',
	];
	for (const options of [strict, ['--no-sr', 'file', image]]) {
		using source = openNbdSource(unixAddress(await startNbdkit(t, ...options)));
		assert.ok(readWhole(source, seededRandom(4)).equals(content));
		if (options[0] === '--no-sr') assert.deepEqual(source.extents(), [{ offsetBytes: 0, lengthBytes: content.length }]);
	}
});

test('a range that a server cannot read fails alone; a server that is gone ends the source', onlyLinux, async (t) => {
	if (!requireTool(t, 'nbdkit')) return;
	const folder = temporaryFolder(t);
	const errorFile = join(folder, 'broken');
	const socket = await startNbdkit(t, '--filter=error', 'memory', '1M', 'error-pread=EIO', 'error-pread-rate=100%', `error-file=${errorFile}`);
	const source = openNbdSource(unixAddress(socket));
	t.after(() => source.close());
	const block = Buffer.alloc(4096, 1);
	closeSync(openSync(errorFile, 'w'));
	assert.throws(() => source.readSync(block, 8192), failsWith('source.unreadable', /byte 8192: the NBD server says EIO/));
	const other = openNbdSource(unixAddress(await startNbdkit(t, 'memory', '1M')));
	assert.equal(other.readSync(block, 8192), 4096);
	assert.ok(block.equals(Buffer.alloc(4096)));
	other.close();
	assert.throws(() => other.readSync(block, 0), failsWith('source.unreadable', /closed/));
	assert.throws(() => openNbdSource(unixAddress(join(folder, 'nobody'))), failsWith('source.missing', /ENOENT/));
	assert.throws(
		() => openNbdSource({ transport: { kind: 'tcp', host: 'no-such-host.invalid', port: 1 }, exportName: '' }),
		failsWith('source.missing', /ENOTFOUND/),
	);
});

test('whatever a server says, the client gives bytes or a coded error', onlyLinux, async (t) => {
	if (!requireTool(t, 'qemu-nbd')) return;
	const seed = Number(process.env.FUZZ_SEED ?? 17);
	const rounds = Number(process.env.FUZZ_ROUNDS ?? 500);
	t.diagnostic(`seed ${seed}, ${rounds} rounds`);
	const random = seededRandom(seed);
	const folder = temporaryFolder(t);
	const image = join(folder, 'disk.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '1M');
	qemuImg('bitmap', '--add', image, 'b');
	qemuIo(image, 'write -P 5 64k 128k');
	const upstream = await startQemuNbd(t, image, '--read-only', '--format=qcow2', '--bitmap=b');
	const socket = join(folder, 'replay');
	const server = new Worker(new URL('../testing/replay-server.ts', import.meta.url), { workerData: socket });
	t.after(() => server.terminate());
	await once(server, 'message');
	const session = (next: NextConnection): 'read' | 'refused' => {
		server.postMessage(next);
		try {
			using source = openNbdSource(unixAddress(socket), { dirtyBitmap: 'b', silenceMs: 1 });
			source.extents();
			source.dirtyExtents();
			source.readSync(Buffer.alloc(70_000), 100);
			return 'read';
		} catch (error) {
			assert.ok(isEngineError(error) && error.code.startsWith('source.'), `seed ${seed}: ${error}`);
			return 'refused';
		}
	};
	assert.equal(session({ relayTo: upstream }), 'read');
	const [recording] = (await once(server, 'message')) as [Uint8Array];
	assert.equal(session({ say: recording }), 'read');
	const outcomes = { read: 0, refused: 0 };
	for (let round = 0; round < rounds; round++) {
		const say = Buffer.from(recording);
		// Most of it is content: the beginning and what follows it are where lengths and kinds are
		for (let i = 0; i <= random(3); i++) say[random(2) === 0 ? random(say.length) : random(700)] = random(256);
		outcomes[session({ say: random(10) === 0 ? say.subarray(0, random(say.length)) : say })]++;
	}
	assert.ok(outcomes.refused > rounds / 10, `${JSON.stringify(outcomes)}`);
});
