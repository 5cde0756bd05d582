import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { bundleEngine } from './bundle-engine.ts';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

test('the bundled command line protects, browses, verifies and restores, each thread from a file of its own', async (t) => {
	mkdirSync(join(root, 'dist'), { recursive: true });
	const folder = mkdtempSync(join(root, 'dist', 'bundle-test-')); // in the checkout, where koffi is found
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const bundle = join(folder, 'engine');
	await bundleEngine(bundle);
	for (const name of readdirSync(bundle)) assert.match(readFileSync(join(bundle, name), 'utf8'), /^[\0-\x7f]*$/, `${name} is not only ASCII`);

	const start = join(folder, 'start.mjs');
	writeFileSync(
		start,
		`import { runProgram } from ${JSON.stringify(pathToFileURL(join(bundle, 'program.js')).href)};
		process.exit(await runProgram(process.argv.slice(2), { program: import.meta.filename, rendererFolder: '' }));`,
	);
	const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
	const holdfast = async (...args: string[]) =>
		JSON.parse((await run(process.execPath, [start, '--data', join(folder, 'data'), '--json', ...args], { env })).stdout);

	mkdirSync(join(folder, 'source'));
	writeFileSync(join(folder, 'source', 'letter.txt'), 'Dear reader');
	const disk = Buffer.alloc(3_000_000, 'a disk that is not empty ');
	writeFileSync(join(folder, 'disk.img'), disk);
	await holdfast('repository', 'add', 'Local', '--path', join(folder, 'repository'));
	for (const [name, source] of [
		['Letters', `folder:${join(folder, 'source')}`],
		['Disk', `disk:${join(folder, 'disk.img')}`],
	] as const) {
		await holdfast('job', 'add', name, '--source', source, '--repository', 'Local');
		assert.equal((await holdfast('job', 'run', name)).session.state, 'success');
	}
	const { entries } = await holdfast('point', 'browse', 'Letters@latest', '/');
	assert.deepEqual(
		entries.map(({ name }: { name: string }) => name),
		['letter.txt'],
	);
	assert.deepEqual((await holdfast('point', 'verify', 'Disk@latest')).check.damaged, []);
	await holdfast('restore', 'files', 'Letters@latest', '/', '--to', join(folder, 'back'));
	assert.equal(readFileSync(join(folder, 'back', 'letter.txt'), 'utf8'), 'Dear reader');
	await holdfast('restore', 'disk', 'Disk@latest', '--to', join(folder, 'back.img'));
	assert.ok(readFileSync(join(folder, 'back.img')).equals(disk));
	const { chains } = await holdfast('chain', 'list', '--job', 'Disk');
	await holdfast('chain', 'compact', chains[0].id);
});
