import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isZero } from '../../base/index.ts';
import { requireTool } from '../../base/testing.ts';
import type { BlockSource } from '../block-source.ts';
import { seededRandom, temporaryFolder } from '../testbed.ts';
import { findBlank } from './find-blank.ts';
import { makeFileSystem, run, toolsFor } from './testbed.ts';

const MiB = 1024 * 1024;
/** `FUZZ_MS` fuzzes for as long as it says, instead of a few rounds. */
const fuzzMs = Number(process.env.FUZZ_MS ?? 0);

const inMemory = (bytes: Buffer): BlockSource => ({
	sizeBytes: bytes.byteLength,
	format: 'raw',
	extents: () => [{ offsetBytes: 0, lengthBytes: bytes.byteLength }],
	readSync: (target, offset) => bytes.copy(target, 0, offset, Math.min(bytes.byteLength, offset + target.byteLength)),
	close: () => undefined,
	[Symbol.dispose]: () => undefined,
});

const absurd = [0, 1, 2, 0x7f, 0x80, 0xff];

// Without checksums, so that changes get past them.
const kinds = [
	['ext4', 4, ['-b', '1024', '-O', '^metadata_csum,^uninit_bg'], 300],
	['ext4', 4, [], 300],
	['xfs', 300, ['-m', 'crc=0'], 20], // its whole log is read each time
	['ntfs', 3, [], 300],
] as const;
for (const [kind, size, options, rounds] of kinds) {
	test(`whatever stands in the tables of ${[kind, ...options].join(' ')}, what is found lies in order on the disk, and nothing is thrown`, (t) => {
		if (!requireTool(t, ...toolsFor(kind))) return;
		const seed = Number(process.env.FUZZ_SEED ?? 51);
		const random = seededRandom(seed);
		const image = join(temporaryFolder(t), 'image');
		makeFileSystem(kind, image, size * MiB, options);
		const whole = fs.readFileSync(image);
		/** Where something stands: tables, mostly. */
		const places: number[] = [];
		for (let sector = 0; sector < whole.byteLength; sector += 512) {
			if (isZero(whole.subarray(sector, sector + 512))) continue;
			for (let at = sector; at < sector + 512; at += 16) if (!isZero(whole.subarray(at, at + 16))) places.push(at);
		}
		const isFound = (bytes: Buffer): boolean => {
			const { extents } = findBlank(inMemory(bytes));
			let end = 0;
			for (const { offsetBytes, lengthBytes } of extents) {
				assert.ok(offsetBytes >= end && lengthBytes > 0 && offsetBytes + lengthBytes <= bytes.byteLength, `seed ${seed}`);
				end = offsetBytes + lengthBytes;
			}
			return extents.length > 0;
		};
		assert.ok(isFound(whole));
		const deadline = performance.now() + fuzzMs;
		let refused = 0;
		for (let round = 0; fuzzMs > 0 ? performance.now() < deadline : round < rounds; round++) {
			const undo: [number, number][] = [];
			for (let i = 1 + random(3); i > 0; i--) {
				const early = random(2) === 0 ? places[random(Math.min(places.length, 200))] : places[random(places.length)];
				const at = (early as number) + random(16);
				for (let j = 0; j <= random(4) && at + j < whole.byteLength; j++) {
					undo.push([at + j, whole[at + j] as number]);
					whole[at + j] = random(2) === 0 ? random(256) : (absurd[random(absurd.length)] as number);
				}
			}
			if (!isFound(whole)) refused++;
			for (const [at, byte] of undo.reverse()) whole[at] = byte;
		}
		assert.ok(refused > 0, `seed ${seed}: no change was ever noticed`);
	});
}

test('whatever stands in a partition table, what is found lies in order on the disk, and nothing is thrown', (t) => {
	if (!requireTool(t, 'sfdisk')) return;
	const seed = Number(process.env.FUZZ_SEED ?? 52);
	const random = seededRandom(seed);
	const image = join(temporaryFolder(t), 'image');
	fs.writeFileSync(image, '');
	fs.truncateSync(image, 4 * MiB);
	run(
		'sh',
		'-c',
		`printf 'label: dos\\nstart=2048,size=6000,type=5\\nstart=2050,size=512,type=82\\nstart=4096,size=512,type=82\\n' | sfdisk --quiet --no-reread --no-tell-kernel '${image}'`,
	);
	const whole = fs.readFileSync(image);
	for (const sector of [2050, 4096]) {
		whole.write('SWAPSPACE2', sector * 512 + 4086);
		whole.writeUInt32LE(1, sector * 512 + 1024);
		whole.writeUInt32LE(60, sector * 512 + 1028);
	}
	assert.equal(findBlank(inMemory(whole)).extents.length, 2);
	const deadline = performance.now() + fuzzMs;
	for (let round = 0; fuzzMs > 0 ? performance.now() < deadline : round < 500; round++) {
		const undo: [number, number][] = [];
		for (let i = 1 + random(4); i > 0; i--) {
			const at = ([446, 2048 * 512 + 446, 2050 * 512 + 1024][random(3)] as number) + random(66);
			undo.push([at, whole[at] as number]);
			whole[at] = random(256);
		}
		let end = 0;
		for (const { offsetBytes, lengthBytes } of findBlank(inMemory(whole)).extents) {
			assert.ok(offsetBytes >= end && lengthBytes > 0 && offsetBytes + lengthBytes <= whole.byteLength, `seed ${seed}, round ${round}`);
			end = offsetBytes + lengthBytes;
		}
		for (const [at, byte] of undo.reverse()) whole[at] = byte;
	}
});
