/** Devices from the command line, each command with an engine of its own. */
import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePlaceInProcess } from './testing/program.ts';

test('a device is added when it can be served, listed, and removed; what is wrong names the option', async (t) => {
	const place = await makePlaceInProcess(t);
	const { root } = place;
	const run = async (...args: string[]) => {
		const { code, document } = await place.json(...args);
		return { code, ...document };
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
