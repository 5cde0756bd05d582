import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { compareTrees, type TreeComparison } from './compare-trees.ts';

type Trees = { original: string; copy: string; compare(changedAfter?: number): Promise<TreeComparison> };

async function makeTrees(t: TestContext): Promise<Trees> {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-compare-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const [original, copy] = [join(root, 'original'), join(root, 'copy')];
	await mkdir(join(original, 'folder', 'node_modules'), { recursive: true });
	await mkdir(join(original, 'own'));
	await writeFile(join(original, 'folder', 'a.bin'), Buffer.alloc(3_000_000, 7));
	await writeFile(join(original, 'folder', 'empty'), '');
	await writeFile(join(original, 'own', 'x'), 'x');
	await symlink('folder/a.bin', join(original, 'link'));
	await cp(original, copy, { recursive: true, verbatimSymlinks: true });
	await rm(join(copy, 'folder', 'node_modules'), { recursive: true });
	await rm(join(copy, 'own'), { recursive: true });
	const options = { original, copy, skipNames: new Set(['node_modules']), skipPaths: new Set(['own']) };
	return { original, copy, compare: (changedAfter = Number.POSITIVE_INFINITY) => compareTrees({ ...options, changedAfter }) };
}

test('equal trees are equal, but for what is left out', async (t) => {
	const { compare } = await makeTrees(t);
	const { entries, bytes, differences, changed } = await compare();
	assert.deepEqual({ entries, bytes, differences, changed }, { entries: 5, bytes: 3_000_000, differences: [], changed: [] });
});

const spoilings: [string, (trees: Trees) => Promise<unknown>, string, RegExp][] = [
	[
		'a byte',
		async ({ copy }) => writeFile(join(copy, 'folder', 'a.bin'), Buffer.alloc(3_000_000, 7).fill(8, 2_000_001, 2_000_002)),
		'folder/a.bin',
		/byte 2000001/,
	],
	['a size', async ({ copy }) => writeFile(join(copy, 'folder', 'empty'), '!'), 'folder/empty', /0 bytes, but 1/],
	['a mode', async ({ copy }) => chmod(join(copy, 'folder', 'empty'), 0o600), 'folder/empty', /mode 0\d{3}, but 0600/],
	['a missing file', async ({ copy }) => rm(join(copy, 'folder', 'empty')), 'folder/empty', /missing/],
	['an additional file', async ({ copy }) => writeFile(join(copy, 'more'), ''), 'more', /only in the copy/],
	['something that should have been left out', async ({ copy }) => mkdir(join(copy, 'own')), 'own', /only in the copy/],
	[
		'the target of a link',
		async ({ copy }) => {
			await rm(join(copy, 'link'));
			await symlink('elsewhere', join(copy, 'link'));
		},
		'link',
		/points elsewhere/,
	],
	[
		'a kind',
		async ({ copy }) => {
			await rm(join(copy, 'link'));
			await mkdir(join(copy, 'link'));
		},
		'link',
		/is a link, but a folder/,
	],
];
for (const [what, spoil, path, message] of spoilings) {
	test(`${what} that differs is found and named`, { skip: process.platform === 'win32' }, async (t) => {
		const trees = await makeTrees(t);
		await spoil(trees);
		const { differences } = await trees.compare();
		assert.equal(differences.length, 1);
		assert.equal(differences[0]?.path, path);
		assert.match(differences[0]?.what ?? '', message);
	});
}

test('what was changed in the original since says nothing about the copy', async (t) => {
	const trees = await makeTrees(t);
	await writeFile(join(trees.original, 'folder', 'empty'), 'changed');
	const { differences, changed } = await trees.compare(0);
	assert.deepEqual([differences, changed], [[], ['folder/empty']]);
});
