import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { GeneratedDisk } from './generate-disk.ts';
import { GeneratedTree } from './generate-tree.ts';

const MiB = 1 << 20;

function temporaryFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-test-'));
	t.after(() => rmSync(folder, { recursive: true }));
	return folder;
}

/** Path → digest of every file. */
function fingerprint(root: string): Map<string, string> {
	const files = globSync('**/*', { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
	return new Map(
		files.map((entry) => {
			const path = join(entry.parentPath, entry.name);
			return [path.slice(root.length), createHash('sha256').update(readFileSync(path)).digest('hex')] as const;
		}),
	);
}

const treeSpec = { fileCount: 600, totalBytes: 8 * MiB, spread: 2.2, seed: 7 };

test('the same seed gives the same tree, before and after changes', (t) => {
	const folder = temporaryFolder(t);
	const trees = ['a', 'b'].map((name) => {
		const root = join(folder, name);
		const tree = new GeneratedTree({ ...treeSpec, root });
		tree.change(0.03);
		return fingerprint(root);
	});
	assert.deepEqual(trees[0], trees[1]);
});

test('a tree has the files and about the bytes that were asked for, and no two files are alike', (t) => {
	const root = temporaryFolder(t);
	const tree = new GeneratedTree({ ...treeSpec, root });
	const files = fingerprint(root);
	assert.equal(files.size, 600);
	assert.equal(tree.fileCount, 600);
	const bytes = [...files.keys()].reduce((sum, path) => sum + statSync(root + path).size, 0);
	assert.ok(bytes > 6 * MiB && bytes <= 8 * MiB, `${bytes} bytes`);
	const notTiny = [...files].filter(([path]) => statSync(root + path).size > 64).map(([, digest]) => digest);
	assert.equal(new Set(notTiny).size, notTiny.length);
});

test('a change touches the share of the files that it says', (t) => {
	const root = temporaryFolder(t);
	const tree = new GeneratedTree({ ...treeSpec, root });
	const before = fingerprint(root);
	const changes = tree.change(0.03);
	const after = fingerprint(root);
	assert.equal(changes.modified + changes.added + changes.removed + changes.renamed, 18);
	const gone = [...before.keys()].filter((path) => !after.has(path)).length;
	const come = [...after.keys()].filter((path) => !before.has(path)).length;
	const modified = [...after].filter(([path, digest]) => before.has(path) && before.get(path) !== digest).length;
	assert.deepEqual({ gone, come, modified }, { gone: changes.removed + changes.renamed, come: changes.added + changes.renamed, modified: changes.modified });
	assert.equal(tree.fileCount, after.size);
});

test('a disk is half allocated, compresses like a disk, and changes by the share that was asked for', (t) => {
	const path = join(temporaryFolder(t), 'disk.img');
	const disk = new GeneratedDisk({ path, sizeBytes: 96 * MiB, seed: 3 });
	const { size, blocks } = statSync(path);
	assert.equal(size, 96 * MiB);
	const allocatedShare = (blocks * 512) / size;
	assert.ok(allocatedShare > 0.4 && allocatedShare < 0.6, `${allocatedShare} allocated`);
	const before = readFileSync(path);
	const ratio = (size * allocatedShare) / zstdCompressSync(before, { params: { 100: 1 } }).length;
	assert.ok(ratio > 1.4 && ratio < 4, `compresses ${ratio} to 1`);

	disk.change(0.03);
	const after = readFileSync(path);
	let changed = 0;
	for (let at = 0; at < size; at += MiB) if (!before.subarray(at, at + MiB).equals(after.subarray(at, at + MiB))) changed++;
	assert.ok(changed > 0 && changed <= 3, `${changed} blocks changed`);
});
