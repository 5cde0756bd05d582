import assert from 'node:assert/strict';
import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isEngineError } from '../../base/index.ts';
import { openPlatform } from '../../platform/index.ts';
import { baseAllocation, dirtyBitmapPrefix, dirtyFlag } from '../nbd/index.ts';
import { seededRandom, temporaryFolder } from '../testbed.ts';
import { cowBlockBytes } from './block-map.ts';
import { CowDevice } from './cow-device.ts';
import type { CowSnapshot } from './cow-snapshot.ts';

const platform = openPlatform();
const gib = 2 ** 30;

function bed(t: test.TestContext, content: Buffer) {
	const devices: CowDevice[] = [];
	t.after(() => {
		for (const device of devices) device.close();
	});
	const folder = temporaryFolder(t);
	const path = join(folder, 'disk.img');
	writeFileSync(path, content);
	const open = (): CowDevice => {
		const device = new CowDevice({ path, changeLogPath: join(folder, 'changes'), platform });
		devices.push(device);
		return device;
	};
	let count = 0;
	const snapshot = (device: CowDevice, cacheLimitBytes = gib): CowSnapshot =>
		device.snapshot({ name: 'd', cachePath: join(folder, `cache-${count++}`), cacheLimitBytes });
	return { folder, path, open, snapshot };
}

const contentOf = (disk: { sizeBytes: number; readSync(target: Uint8Array, offset: number): void }): Buffer => {
	const content = Buffer.alloc(disk.sizeBytes);
	disk.readSync(content, 0);
	return content;
};
const block = (letter: string): Buffer => Buffer.alloc(cowBlockBytes, letter);

test('COW-01 COW-02: of A, B, C, with B overwritten by D, the cache holds B, live reads A, D, C and the snapshot A, B, C', (t) => {
	const { open, snapshot, folder } = bed(t, Buffer.concat([block('A'), block('B'), block('C')]));
	const device = open();
	const before = snapshot(device);
	device.writable.write(cowBlockBytes, block('D'));
	assert.ok(contentOf(device).equals(Buffer.concat([block('A'), block('D'), block('C')])));
	assert.ok(contentOf(before).equals(Buffer.concat([block('A'), block('B'), block('C')])));
	assert.equal(before.cachedBytes, cowBlockBytes);
	assert.deepEqual(readdirSync(folder), ['disk.img'], 'a cache has no name that a crash could leave');
});

test('COW-03: only the first overwrite of a block is cached, per snapshot, and the cache goes with its snapshot', (t) => {
	const { open, snapshot } = bed(t, Buffer.concat([block('A'), block('B')]));
	const device = open();
	const first = snapshot(device);
	for (const letter of ['C', 'D', 'E']) device.writable.write(100, Buffer.alloc(10, letter));
	assert.equal(first.cachedBytes, cowBlockBytes);
	const second = snapshot(device);
	device.writable.write(200, Buffer.from('F'));
	assert.equal(first.cachedBytes, cowBlockBytes);
	assert.equal(second.cachedBytes, cowBlockBytes);
	device.release(first);
	device.writable.write(cowBlockBytes, block('G'));
	assert.equal(first.cachedBytes, cowBlockBytes, 'what is released is not written to any more');
	assert.equal(contentOf(second).toString('latin1', 99, 111), 'AEEEEEEEEEEA');
});

test('snapshots of one device that come and go each stay at their instant, whatever is written', (t) => {
	const seed = 61;
	const random = seededRandom(seed);
	const size = 40 * cowBlockBytes + 512;
	const { open, snapshot } = bed(t, Buffer.alloc(size));
	const device = open();
	const model = Buffer.alloc(size);
	const held: { snapshot: CowSnapshot; content: Buffer }[] = [];
	for (let step = 0; step < 400; step++) {
		const offset = random(size);
		const length = 1 + random(Math.min(random(4) === 0 ? size : 3 * cowBlockBytes, size - offset));
		const kind = random(10);
		if (kind === 0) held.push({ snapshot: snapshot(device), content: Buffer.from(model) });
		else if (kind === 1 && held.length > 3) device.release(held.splice(random(held.length), 1)[0]?.snapshot as CowSnapshot);
		else if (kind === 2) {
			device.writable.zero(offset, length, { keepRoom: random(2) === 0 });
			model.fill(0, offset, offset + length);
		} else {
			const bytes = Buffer.alloc(length, 1 + random(255));
			device.writable.write(offset, bytes);
			model.set(bytes, offset);
		}
		if (step % 20 > 0) continue;
		assert.ok(contentOf(device).equals(model), `seed ${seed}, step ${step}`);
		for (const { snapshot: each, content } of held) assert.ok(contentOf(each).equals(content), `seed ${seed}, step ${step}`);
		for (const { snapshot: each, content } of held) {
			let at = 0;
			for (const { lengthBytes, flags } of each.contexts.get(baseAllocation)?.(0, size) ?? []) {
				if (flags !== 0)
					assert.ok(
						content.subarray(at, at + lengthBytes).every((byte) => byte === 0),
						`seed ${seed}, step ${step}: a hole with data`,
					);
				at += lengthBytes;
			}
			assert.equal(at, size);
		}
	}
	assert.ok(held.length > 1);
});

