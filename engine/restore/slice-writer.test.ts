import assert from 'node:assert/strict';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { systemErrorCode } from '../base/index.ts';
import { UncachedBuffers } from '../block/index.ts';
import { openPlatform, type Platform, uncachedUnit } from '../platform/index.ts';
import { afterwards, fileSystems, mountFresh, temporaryFolder } from '../platform/testbed.ts';
import { type Random, seededRandom } from '../repository/testing/random.ts';
import { SliceWriter } from './slice-writer.ts';

const MiB = 1024 * 1024;
const platform = openPlatform();

/** Writes a file in slices that begin anywhere, of chunks of any size with holes and zeros between. @returns what the file must hold */
async function writeSlices(fd: number, random: Random, on: Platform): Promise<Buffer> {
	const buffers = new UncachedBuffers(on);
	const content = Buffer.alloc(6 * MiB + random.below(100_000));
	for (let at = 0; at < content.byteLength; ) {
		const end = Math.min(content.byteLength, at + 1 + random.below(3 * MiB));
		await using writer = new SliceWriter(fd, end - at, on, buffers);
		while (at < end) {
			const length = Math.min(end - at, 1 + random.below(random.below(3) === 0 ? 9000 : 700_000));
			const kind = random.below(6);
			if (kind === 0) await writer.writeZeros(length, at);
			else if (kind > 1) {
				const chunk = random.bytes(length);
				content.set(chunk, at);
				await writer.write(chunk, at);
				chunk.fill(0xee); // it is the caller's again
			}
			at += length;
		}
		writer.end();
		await writer.settled();
		assert.ok(writer.endBytes <= end);
	}
	ftruncateSync(fd, content.byteLength);
	return content;
}

for (const kind of fileSystems)
	test(`${kind}: slices that are written past the cache hold what was written, wherever they and their chunks begin`, async (t) => {
		const folder = mountFresh(t, kind);
		if (folder === null) return;
		for (let seed = 1; seed <= 4; seed++) {
			const path = join(folder, `file-${seed}`);
			const fd = openSync(path, 'w');
			const content = await writeSlices(fd, seededRandom(seed), platform);
			closeSync(fd);
			assert.ok(readFileSync(path).equals(content), `seed ${seed}`);
		}
	});

test('where the storage refuses writes past the cache, all goes through it', async (t) => {
	const refusing = { ...platform, files: Object.create(platform.files) } as Platform;
	// A start that fits no unit is what a device with larger ones would see
	refusing.files.alignedBuffer = (length) => platform.files.alignedBuffer(length + uncachedUnit).subarray(1, length + 1);
	const path = join(temporaryFolder(t, 'refused'), 'file');
	const fd = openSync(path, 'w');
	afterwards(t, () => closeSync(fd));
	const content = await writeSlices(fd, seededRandom(9), refusing);
	assert.ok(readFileSync(path).equals(content));
});

test('a write that fails on its way is told when the slice settles, and nothing stays open', async (t) => {
	const folder = mountFresh(t, 'tmpfs'); // 64 MiB
	if (folder === null) return;
	const buffers = new UncachedBuffers(platform);
	const fd = openSync(join(folder, 'file'), constants.O_CREAT | constants.O_WRONLY);
	afterwards(t, () => closeSync(fd));
	const opened = openSync(join(folder, 'file'), 'r');
	closeSync(opened);
	const chunk = Buffer.alloc(MiB, 7);
	await assert.rejects(
		async () => {
			await using writer = new SliceWriter(fd, 80 * MiB, platform, buffers);
			for (let at = 0; at < 80 * MiB; at += MiB) await writer.write(chunk, at);
			writer.end();
			await writer.settled();
		},
		(error) => systemErrorCode(error) === 'ENOSPC',
	);
	assert.ok(fstatSync(fd).size <= 64 * MiB);
	const again = openSync(join(folder, 'file'), 'r');
	closeSync(again);
	assert.equal(again, opened, 'the lowest descriptor is free again');
	// the memory came back too: another slice is written
	ftruncateSync(fd, 0);
	await using writer = new SliceWriter(fd, 8 * MiB, platform, buffers);
	for (let at = 0; at < 8 * MiB; at += MiB) await writer.write(chunk, at);
	writer.end();
	await writer.settled();
	assert.equal(fstatSync(fd).size, 8 * MiB);
});
