/** Real input for the end-to-end tests, the same at every run, and the comparison afterwards. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { createRandom } from './fake/random.ts';

const kib = 1024;
const mib = 1024 * kib;

const bytes = (seed: string, count: number): Buffer => {
	const random = createRandom(seed);
	const words = new Uint32Array(Math.ceil(count / 4));
	for (let i = 0; i < words.length; i++) words[i] = random.int(0, 0xffff_ffff);
	return Buffer.from(words.buffer, 0, count);
};

const files: readonly (readonly [path: string, content: () => Buffer])[] = [
	['readme.txt', () => Buffer.from('Keep this.\n')],
	['empty', () => Buffer.alloc(0)],
	['Ünïcödé & spaces/漢字 100%.txt', () => Buffer.from('ünï\n')],
	['photos/2026/harbour.raw', () => bytes('harbour', 48 * mib)],
	['photos/2026/quay.raw', () => bytes('quay', 300 * kib)],
	['books/ledger.csv', () => Buffer.from('date,amount\n'.repeat(200_000))],
	['zeros.bin', () => Buffer.alloc(3 * mib)],
];

/** A folder with files of all sizes, an empty folder and a symbolic link. */
export async function createFolder(folder: string): Promise<void> {
	for (const [path, content] of files) {
		await mkdir(dirname(join(folder, path)), { recursive: true });
		await writeFile(join(folder, path), content());
	}
	for (let i = 0; i < 300; i++) {
		const path = join(folder, 'many', `note-${String(i).padStart(3, '0')}.txt`);
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, `${'note '.repeat(i)}\n`);
	}
	await mkdir(join(folder, 'nothing in here'));
	await symlink('photos/2026/quay.raw', join(folder, 'latest'));
	await utimes(join(folder, 'readme.txt'), 1_700_000_000.25, 1_700_000_000.25);
}

/** A raw image with data at both ends and a hole between. */
export async function createDiskImage(path: string, sizeBytes = 24 * mib): Promise<void> {
	await using file = await open(path, 'wx');
	await file.truncate(sizeBytes);
	await file.write(bytes('boot', 2 * mib), 0, 2 * mib, 0);
	await file.write(bytes('end', 512 * kib), 0, 512 * kib, sizeBytes - 512 * kib);
}

export async function sha256(path: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const chunk of createReadStream(path)) hash.update(chunk);
	return hash.digest('hex');
}

/** Every path below a folder with what it is: content as hash, times and modes. */
async function inventory(folder: string): Promise<Record<string, string>> {
	const found: Record<string, string> = {};
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		const { mode, mtimeMs, size } = await lstat(path);
		const name = relative(folder, path);
		if (entry.isSymbolicLink()) found[name] = `link to ${await readlink(path)}`;
		else if (entry.isDirectory()) found[name] = `folder ${mode.toString(8)}`;
		else found[name] = `${size} bytes ${mode.toString(8)} ${mtimeMs} ${await sha256(path)}`;
	}
	return found;
}

export async function assertSameTree(actual: string, expected: string): Promise<void> {
	const wanted = await inventory(expected);
	assert.ok(Object.keys(wanted).length > 300, 'the source is what the test thinks it is');
	assert.deepEqual(await inventory(actual), wanted);
}

export async function assertSameFile(actual: string, expected: string): Promise<void> {
	assert.ok((await readFile(actual)).equals(await readFile(expected)), `${actual} has the bytes of ${expected}`);
}
