import assert from 'node:assert/strict';
import { closeSync, copyFileSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isEngineError } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { openBlockSource } from './open-block-source.ts';
import { qemuImg, qemuIo, randomCommands, readWhole, seededRandom, temporaryFolder } from './testbed.ts';

const mib = 1024 * 1024;

/** What QEMU itself makes of the image. */
function expected(image: string): Buffer {
	const raw = `${image}.expected`;
	qemuImg('convert', '-O', 'raw', image, raw);
	return readFileSync(raw);
}

function assertReadsAsQemu(image: string, seed: number): void {
	using source = openBlockSource(image);
	assert.equal(source.format, 'qcow2');
	const content = expected(image);
	assert.equal(source.sizeBytes, content.length);
	assert.ok(readWhole(source, seededRandom(seed)).equals(content), `${image} differs, seed ${seed}`);
}

const needsQemu = (t: TestContext): boolean => requireTool(t, 'qemu-img', 'qemu-io');

test('reads images with random writes, zeroes and discards as QEMU does, for every cluster size', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	for (const [index, clusterSize] of [512, 1024, 4096, 65_536, 262_144, 2 * mib].entries()) {
		const image = join(folder, `${clusterSize}.qcow2`);
		const size = 24 * mib + 512 * index; // the last cluster is not a whole one
		qemuImg('create', '-q', '-f', 'qcow2', '-o', `cluster_size=${clusterSize}`, image, String(size));
		qemuIo(image, ...randomCommands(seededRandom(clusterSize), size, 60));
		assertReadsAsQemu(image, clusterSize);
	}
});

test('reads subclusters, alone and over a backing file', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	for (const clusterSize of [16_384, 65_536, 2 * mib]) {
		const [base, image] = [join(folder, `base-${clusterSize}`), join(folder, `top-${clusterSize}`)];
		const random = seededRandom(clusterSize + 3);
		qemuImg('create', '-q', '-f', 'qcow2', '-o', `extended_l2=on,cluster_size=${clusterSize}`, base, '12M');
		qemuIo(base, ...randomCommands(random, 12 * mib, 40));
		assertReadsAsQemu(base, 31);
		qemuImg('create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, '-o', `extended_l2=on,cluster_size=${clusterSize}`, image);
		qemuIo(image, ...randomCommands(random, 12 * mib, 40));
		assertReadsAsQemu(image, 32);
	}
});

test('reads version 2', (t) => {
	if (!needsQemu(t)) return;
	const image = join(temporaryFolder(t), 'v2.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', image, '20M');
	qemuIo(image, ...randomCommands(seededRandom(2), 20 * mib, 40));
	assertReadsAsQemu(image, 2);
});

for (const compression of ['zlib', 'zstd']) {
	test(`reads clusters compressed with ${compression}, and plain ones written over them`, (t) => {
		if (!needsQemu(t)) return;
		const folder = temporaryFolder(t);
		for (const clusterSize of [4096, 65_536, 2 * mib]) {
			const [plain, image] = [join(folder, `plain-${clusterSize}`), join(folder, `packed-${clusterSize}`)];
			const random = seededRandom(clusterSize + 1);
			// text-like content, so that clusters do compress
			const content = Buffer.alloc(7 * mib);
			for (let at = 0; at < content.length; at += 4) if (at % (2 * mib) < mib) content.writeUInt32LE(random(4000), at);
			writeFileSync(plain, content);
			qemuImg('convert', '-c', '-O', 'qcow2', '-o', `cluster_size=${clusterSize},compression_type=${compression}`, plain, image);
			assertReadsAsQemu(image, 5);
			qemuIo(image, ...randomCommands(seededRandom(6), 7 * mib, 20));
			assertReadsAsQemu(image, 7);
		}
	});
}

test('reads through a chain of backing files: relative names, a shorter and a raw base, other cluster sizes', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	const path = (name: string): string => join(folder, name);
	const random = seededRandom(11);
	const base = Buffer.alloc(9 * mib + 512);
	for (let at = 0; at < base.length; at += 512) if (random(3) > 0) base.fill(1 + random(255), at, at + 512);
	writeFileSync(path('base.raw'), base);
	qemuImg('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', 'base.raw', path('middle.qcow2'), '12M');
	qemuIo(path('middle.qcow2'), ...randomCommands(random, 12 * mib, 20));
	qemuImg('create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', 'middle.qcow2', '-o', 'cluster_size=4096', path('top.qcow2'), '16M');
	qemuIo(path('top.qcow2'), ...randomCommands(random, 16 * mib, 20));
	assertReadsAsQemu(path('top.qcow2'), 12);
	assertReadsAsQemu(path('middle.qcow2'), 13);
});

