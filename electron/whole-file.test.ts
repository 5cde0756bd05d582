import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeWhole } from './whole-file.ts';

const download = (content: AsyncIterable<Uint8Array>, sizeBytes: number | null = null) => ({ fileName: 'f', mediaType: 'x/y', sizeBytes, content });

test('a download replaces the chosen file when all of it is there', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-save-'));
	t.after(() => rm(folder, { recursive: true }));
	const path = join(folder, 'f');
	await writeFile(path, 'older and longer');
	const shares: number[] = [];
	await writeWhole(
		path,
		download(
			(async function* () {
				yield Buffer.from('ne');
				yield Buffer.from('w!');
			})(),
			4,
		),
		(share) => shares.push(share),
	);
	assert.equal(await readFile(path, 'utf8'), 'new!');
	assert.deepEqual(shares, [0.5, 1]);
	assert.deepEqual(await readdir(folder), ['f']);
});

test('a download that breaks off leaves the older file and nothing else', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-save-'));
	t.after(() => rm(folder, { recursive: true }));
	const path = join(folder, 'f');
	await writeFile(path, 'older');
	const damaged = (async function* () {
		yield Buffer.from('half');
		throw new Error('damaged');
	})();
	await assert.rejects(
		writeWhole(path, download(damaged), () => undefined),
		/damaged/,
	);
	assert.equal(await readFile(path, 'utf8'), 'older');
	assert.deepEqual(await readdir(folder), ['f']);
});
