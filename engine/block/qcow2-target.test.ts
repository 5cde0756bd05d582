/** Images that are written here, judged by QEMU. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { requireTool } from '../base/testing.ts';
import { openPlatform } from '../platform/index.ts';
import { attachDiskWriter, openBlockSource, openDiskTarget } from './index.ts';
import { planQcow2 } from './qcow2-layout.ts';
import { qemuImg, qemuIo, readWhole, seededRandom, temporaryFolder } from './testbed.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const TiB = 1024 * 1024 * MiB;

for (const [seed, sizeBytes] of [0, 512, 64 * KiB, 5 * MiB + 512, 40 * MiB + 1000, 520 * MiB].entries()) {
	test(`a qcow2 image of ${sizeBytes} bytes, written by two writers in any order, is clean and equal to the disk`, async (t) => {
		if (!requireTool(t, 'qemu-img')) return;
		const random = seededRandom(seed + 70);
		const folder = temporaryFolder(t);
		const path = join(folder, 'disk.qcow2');
		const raw = join(folder, 'disk.raw');
		const target = openDiskTarget(path, sizeBytes, { format: 'qcow2', overwrite: false });
		t.after(() => target.close());
		const model = openDiskTarget(raw, sizeBytes, { format: 'raw', overwrite: false });
		t.after(() => model.close());
		const other = attachDiskWriter(target.handle, openPlatform());
		const share = Math.floor(sizeBytes / 8);
		for (const part of [5, 0, 7, 2, 6]) {
			const data = Buffer.alloc(Math.min(1 + random(900 * KiB), share), 1 + random(255));
			data.fill(0, random(data.length + 1), random(data.length + 1));
			const offset = part * share + random(share - data.length + 1);
			(part % 2 === 0 ? target : other).write(offset, data);
			model.write(offset, data);
		}
		// the last bytes, which do not fill a cluster
		const tail = Buffer.alloc(Math.min(300, sizeBytes), 9);
		for (const each of [other, model]) each.write(sizeBytes - tail.length, tail);

		await target.sync();

		await model.sync();
		const info = JSON.parse(qemuImg('info', '--output=json', path));
		assert.deepEqual([info.format, info['virtual-size']], ['qcow2', Math.ceil(sizeBytes / 512) * 512]);
		assert.match(qemuImg('check', '-f', 'qcow2', path), /No errors were found/);
		assert.match(qemuImg('compare', '-f', 'qcow2', '-F', 'raw', path, raw), /identical/);
		if (sizeBytes < 100 * MiB) {
			using source = openBlockSource(path);
			assert.ok(readWhole(source, random).subarray(0, sizeBytes).equals(readFileSync(raw)), 'what is read here');
		}
		if (process.platform === 'linux') assert.ok(statSync(path).blocks * 512 < 8 * MiB, `${statSync(path).blocks * 512} bytes are allocated`);
	});
}

test('a disk of 8 TiB with a handful of blocks costs a handful of clusters, and QEMU goes on writing to it', async (t) => {
	if (!requireTool(t, 'qemu-img', 'qemu-io')) return;
	const path = join(temporaryFolder(t), 'huge.qcow2');
	const before = process.memoryUsage().arrayBuffers;
	using target = openDiskTarget(path, 8 * TiB, { format: 'qcow2', overwrite: false });
	assert.ok(process.memoryUsage().arrayBuffers - before <= 20 * MiB);
	for (const [i, offset] of [0, 3 * TiB + 5 * MiB, 8 * TiB - MiB].entries()) target.write(offset, Buffer.alloc(MiB, i + 1));
	target.writeZeros(MiB, 2 * TiB);

	await target.sync();
	target.close();
	if (process.platform === 'linux') assert.ok(statSync(path).blocks * 512 < 8 * MiB);
	assert.match(qemuImg('check', path), /No errors were found/);
	const commands = ['read -P 1 0 1M', 'read -P 0 1M 64M', `read -P 2 ${3 * TiB + 5 * MiB} 1M`, `read -P 3 ${8 * TiB - MiB} 1M`];
	const answers = qemuIo(
		path,
		...commands,
		`write -P 7 ${5 * TiB} 3M`,
		'write -P 8 512K 1M',
		`read -P 7 ${5 * TiB} 3M`,
		'read -P 1 0 512K',
		'read -P 8 512K 1M',
	);
	assert.doesNotMatch(answers, /verification failed/);
	assert.match(qemuImg('check', path), /No errors were found/);
});

test('what was not written to its end is no image, and what was there before shows nowhere', async (t) => {
	if (!requireTool(t, 'qemu-img')) return;
	const path = join(temporaryFolder(t), 'disk.qcow2');
	writeFileSync(path, Buffer.alloc(4 * MiB, 0xee));
	const target = openDiskTarget(path, 3 * MiB, { format: 'qcow2', overwrite: true });
	target.write(MiB + 700, Buffer.alloc(10, 5));
	target.close();
	assert.throws(() => qemuImg('info', '-f', 'qcow2', path), /not in qcow2 format/);
	using again = openDiskTarget(path, 3 * MiB, { format: 'qcow2', overwrite: true });
	again.write(MiB + 700, Buffer.alloc(10, 5));

	await again.sync();
	assert.match(qemuImg('check', path), /No errors were found/);
	using source = openBlockSource(path);
	const expected = Buffer.alloc(3 * MiB);
	expected.fill(5, MiB + 700, MiB + 710);
	assert.ok(readWhole(source, seededRandom(1)).equals(expected));
	const discarded = openDiskTarget(`${path}.2`, 3 * MiB, { format: 'qcow2', overwrite: false });
	discarded.discard();
	assert.equal(statSync(`${path}.2`, { throwIfNoEntry: false }), undefined);
});

test('clusters grow with the disk, so that the map of a disk of 256 TiB takes 16 MiB', () => {
	for (const [sizeBytes, clusterBytes] of [
		[0, 64 * KiB],
		[8 * TiB, 64 * KiB],
		[8 * TiB + 1, 128 * KiB],
		[256 * TiB, 2 * MiB],
	] as const) {
		const layout = planQcow2(sizeBytes);
		assert.equal(layout.clusterBytes, clusterBytes);
		assert.ok(layout.clusterCount / 8 <= 16 * MiB);
		assert.ok(layout.fileBytes < sizeBytes * 1.001 + 4 * MiB, 'tables take little room');
	}
});
