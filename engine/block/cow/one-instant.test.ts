import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { requireTool } from '../../base/testing.ts';
import { openPlatform } from '../../platform/index.ts';
import { formatNbdUri, type NbdDevice, NbdServer } from '../nbd/index.ts';
import { temporaryFolder } from '../testbed.ts';
import { CowDevice } from './cow-device.ts';
import type { NumberedWriter } from './testing/numbered-writer.ts';

const run = promisify(execFile);
const mib = 1024 * 1024;
const sizeBytes = 8 * mib;

async function serveDevice(t: test.TestContext) {
	const folder = temporaryFolder(t);
	const path = join(folder, 'disk.img');
	writeFileSync(path, Buffer.alloc(sizeBytes));
	const device = new CowDevice({ path, changeLogPath: join(folder, 'changes'), platform: openPlatform() });
	const exports = new Map<string, NbdDevice>([['live', device]]);
	const server = new NbdServer(exports);
	const socket = join(folder, 'socket');
	await server.listen({ kind: 'unix', path: socket });
	const uri = (exportName: string): string => formatNbdUri({ transport: { kind: 'unix', path: socket }, exportName });
	let count = 0;
	/** A copy of the disk at one instant, made by others while writers go on. */
	const copyOfSnapshot = async (): Promise<Buffer> => {
		const name = `snapshot ${count++}`;
		const snapshot = device.snapshot({ name, cachePath: join(folder, name), cacheLimitBytes: 2 ** 30 });
		exports.set(name, snapshot);
		const copy = join(folder, 'copy');
		await run('nbdcopy', [uri(name), copy]);
		assert.match((await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', uri(name), copy])).stdout, /identical/);
		exports.delete(name);
		device.release(snapshot);
		return readFileSync(copy);
	};
	const end = async (): Promise<void> => {
		await server[Symbol.asyncDispose]();
		device.close();
	};
	return { folder, device, socket, uri, copyOfSnapshot, end };
}

test('COW-02 COW-04: while numbered blocks are written, each of 20 snapshots in a row is one instant', async (t) => {
	if (!requireTool(t, 'nbdcopy', 'qemu-img')) return;
	const { socket, copyOfSnapshot, end } = await serveDevice(t);
	const blockBytes = 32_768;
	const blocks = sizeBytes / blockBytes;
	const workerData: NumberedWriter = { socket, exportName: 'live', blockBytes, blocks };
	const writer = new Worker(new URL('./testing/numbered-writer.ts', import.meta.url), { workerData });
	await once(writer, 'message'); // every block has a number
	const newest: number[] = [];
	for (let i = 0; i < 20; i++) {
		const copy = await copyOfSnapshot();
		const numbers = Array.from({ length: blocks }, (_, block) => {
			const number = copy.readUInt32BE(block * blockBytes);
			for (let at = 0; at < blockBytes; at += 4) assert.equal(copy.readUInt32BE(block * blockBytes + at), number, 'a torn block');
			assert.equal(number % blocks, block);
			return number;
		});
		const last = Math.max(...numbers);
		assert.equal(Math.min(...numbers), last - blocks + 1, 'a row without a gap');
		assert.ok(last > (newest.at(-1) ?? 0), 'the writer goes on');
		newest.push(last);
	}
	writer.postMessage('stop');
	await once(writer, 'exit');
	await end();
});

test('COW-02: fio and qemu-io as writers do not reach into a snapshot', async (t) => {
	if (!requireTool(t, 'fio', 'nbdcopy', 'qemu-img', 'qemu-io')) return;
	const { folder, device, uri, copyOfSnapshot, end } = await serveDevice(t);
	const fio = run(
		'fio',
		[
			'--name=load',
			'--ioengine=nbd',
			`--uri=${uri('live')}`,
			'--rw=randwrite',
			'--bssplit=4k/50:64k/50',
			'--iodepth=8',
			`--size=${sizeBytes}`,
			'--io_size=96M',
			'--verify=crc32c',
			'--do_verify=0',
			'--randrepeat=1',
		],
		{ cwd: folder },
	);
	let isWriting = true;
	fio
		.finally(() => {
			isWriting = false;
		})
		.catch(() => undefined);
	let differing = 0;
	let last: Buffer | null = null;
	while (isWriting) {
		const copy = await copyOfSnapshot(); // which is read twice, and must be the same
		if (last !== null && !copy.equals(last)) differing++;
		last = copy;
	}
	await fio;
	assert.ok(differing > 0, 'something was written meanwhile');
	await run('qemu-io', ['-f', 'raw', '-c', 'write -P 7 1M 1M', '-c', 'flush', uri('live')]);
	const copy = await copyOfSnapshot();
	const live = Buffer.alloc(sizeBytes);
	device.readSync(live, 0);
	assert.ok(copy.equals(live) && copy[mib] === 7);
	await end();
});
