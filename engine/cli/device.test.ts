/** Devices from the command line, each command with an engine of its own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock } from '../base/index.ts';
import { openEngine } from '../engine.ts';
import { runCommandLine } from './index.ts';
import { Collected } from './testing.ts';

test('a device is added when it can be served, listed, and removed; what is wrong names the option', async (t) => {
	const root = await mkdtemp(join(tmpdir(), 'holdfast-device-'));
	t.after(() => rm(root, { recursive: true, force: true }));
	const run = async (...args: string[]) => {
		const [stdout, stderr] = [new Collected(), new Collected()];
		const surroundings = {
			stdout,
			stderr,
			environment: { HOLDFAST_DATA: join(root, 'data') },
			workingFolder: root,
			clock: systemClock,
			rendererFolder: join(root, 'no-console'),
			program: join(root, 'no-program'),
			announce: () => undefined,
			openEngine: (options: Parameters<typeof openEngine>[0]) => openEngine({ ...options, logger: silentLog }),
		};
		const code = await runCommandLine([...args, '--json'], surroundings, '1.2.3');
		return { code, ...JSON.parse(stdout.text) };
	};
	await writeFile(join(root, 'db.img'), '');
	await truncate(join(root, 'db.img'), 1 << 20);

	const added = await run('device', 'add', 'Database', '--path', 'db.img', '--cache', 'cache', '--cache-limit', '64');
	const { name, path, cacheFolder, cacheLimitBytes, sizeBytes, state } = added.device;
	assert.deepEqual(
		{ code: added.code, name, path, cacheFolder, cacheLimitBytes, sizeBytes, state },
		{
			code: 0,
			name: 'Database',
			path: join(root, 'db.img'),
			cacheFolder: join(root, 'cache'),
			cacheLimitBytes: 64 * 2 ** 20,
			sizeBytes: 1 << 20,
			state: 'served',
		},
	);
	const { devices } = await run('device', 'list');
	assert.deepEqual([devices.length, devices[0].name, devices[0].state, devices[0].uri], [1, 'Database', 'not-served', null]);
	assert.equal((await run('device', 'add', 'Missing', '--path', 'none.img')).error.code, 'source.missing');
	assert.equal((await run('device', 'list')).devices.length, 1, 'what cannot be served is not added');
	const refused = await run('device', 'add', 'Other', '--path', 'db.img', '--cache-limit', 'much');
	assert.deepEqual([refused.code, refused.error.code], [2, 'usage.invalid']);
	assert.equal((await run('device', 'remove', 'Nobody')).error.code, 'not-found.device');
	assert.equal((await run('device', 'remove', 'database')).code, 0);
	assert.deepEqual((await run('device', 'list')).devices, []);
});