test('a backing file that is declared raw is not looked into, whatever it begins with', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	qemuImg('create', '-q', '-f', 'qcow2', join(folder, 'base'), '1M');
	qemuImg('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', 'base', join(folder, 'top'), '1M');
	assertReadsAsQemu(join(folder, 'top'), 1);
	using source = openBlockSource(join(folder, 'base'), { format: 'raw' });
	assert.equal(source.format, 'raw');
});

test('extents of a sparse image cover little more than what was written', (t) => {
	if (!needsQemu(t)) return;
	const image = join(temporaryFolder(t), 'sparse.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '1T');
	qemuIo(image, 'write -P 1 0 65536', 'write -P 2 65536 65536', `write -P 3 ${2 ** 39} 512`);
	using source = openBlockSource(image);
	assert.deepEqual(source.extents(), [
		{ offsetBytes: 0, lengthBytes: 131_072 },
		{ offsetBytes: 2 ** 39, lengthBytes: 65_536 },
	]);
	const sector = Buffer.alloc(1024);
	assert.equal(source.readSync(sector, 2 ** 39), 1024);
	assert.ok(sector.subarray(0, 512).every((byte) => byte === 3) && sector.subarray(512).every((byte) => byte === 0));
	assert.equal(source.readSync(sector, 2 ** 40 - 512), 512);
	assert.equal(source.readSync(sector, 2 ** 40), 0);
});

test('tolerates the dirty bit that a killed machine leaves', (t) => {
	if (!needsQemu(t)) return;
	const image = join(temporaryFolder(t), 'dirty.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '4M');
	qemuIo(image, 'write -P 9 0 1M');
	const content = expected(image);
	patch(image, 79, [1]);
	using source = openBlockSource(image);
	assert.ok(readWhole(source, seededRandom(1)).equals(content));
});

test('refuses what it cannot read, and says what it is', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	const path = (name: string): string => join(folder, name);
	const fails = (name: string, code: 'source.unsupported' | 'source.missing' | 'source.unreadable', words: RegExp): void => {
		assert.throws(
			() => openBlockSource(path(name)),
			(error) => isEngineError(error, code) && words.test(error.message) && error.message.includes(folder),
		);
	};
	qemuImg('create', '-q', '-f', 'qcow2', '-o', `data_file=${path('data')}`, path('external'), '1M');
	fails('external', 'source.unsupported', /external data file/);
	for (const format of ['vmdk', 'vdi', 'vhdx', 'qed']) {
		qemuImg('create', '-q', '-f', format, path(format), '1M');
		fails(format, 'source.unsupported', new RegExp(format, 'i'));
	}
	const patched = (name: string, at: number, bytes: number[]): void => {
		qemuImg('create', '-q', '-f', 'qcow2', path(name), '1M');
		patch(path(name), at, bytes);
	};
	patched('future', 72, [0x80]);
	fails('future', 'source.unsupported', /features that are not known \(0x8000000000000000\)/);
	patched('secret', 35, [2]);
	fails('secret', 'source.unsupported', /encrypted/);
	patched('version', 7, [9]);
	fails('version', 'source.unsupported', /version 9/);
	patched('corrupt', 79, [2]);
	fails('corrupt', 'source.unreadable', /marked it as corrupt/);
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'gone', path('orphan'), '1M');
	fails('orphan', 'source.missing', /gone/);
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'json:{}', path('json'), '1M');
	fails('json', 'source.unsupported', /not a local file/);
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'loop', path('loop'), '1M');
	fails('loop', 'source.unsupported', /its own backing file/);
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'b', path('a'), '1M');
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'a', path('b'), '1M');
	fails('a', 'source.unsupported', /its own backing file/);
});

test('a chain of images is followed only so far', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	qemuImg('create', '-q', '-f', 'qcow2', '-u', '-F', 'qcow2', '-b', 'image-00', join(folder, 'image-70'), '1M');
	const image = readFileSync(join(folder, 'image-70'));
	const nameAt = image.indexOf('image-00');
	for (let i = 0; i < 70; i++) {
		image.write(`image-${String(i + 1).padStart(2, '0')}`, nameAt);
		writeFileSync(join(folder, `image-${String(i).padStart(2, '0')}`), image);
	}
	assert.throws(
		() => openBlockSource(join(folder, 'image-00')),
		(error) => isEngineError(error, 'source.unsupported') && /below 64 images/.test(error.message),
	);
});

test('an image that was cut off gives an error, not zeros', (t) => {
	if (!needsQemu(t)) return;
	const image = join(temporaryFolder(t), 'cut.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', image, '8M');
	qemuIo(image, 'write -P 7 0 8M');
	truncateSync(image, 4 * mib);
	using source = openBlockSource(image);
	assert.throws(
		() => readWhole(source, seededRandom(1)),
		(error) => isEngineError(error, 'source.unreadable'),
	);
});