test('a cache that is full costs the snapshot, loudly, and neither the device nor other snapshots', (t) => {
	const { open, snapshot } = bed(t, Buffer.concat([block('A'), block('B'), block('C')]));
	const device = open();
	const small = snapshot(device, cowBlockBytes);
	const large = snapshot(device);
	device.writable.write(0, block('X'));
	assert.equal(contentOf(small)[0], 65);
	device.writable.write(cowBlockBytes, block('Y'));
	assert.throws(
		() => contentOf(small),
		(error) => isEngineError(error, 'snapshot.failed') && /cache is full/.test(error.message),
	);
	device.writable.write(2 * cowBlockBytes, block('Z'));
	assert.ok(contentOf(device).equals(Buffer.concat([block('X'), block('Y'), block('Z')])));
	assert.ok(contentOf(large).equals(Buffer.concat([block('A'), block('B'), block('C')])));
});

test('a device is served once', (t) => {
	const { open, folder, path } = bed(t, block('A'));
	open();
	assert.throws(open, (error) => isEngineError(error, 'busy.device') && error.message.includes(path));
	assert.throws(
		() => new CowDevice({ path: join(folder, 'none'), changeLogPath: 'x', platform }),
		(error) => isEngineError(error, 'source.missing'),
	);
	assert.throws(
		() => new CowDevice({ path: folder, changeLogPath: 'x', platform }),
		(error) => isEngineError(error),
	);
});

test('a copy that is brought up to date by what has changed since its token equals the disk at each instant; a token that is lost is not known', (t) => {
	const seed = 62;
	const random = seededRandom(seed);
	const size = 60 * cowBlockBytes + 512;
	const { open, snapshot, path, folder } = bed(t, Buffer.alloc(size));
	let device = open();
	const copies: { token: string; content: Buffer }[] = [];
	const losses = { none: 0, crash: 0, foreign: 0, damage: 0 };
	let full = 0;
	let updated = 0;
	for (let round = 0; round < 60; round++) {
		for (let i = random(6); i > 0; i--) {
			const offset = random(size);
			device.writable.write(offset, Buffer.alloc(1 + random(Math.min(size - offset, 3 * cowBlockBytes)), 1 + random(255)));
		}
		const now = snapshot(device);
		const content = contentOf(now);
		for (const copy of copies) {
			const changed = now.contexts.get(dirtyBitmapPrefix + copy.token)?.(0, size);
			if (changed === undefined) {
				full++;
				continue;
			}
			updated++;
			const brought = Buffer.from(copy.content);
			let at = 0;
			for (const { lengthBytes, flags } of changed) {
				if ((flags & dirtyFlag) !== 0) content.copy(brought, at, at, at + lengthBytes);
				at += lengthBytes;
			}
			assert.ok(brought.equals(content), `seed ${seed}, round ${round}: ${copy.token}`);
		}
		copies.push({ token: now.token, content });
		if (copies.length > 4) copies.shift();
		device.release(now);
		const event = (['none', 'none', 'none', 'crash', 'foreign', 'damage', 'quiet'] as const)[random(7)];
		if (event === 'none' || event === undefined) continue;
		device.close();
		const log = join(folder, 'changes');
		if (event === 'crash') writeFileSync(log, ''); // as good as gone: it does not exist while the device is served
		if (event === 'damage') {
			const bytes = readFileSync(log);
			bytes[random(bytes.length)] = random(256);
			appendFileSync(log, 'x');
			writeFileSync(log, bytes.subarray(0, bytes.length - random(2)));
		}
		if (event === 'foreign') {
			const fd = openSync(path, 'r+');
			writeSync(fd, Buffer.from('written beside Holdfast'), 0, 23, random(size - 23));
			closeSync(fd);
		}
		if (event !== 'quiet') losses[event]++;
		device = open();
		assert.ok(!existsSync(log), 'while it is served there is no log that could be behind');
	}
	t.diagnostic(`seed ${seed}: ${updated} copies brought up to date, ${full} tokens not known, ${JSON.stringify(losses)}`);
	assert.ok(updated > 30 && full > 20 && losses.crash > 0 && losses.foreign > 0 && losses.damage > 0);
});
