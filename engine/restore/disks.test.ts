import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireTool } from '../base/testing.ts';
import { startQemuNbd } from '../block/testing.ts';
import { blockSizes } from '../contract/index.ts';
import { createMasterKey, testPasswordCost } from '../format/index.ts';
import { check, disk, giveBackDisk, noise, openSite, protect, type Site, seededRandom, verify } from './testing/site.ts';

const MiB = 1024 * 1024;
type Random = (below: number) => number;

/** Writes, zeroes and punches at random places of a raw image. */
function changeImage(path: string, random: Random, sizeBytes: number, count: number): void {
	const fd = fs.openSync(path, 'r+');
	for (let i = 0; i < count; i++) {
		const offset = random(sizeBytes / 512) * 512;
		const length = Math.min(512 * (1 + random(600)), sizeBytes - offset);
		const bytes = random(4) === 0 ? Buffer.alloc(length) : noise(random, length);
		fs.writeSync(fd, bytes, 0, length, offset);
	}
	fs.closeSync(fd);
}

async function assertComesBack(site: Site, pointId: string, expected: Buffer, what: string): Promise<fs.Stats> {
	const to = join(site.root, 'restored.img');
	fs.rmSync(to, { force: true });
	assert.deepEqual((await giveBackDisk(site, pointId, to)).warnings, []);
	assert.ok(fs.readFileSync(to).equals(expected), what);
	return fs.statSync(to);
}

for (const isEncrypted of [false, true])
	test(`a raw disk comes back as it was at every point of ten rounds of change, with its holes${isEncrypted ? ', from an encrypted chain' : ''}`, async (t) => {
		const seed = 31;
		const random = seededRandom(seed);
		const keys = isEncrypted ? [(await createMasterKey('password', testPasswordCost)).key] : [];
		const site = { ...(await openSite(t)), keys };
		const image = join(site.root, 'disk.img');
		const sizeBytes = 20 * MiB + 512;
		fs.writeFileSync(image, '');
		fs.truncateSync(image, sizeBytes);
		const run = { objects: [disk(image)], blockSizeBytes: 262_144 };
		const points: { pointId: string; content: Buffer }[] = [];
		for (let round = 0; round <= 10; round++) {
			if (round > 0) changeImage(image, random, sizeBytes, 8);
			if (round === 5) fs.truncateSync(image, sizeBytes + 3 * MiB); // the disk was enlarged
			const { pointId, witness, outcomes } = await protect(site, run);
			assert.deepEqual(witness.warnings, []);
			assert.equal(outcomes[0]?.mode.actual, round === 0 ? 'full' : 'increment');
			assert.equal(witness.last.totalBytes, witness.last.doneBytes);
			points.push({ pointId, content: fs.readFileSync(image) });
		}
		for (const [round, { pointId, content }] of points.entries()) {
			const { blocks } = await assertComesBack(site, pointId, content, `round ${round}, seed ${seed}`);
			if (round === 0) assert.equal(blocks, 0, 'an empty disk takes no room');
		}
		assert.deepEqual((await check(site)).damaged, []);
		const [{ size: stored }] = [
			fs.statSync(join(site.repositoryPath, 'Everything', fs.readdirSync(join(site.repositoryPath, 'Everything')).find((name) => name.endsWith('.hbk')) ?? '')),
		];
		assert.ok(stored < 100_000, 'the full of an empty disk is small');
	});

test('a disk that an NBD server exports comes back as it was at each point', { skip: process.platform !== 'linux' && 'needs blocking sockets' }, async (t) => {
	if (!requireTool(t, 'qemu-nbd')) return;
	const random = seededRandom(33);
	const site = await openSite(t);
	const image = join(site.root, 'disk.img');
	const sizeBytes = 24 * MiB;
	fs.writeFileSync(image, '');
	fs.truncateSync(image, sizeBytes);
	const socket = await startQemuNbd(t, image, '--read-only', '--format=raw', '--export-name=db');
	const run = { objects: [disk(`nbd+unix:///db?socket=${socket}`)], blockSizeBytes: 262_144 };
	const points: { pointId: string; content: Buffer }[] = [];
	for (let round = 0; round < 3; round++) {
		changeImage(image, random, sizeBytes, 8);
		const { pointId, witness, outcomes } = await protect(site, run);
		assert.deepEqual(witness.warnings, []);
		assert.equal(outcomes[0]?.mode.actual, round === 0 ? 'full' : 'increment');
		points.push({ pointId, content: fs.readFileSync(image) });
	}
	for (const [round, { pointId, content }] of points.entries()) await assertComesBack(site, pointId, content, `round ${round}`);
});

