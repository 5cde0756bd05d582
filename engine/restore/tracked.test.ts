import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CowDevice, type NbdDevice, NbdServer } from '../block/index.ts';
import { openPlatform } from '../platform/index.ts';
import { disk, giveBackDisk, noise, openSite, protect, seededRandom } from './testing/site.ts';

const MiB = 1024 * 1024;
const sizeBytes = 48 * MiB + 512;

test('PIPE-04: whatever is written between runs, and however often tracking is lost, every point is the disk at its instant', {
	skip: process.platform !== 'linux' && 'needs blocking sockets',
}, async (t) => {
	const seed = 71;
	const random = seededRandom(seed);
	const site = await openSite(t);
	const path = join(site.root, 'disk.img');
	const changeLogPath = join(site.root, 'changes');
	fs.writeFileSync(path, '');
	fs.truncateSync(path, sizeBytes);
	const open = (): CowDevice => new CowDevice({ path, changeLogPath, platform: openPlatform() });
	let device = open();
	const exports = new Map<string, NbdDevice>();
	const server = new NbdServer(exports);
	const socket = join(site.root, 'socket');
	await server.listen({ kind: 'unix', path: socket });
	const run = { objects: [disk(`nbd+unix:///disk?socket=${socket}`)], blockSizeBytes: 262_144 };
	const points: { pointId: string; content: Buffer }[] = [];
	const seen = { tracked: 0, lost: 0 };
	let isKnown = false;
	for (let round = 0; round < 7; round++) {
		for (let i = random(8); i > 0; i--) {
			const offset = random(sizeBytes / 512) * 512;
			const length = Math.min(512 * (1 + random(600)), sizeBytes - offset);
			if (random(4) === 0) device.writable.zero(offset, length, { keepRoom: random(2) === 0 });
			else device.writable.write(offset, noise(random, length));
		}
		const snapshot = device.snapshot({ name: 'disk', cachePath: join(site.root, 'cache'), cacheLimitBytes: 2 ** 30 });
		exports.set('disk', snapshot);
		const content = Buffer.alloc(sizeBytes);
		snapshot.readSync(content, 0);
		const ran = protect(site, run);
		device.writable.write(random(20) * MiB, noise(random, 300_000)); // the disk is in use meanwhile
		const { pointId, witness, outcomes } = await ran;
		exports.delete('disk');
		device.release(snapshot);
		const mode = outcomes[0]?.mode;
		assert.deepEqual(witness.warnings, [], `seed ${seed}`);
		assert.equal(mode?.actual, round === 0 ? 'full' : 'increment');
		if (round > 0) {
			assert.equal(mode?.reason === '', isKnown, `seed ${seed}, round ${round}: ${mode?.reason}`);
			if (isKnown) assert.ok(witness.last.readBytes < sizeBytes / 2, `seed ${seed}, round ${round}: ${witness.last.readBytes} bytes were read`);
			seen[isKnown ? 'tracked' : 'lost']++;
		}
		points.push({ pointId, content });
		const event = (['goes on', 'goes on', 'restart', 'crash', 'foreign write'] as const)[random(5)];
		isKnown = event === 'goes on' || event === 'restart';
		if (event === 'goes on') continue;
		device.close();
		if (event === 'crash') fs.rmSync(changeLogPath); // a log that an engine leaves which is killed does not exist
		if (event === 'foreign write') {
			const fd = fs.openSync(path, 'r+');
			fs.writeSync(fd, noise(random, 5000), 0, 5000, random(40 * MiB));
			fs.closeSync(fd);
		}
		device = open();
	}
	await server[Symbol.asyncDispose]();
	device.close();
	for (const [round, { pointId, content }] of points.entries()) {
		const to = join(site.root, 'restored.img');
		fs.rmSync(to, { force: true });
		await giveBackDisk(site, pointId, to);
		assert.ok(fs.readFileSync(to).equals(content), `seed ${seed}, round ${round}`);
	}
	t.diagnostic(`seed ${seed}: ${JSON.stringify(seen)}`);
	assert.ok(seen.tracked > 0 && seen.lost > 0);
});
