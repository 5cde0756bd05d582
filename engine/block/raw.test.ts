import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isEngineError } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { ExtentCursor, ExtentList } from './extent-list.ts';
import { openBlockSource, openDiskTarget } from './index.ts';
import { readWhole, seededRandom, temporaryFolder } from './testbed.ts';

const mib = 1024 * 1024;

const failsWith = (code: Parameters<typeof isEngineError>[1], words: RegExp) => (error: unknown) => isEngineError(error, code) && words.test(error.message);

test('reads a sparse raw image and names its data', (t) => {
	const path = join(temporaryFolder(t), 'disk.img');
	const fd = openSync(path, 'w');
	ftruncateSync(fd, 40 * mib);
	writeSync(fd, Buffer.alloc(mib, 1), 0, mib, 8 * mib);
	writeSync(fd, Buffer.alloc(mib, 2), 0, mib, 39 * mib);
	closeSync(fd);
	using source = openBlockSource(path);
	assert.equal(source.format, 'raw');
	assert.equal(source.sizeBytes, 40 * mib);
	assert.ok(readWhole(source, seededRandom(3)).equals(readFileSync(path)));
	if (process.platform !== 'linux') return;
	assert.deepEqual(source.extents(), [
		{ offsetBytes: 8 * mib, lengthBytes: mib },
		{ offsetBytes: 39 * mib, lengthBytes: mib },
	]);
});

test('an empty file is a disk without content', (t) => {
	const path = join(temporaryFolder(t), 'empty.img');
	writeFileSync(path, '');
	using source = openBlockSource(path);
	assert.equal(source.sizeBytes, 0);
	assert.deepEqual(source.extents(), []);
	assert.equal(source.readSync(Buffer.alloc(10), 0), 0);
});

test('an image that shrinks while it is read has changed, it has not ended', (t) => {
	const path = join(temporaryFolder(t), 'disk.img');
	writeFileSync(path, Buffer.alloc(mib, 5));
	using source = openBlockSource(path);
	truncateSync(path, 1000);
	assert.throws(() => source.readSync(Buffer.alloc(5000), 0), failsWith('source.changed', /byte 1000/));
});

test('says what is wrong with a path that is no disk', (t) => {
	const folder = temporaryFolder(t);
	assert.throws(() => openBlockSource(join(folder, 'nothing')), failsWith('source.missing', /nothing/));
	mkdirSync(join(folder, 'folder'));
	assert.throws(() => openBlockSource(join(folder, 'folder')), failsWith('source.unsupported', /is a folder/));
	symlinkSync('self', join(folder, 'self'));
	assert.throws(() => openBlockSource(join(folder, 'self')), failsWith('source.unreadable', /ELOOP/));
	if (process.platform === 'win32') return;
	execFileSync('mkfifo', [join(folder, 'fifo')]);
	assert.throws(() => openBlockSource(join(folder, 'fifo')), failsWith('source.unsupported', /neither a file nor a block device/));
	assert.throws(() => openBlockSource('/dev/null'), failsWith('source.unsupported', /neither a file nor a block device/));
});