test('a qcow2 disk comes back as the raw disk that its users see, at every point', async (t) => {
	if (!requireTool(t, 'qemu-img', 'qemu-io')) return;
	const seed = 32;
	const random = seededRandom(seed);
	const site = await openSite(t);
	const image = join(site.root, 'disk.qcow2');
	const sizeBytes = 32 * MiB;
	execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', image, String(sizeBytes)]);
	const points: { pointId: string; content: Buffer }[] = [];
	for (let round = 0; round < 4; round++) {
		const commands = Array.from({ length: 12 }, () => {
			const offset = random(sizeBytes / 512) * 512;
			const length = Math.min((1 + random(400)) * 512, sizeBytes - offset);
			const kind = random(6);
			return kind === 0 ? `write -z ${offset} ${length}` : kind === 1 ? `discard ${offset} ${length}` : `write -P ${1 + random(255)} ${offset} ${length}`;
		});
		execFileSync('qemu-io', ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), image], { stdio: 'ignore' });
		const raw = join(site.root, 'expected.img');
		execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', image, raw]);
		const { pointId } = await protect(site, { objects: [disk(image)], blockSizeBytes: 524_288 });
		points.push({ pointId, content: fs.readFileSync(raw) });
	}
	for (const [round, { pointId, content }] of points.entries()) await assertComesBack(site, pointId, content, `round ${round}, seed ${seed}`);
});

for (const [i, compression] of (['none', 'fast', 'optimal', 'high'] as const).entries()) {
	const [name, blockSizeBytes] = Object.entries(blockSizes)[i] as [string, number];
	test(`a disk with blocks of ${name} and compression ${compression} comes back`, async (t) => {
		const random = seededRandom(i);
		const site = await openSite(t);
		const image = join(site.root, 'disk.img');
		const sizeBytes = 20 * MiB + 512;
		fs.writeFileSync(image, Buffer.concat([noise(random, 9 * MiB), Buffer.alloc(5 * MiB, 'text that shrinks '), Buffer.alloc(6 * MiB + 512)]));
		const run = { objects: [disk(image)], blockSizeBytes, compression };
		const { pointId, outcomes } = await protect(site, run);
		const before = fs.readFileSync(image);
		changeImage(image, random, sizeBytes, 5);
		const next = await protect(site, { ...run, blockSizeBytes: 1_048_576, compression: 'fast' });
		assert.equal(next.outcomes[0]?.mode.actual, 'increment', 'other settings continue the chain');
		await assertComesBack(site, pointId, before, 'first');
		await assertComesBack(site, next.pointId, fs.readFileSync(image), 'second');
		assert.deepEqual((await verify(site, next.pointId)).damaged, []);
		const stored = outcomes[0]?.counters.storedBytes ?? 0;
		assert.ok(compression === 'none' ? stored > 9 * MiB : stored < 9.2 * MiB, `${stored} bytes stored`);
	});
}

test('a raw image that was not written to since the point before is not read again; a forced full reads it', async (t) => {
	const site = await openSite(t);
	const image = fileURLToPath(import.meta.resolve('zod')); // a file that nobody has written to for a while
	const objects = [disk(image)];
	const first = await protect(site, { objects });
	const second = await protect(site, { objects });
	assert.deepEqual([first.outcomes[0]?.counters.readBytes, second.outcomes[0]?.counters.readBytes], [fs.statSync(image).size, 0]);
	await assertComesBack(site, second.pointId, fs.readFileSync(image), 'the point that was not read');
	const full = await protect(site, { objects, requested: 'full' });
	assert.equal(full.outcomes[0]?.counters.readBytes, fs.statSync(image).size);
});
