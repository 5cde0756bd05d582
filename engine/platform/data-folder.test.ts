import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultDataFolder, openDataFolder } from './data-folder.ts';
import { openPlatform } from './index.ts';

const { locks } = openPlatform();

async function scratch(t: TestContext): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-data-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

test('a data folder is made for its owner only, and opened by one at a time', async (t) => {
	const path = join(await scratch(t), 'deep', 'data');
	const folder = await openDataFolder(path, locks, 5);
	assert.equal(statSync(path).mode & 0o777, 0o700);
	await assert.rejects(openDataFolder(path, locks, 6), { code: 'busy.data-folder', data: { path, holder: { pid: process.pid, startedAt: 5, address: null } } });
	folder.setAddress('https://127.0.0.1:1');
	await assert.rejects(openDataFolder(path, locks, 6), { code: 'busy.data-folder', hint: /https:\/\/127\.0\.0\.1:1/ });
	await folder[Symbol.asyncDispose]();
	await (await openDataFolder(path, locks, 7))[Symbol.asyncDispose]();
	assert.equal(readFileSync(join(path, 'engine.lock'), 'utf8'), '', 'nobody is named who no longer holds it');
});

test('the lock ends with the process that held it, however that ends', async (t) => {
	const path = await scratch(t);
	const holder = spawn(
		process.execPath,
		[
			'--input-type=module',
			'-e',
			`import { openDataFolder } from ${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)};
			import { openPlatform } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
			globalThis.folder = await openDataFolder(process.argv[1], openPlatform().locks, 1);
			console.log('held');
			setInterval(() => {}, 1000);`,
			path,
		],
		{ stdio: ['ignore', 'pipe', 'inherit'] },
	);
	t.after(() => holder.kill('SIGKILL'));
	await once(holder.stdout, 'data');
	await assert.rejects(openDataFolder(path, locks, 2), { code: 'busy.data-folder', data: { path, holder: { pid: holder.pid, startedAt: 1, address: null } } });
	holder.kill('SIGKILL');
	await once(holder, 'exit');
	await (await openDataFolder(path, locks, 3))[Symbol.asyncDispose]();
});

test('a lock file that is half written still says busy', async (t) => {
	const path = await scratch(t);
	const folder = await openDataFolder(path, locks, 1);
	t.after(() => folder[Symbol.asyncDispose]());
	writeFileSync(join(path, 'engine.lock'), '{"pid": 12');
	await assert.rejects(openDataFolder(path, locks, 2), { code: 'busy.data-folder', data: { path, holder: null } });
});

test('a path that is a file, or lies below one, is no data folder', async (t) => {
	const file = join(await scratch(t), 'file');
	writeFileSync(file, '');
	await assert.rejects(openDataFolder(file, locks, 1), { code: 'data-folder.unusable', message: /not a folder/ });
	await assert.rejects(openDataFolder(join(file, 'below'), locks, 1), { code: 'data-folder.unusable' });
});

test('the default data folder is where each platform keeps such things', () => {
	assert.equal(defaultDataFolder({ HOLDFAST_DATA: '/srv/hf', HOME: '/home/u' }, 'linux'), '/srv/hf');
	assert.equal(defaultDataFolder({ HOME: '/home/u' }, 'linux'), '/home/u/.local/share/holdfast');
	assert.equal(defaultDataFolder({ HOME: '/home/u', XDG_DATA_HOME: '/data' }, 'linux'), '/data/holdfast');
	assert.equal(defaultDataFolder({ HOME: '/Users/u' }, 'darwin'), '/Users/u/Library/Application Support/Holdfast');
});