test('a new target file is sparse and holds what was written, in whatever order', async (t) => {
	const path = join(temporaryFolder(t), 'restored.img');
	const random = seededRandom(21);
	const size = 32 * mib + 512;
	const model = Buffer.alloc(size);
	const target = openDiskTarget(path, size, { format: 'raw', overwrite: false });
	t.after(() => target.close());
	assert.equal(target.kind, 'file');
	for (let round = 0; round < 30; round++) {
		const offset = random(size - 600_000);
		const data = Buffer.alloc(1 + random(600_000));
		// islands of data in zeros
		for (let at = 0; at < data.length; at += 100_000) if (random(2) === 0) data.fill(1 + random(255), at, Math.min(at + random(100_000), data.length));
		target.write(offset, data);
		model.set(data, offset);
	}
	const hole = { offset: 3 * mib + 17, length: 5 * mib };
	target.writeZeros(hole.offset, hole.length);
	model.fill(0, hole.offset, hole.offset + hole.length);

	await target.sync();
	target.close();
	assert.ok(readFileSync(path).equals(model));
	if (process.platform === 'linux') assert.ok(statSync(path).blocks * 512 < size / 2, `${statSync(path).blocks * 512} of ${size} bytes are allocated`);
	assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('an existing file is refused, and replaced without a trace when that is allowed', async (t) => {
	const path = join(temporaryFolder(t), 'old.img');
	writeFileSync(path, Buffer.alloc(mib, 9));
	assert.throws(() => openDiskTarget(path, 4096, { format: 'raw', overwrite: false }), failsWith('exists.target', /old\.img exists/));
	assert.equal(statSync(path).size, mib);
	using target = openDiskTarget(path, 2 * mib, { format: 'raw', overwrite: true });
	target.write(4096, Buffer.from('new'));
	target.close();
	const wanted = Buffer.alloc(2 * mib);
	wanted.write('new', 4096);
	assert.ok(readFileSync(path).equals(wanted));
});

test('discarding removes a file that was created, and only that', (t) => {
	const folder = temporaryFolder(t);
	const created = openDiskTarget(join(folder, 'new'), 4096, { format: 'raw', overwrite: false });
	created.discard();
	assert.equal(statSync(join(folder, 'new'), { throwIfNoEntry: false }), undefined);
	writeFileSync(join(folder, 'old'), 'x');
	const replaced = openDiskTarget(join(folder, 'old'), 4096, { format: 'raw', overwrite: true });
	replaced.discard();
	assert.ok(statSync(join(folder, 'old')).isFile());
	const stolen = openDiskTarget(join(folder, 'stolen'), 4096, { format: 'raw', overwrite: false });
	execFileSync('mv', [join(folder, 'old'), join(folder, 'stolen')]);
	stolen.discard();
	assert.ok(statSync(join(folder, 'stolen')).isFile());
});

test('a target that cannot be is refused with the reason', (t) => {
	const folder = temporaryFolder(t);
	assert.throws(
		() => openDiskTarget(join(folder, 'no', 'file'), 10, { format: 'raw', overwrite: false }),
		failsWith('restore.target', /folder of .* does not exist/),
	);
	assert.throws(() => openDiskTarget(folder, 10, { format: 'raw', overwrite: true }), failsWith('restore.target', /neither a file nor a block device/));
	assert.throws(
		() => openDiskTarget(join(folder, 'huge'), 2 ** 52, { format: 'raw', overwrite: false }),
		failsWith('restore.target', /does not take files of that size/),
	);
	assert.equal(statSync(join(folder, 'huge'), { throwIfNoEntry: false }), undefined, 'nothing half done is left');
});

/** A block device over a fresh file, for as long as the test runs. */
function loopDevice(t: TestContext, sizeBytes: number): string | null {
	if (!requireTool(t, 'losetup', 'mkfs.ext4', 'mount')) return null;
	if (process.getuid?.() !== 0) {
		t.skip('needs root for loop devices');
		return null;
	}
	const file = join(temporaryFolder(t), 'backing');
	writeFileSync(file, Buffer.alloc(sizeBytes, 0xaa));
	const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
	t.after(() => execFileSync('losetup', ['--detach', device]));
	return device;
}

test('a block device is read and written; zeros really become zeros there', async (t) => {
	const device = loopDevice(t, 8 * mib);
	if (device === null) return;
	const size = 6 * mib;
	assert.throws(() => openDiskTarget(device, size, { format: 'raw', overwrite: false }), failsWith('exists.target', /holds data/));
	assert.throws(() => openDiskTarget(device, 9 * mib, { format: 'raw', overwrite: true }), failsWith('restore.target', /too small: it has 8388608 bytes/));
	const model = Buffer.alloc(8 * mib, 0xaa);
	model.fill(0, 0, size);
	model.fill(1, mib + 100, 2 * mib + 700);
	using target = openDiskTarget(device, size, { format: 'raw', overwrite: true });
	assert.equal(target.kind, 'device');
	target.write(mib, model.subarray(mib, 3 * mib));
	target.write(0, Buffer.alloc(1000)); // not aligned: cannot be punched
	target.write(1000, Buffer.alloc(mib - 1000));
	target.writeZeros(3 * mib, 3 * mib);

	await target.sync();
	target.close();
	using source = openBlockSource(device);
	assert.equal(source.format, 'device');
	assert.equal(source.sizeBytes, 8 * mib);
	assert.ok(readWhole(source, seededRandom(8)).equals(model));
});

test('a device with a mounted file system is not written to', (t) => {
	const device = loopDevice(t, 16 * mib);
	if (device === null) return;
	execFileSync('mkfs.ext4', ['-q', '-F', device]);
	const folder = temporaryFolder(t);
	execFileSync('mount', [device, folder]);
	try {
		assert.throws(() => openDiskTarget(device, mib, { format: 'raw', overwrite: true }), failsWith('restore.target', /is in use/));
	} finally {
		execFileSync('umount', [folder]);
	}
});

test('an extent list merges neighbours and stays bounded by dropping its smallest holes', () => {
	const list = new ExtentList(1000);
	const unit = 4096;
	for (let i = 0; i < 100_000; i++) list.add(i * 2 * unit, (i * 2 + 1) * unit);
	list.add(10_000_000_000, 10_000_000_001);
	const extents = list.toExtents();
	assert.ok(extents.length <= 1000);
	assert.deepEqual(extents.at(-1), { offsetBytes: 10_000_000_000, lengthBytes: 1 });
	assert.equal(extents[0]?.offsetBytes, 0);
	const small = new ExtentList();
	for (const [start, end] of [
		[0, 5],
		[5, 9],
		[12, 12],
		[12, 20],
		[15, 18],
	] as const)
		small.add(start, end);
	assert.deepEqual(small.toExtents(), [
		{ offsetBytes: 0, lengthBytes: 9 },
		{ offsetBytes: 12, lengthBytes: 8 },
	]);
	const copy = new ExtentList();
	const cursor = new ExtentCursor(small.toExtents());
	cursor.copyRange(2, 4, copy);
	cursor.copyRange(6, 13, copy);
	cursor.copyRange(19, 100, copy);
	assert.deepEqual(copy.toExtents(), [
		{ offsetBytes: 2, lengthBytes: 2 },
		{ offsetBytes: 6, lengthBytes: 3 },
		{ offsetBytes: 12, lengthBytes: 1 },
		{ offsetBytes: 19, lengthBytes: 1 },
	]);
});