test('a damaged entry hurts its own cluster and no other', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	const cluster = 65_536;
	const damages: readonly (readonly [string, bigint])[] = [
		['outside of the file', 0x8000_0100_0000_0000n],
		['where no cluster can', 0x8000_0000_0005_0200n],
		['where no cluster can', 0x8000_0000_0000_0200n],
		['cannot be decompressed', 0x4000_0000_0005_0000n],
		['outside of the file', 0x4000_0100_0000_0000n],
	];
	for (const [index, [words, entry]] of damages.entries()) {
		const image = join(folder, `${index}.qcow2`);
		qemuImg('create', '-q', '-f', 'qcow2', image, '1M');
		qemuIo(image, 'write -P 1 0 64k', 'write -P 2 64k 64k', 'write -P 3 128k 64k');
		const bytes = readFileSync(image);
		const l2 = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0x00ff_ffff_ffff_fe00n);
		const damage = Buffer.alloc(8);
		damage.writeBigUInt64BE(entry);
		patch(image, l2 + 8, [...damage]);
		using source = openBlockSource(image);
		assert.deepEqual(source.extents(), [{ offsetBytes: 0, lengthBytes: 3 * cluster }]);
		const buffer = Buffer.alloc(cluster);
		for (const good of [0, 2]) {
			source.readSync(buffer, good * cluster);
			assert.ok(buffer.every((byte) => byte === good + 1));
		}
		assert.throws(
			() => source.readSync(buffer, cluster),
			(error) => isEngineError(error, 'source.unreadable') && error.message.includes(words),
			words,
		);
	}
});

test('tables that claim more than the file can hold are refused before they are followed', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	const image = join(folder, 'liar.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=512', image, '64M');
	qemuIo(image, 'write -P 1 0 512');
	const bytes = readFileSync(image);
	const l1 = Number(bytes.readBigUInt64BE(40));
	const shared = bytes.subarray(l1, l1 + 8);
	for (let i = 1; i < 2048; i++) shared.copy(bytes, l1 + i * 8);
	writeFileSync(image, bytes);
	assert.throws(
		() => openBlockSource(image),
		(error) => isEngineError(error, 'source.unreadable') && /more tables than fit/.test(error.message),
	);
	const huge = join(folder, 'huge.qcow2');
	qemuImg('create', '-q', '-f', 'qcow2', huge, '1M');
	patch(huge, 24, [0, 0x1f, 0xff, 0, 0, 0, 0, 0]);
	assert.throws(
		() => openBlockSource(huge),
		(error) => isEngineError(error, 'source.unreadable') && /too short for its size/.test(error.message),
	);
});

test('an image with damaged bytes anywhere ends in data or in a coded error', (t) => {
	if (!needsQemu(t)) return;
	const folder = temporaryFolder(t);
	const base = join(folder, 'base.qcow2');
	const victim = join(folder, 'victim.qcow2');
	const plain = join(folder, 'plain');
	const seed = 20_261;
	const random = seededRandom(seed);
	const content = Buffer.alloc(2 * mib);
	for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(random(9000), at);
	writeFileSync(plain, content);
	let errors = 0;
	const count = 200;
	for (const compression of ['zlib', 'zstd']) {
		qemuImg('convert', '-c', '-O', 'qcow2', '-o', `cluster_size=4096,compression_type=${compression}`, plain, base);
		qemuIo(base, ...randomCommands(random, 2 * mib, 10));
		const fileSize = readFileSync(base).length;
		for (let i = 0; i < count; i++) {
			copyFileSync(base, victim);
			// header, tables, anything: the first pages hold the header, the reference counts and L1, the rest L2 tables and data
			const reach = [112, 4096 * 6, fileSize][i % 3] as number;
			for (let flips = 1 + random(6); flips > 0; flips--) patch(victim, 4 + random(reach - 4), [[0, 0xff, 0x80, random(256)][random(4)] as number]);
			try {
				using source = openBlockSource(victim);
				const buffer = Buffer.alloc(65_536);
				const extents = source.extents();
				assert.ok(extents.length <= 262_144);
				for (const { offsetBytes } of extents.slice(0, 5)) source.readSync(buffer, offsetBytes);
				for (let reads = 0; reads < 3; reads++) source.readSync(buffer, random(Math.min(source.sizeBytes, 2 ** 47) + 1));
			} catch (error) {
				assert.ok(isEngineError(error), `seed ${seed}, round ${i}: ${error instanceof Error ? error.stack : error}`);
				errors++;
			}
		}
	}
	assert.ok(errors > count / 10, `only ${errors} of the damaged images were noticed: the damage misses`);
});

function patch(path: string, at: number, bytes: readonly number[]): void {
	const fd = openSync(path, 'r+');
	writeSync(fd, Buffer.from(bytes), 0, bytes.length, at);
	closeSync(fd);
}
