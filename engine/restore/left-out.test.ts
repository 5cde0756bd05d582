import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isZero } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { findBlank, openBlockSource } from '../block/index.ts';
import { age, type Kind, makeFileSystem, run, toolsFor, whileMounted } from '../block/testing.ts';
import { disk, giveBackDisk, noise, openSite, protect, type Site, seededRandom, verify } from './testing/site.ts';

const MiB = 1024 * 1024;

const checkers: Record<Kind, readonly string[]> = { ext4: ['e2fsck', '-fn'], xfs: ['xfs_repair', '-n'], ntfs: ['ntfsfix', '-n'] };

function assertSound(kind: Kind, image: string): void {
	const [tool, ...args] = checkers[kind] as [string, ...string[]];
	run(tool, ...args, image);
}

/** Path and content of every file. */
function filesOf(kind: Kind, image: string): Record<string, string> {
	const list = (folder: string): [string, string][] =>
		fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name): [string, string][] => {
			const path = join(folder, name);
			return fs.lstatSync(path).isFile() ? [[name, createHash('sha256').update(fs.readFileSync(path)).digest('hex')]] : [];
		});
	return Object.fromEntries(whileMounted(kind, image, list, kind === 'xfs' ? 'loop,ro,norecovery' : 'loop,ro').sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isRoot(t: TestContext): boolean {
	if (process.getuid?.() === 0) return true;
	t.skip('needs root');
	return false;
}

async function restored(site: Site, pointId: string): Promise<string> {
	const to = join(site.root, 'restored.img');
	fs.rmSync(to, { force: true });
	assert.deepEqual((await giveBackDisk(site, pointId, to)).warnings, []);
	return to;
}

/** What comes back is the image itself, with zeros where nothing is in use. */
function assertBlank(image: string, back: string): void {
	const expected = fs.readFileSync(image);
	using source = openBlockSource(image);
	for (const { offsetBytes, lengthBytes } of findBlank(source).extents) expected.fill(0, offsetBytes, offsetBytes + lengthBytes);
	assert.ok(fs.readFileSync(back).equals(expected));
}

for (const kind of ['ext4', 'xfs', 'ntfs'] as const) {
	test(`PIPE-03: an aged ${kind} comes back sound, with every file and without what it had deleted, at each point`, async (t) => {
		if (!requireTool(t, ...toolsFor(kind), checkers[kind][0] as string) || !isRoot(t)) return;
		const seed = 41;
		const chance = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
		const noise = (length: number): Buffer => chance.update(Buffer.alloc(length));
		const site = await openSite(t);
		const image = join(site.root, 'disk.img');
		makeFileSystem(kind, image, kind === 'xfs' ? 300 * MiB : 32 * MiB);
		whileMounted(kind, image, (folder) => age(folder, noise, 120));
		assertSound(kind, image);
		const objects = [disk(image)];
		const first = await protect(site, { objects });
		const { leftOut, readBytes } = first.witness.last;
		assert.ok(leftOut && leftOut.deadBytes > 2 * MiB, `seed ${seed}: ${leftOut?.deadBytes} bytes left out`);
		assert.ok(first.witness.infos.some((message) => message.includes(`${leftOut.deadBytes} bytes that its file systems mark free`)));
		assert.deepEqual(first.witness.warnings, []);
		const files = filesOf(kind, image);
		assert.ok(Object.keys(files).length >= 120);
		const back = await restored(site, first.pointId);
		assertBlank(image, back);
		assertSound(kind, back);
		assert.deepEqual(filesOf(kind, back), files);

		// what the first point holds is deleted: nothing of it may be data in the second
		whileMounted(kind, image, (folder) => {
			for (let i = 0; i < 120; i += 2) fs.rmSync(join(folder, `kept/file ${i}`));
			fs.writeFileSync(join(folder, 'new'), noise(3 * MiB));
		});
		const second = await protect(site, { objects });
		assert.equal(second.outcomes[0]?.mode.actual, 'increment');
		const next = await restored(site, second.pointId);
		assertBlank(image, next);
		assertSound(kind, next);
		assert.deepEqual(filesOf(kind, next), filesOf(kind, image));

		if (kind !== 'ext4') return; // what is stored then does not depend on what is there
		assert.deepEqual((await verify(site, second.pointId)).damaged, []);
		const whole = await protect(site, { objects, storeUnused: true });
		assert.equal(whole.witness.last.leftOut, undefined);
		assert.ok(whole.witness.last.readBytes >= readBytes);
		assert.ok(fs.readFileSync(await restored(site, whole.pointId)).equals(fs.readFileSync(image)), 'switched off, every byte comes back');
	});
}

test('PIPE-03: a swap area is left out but for its first page, so that it can be used at once', async (t) => {
	if (!requireTool(t, 'mkswap')) return;
	const site = await openSite(t);
	const image = join(site.root, 'swap.img');
	fs.writeFileSync(image, noise(seededRandom(42), 8 * MiB), { mode: 0o600 });
	run('mkswap', image);
	const { pointId, witness } = await protect(site, { objects: [disk(image)] });
	assert.deepEqual(witness.last.leftOut, { deadBytes: 0, swapBytes: 8 * MiB - 4096 });
	const back = fs.readFileSync(await restored(site, pointId));
	assert.ok(back.subarray(0, 4096).equals(fs.readFileSync(image).subarray(0, 4096)));
	assert.ok(isZero(back.subarray(4096)));
});

test('an unchanged disk is read again when its unused blocks are to be stored from now on, and when they are not any more', async (t) => {
	const site = await openSite(t);
	const objects = [disk(fs.realpathSync(process.execPath))]; // a file that nobody has written to for a while
	const readOf = async (storeUnused: boolean): Promise<number> => (await protect(site, { objects, storeUnused })).witness.last.readBytes;
	assert.ok((await readOf(false)) > 0);
	assert.equal(await readOf(false), 0);
	assert.ok((await readOf(true)) > 0);
	assert.equal(await readOf(true), 0);
	assert.ok((await readOf(false)) > 0);
});
