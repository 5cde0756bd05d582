import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesFromText } from '../base/index.ts';
import { openApiSite } from './testing/api-site.ts';

const none = {};

test('a folder is listed with folders first, and with what can be protected only', async (t) => {
	const { api, root } = await openApiSite(t);
	const folder = join(root, 'place');
	await mkdir(join(folder, 'zeta'), { recursive: true });
	await writeFile(join(folder, 'disk.qcow2'), 'x'.repeat(7));
	await writeFile(join(folder, 'Notes.txt'), '');
	await symlink('zeta', join(folder, 'alias'));
	await symlink('nowhere', join(folder, 'dangling'));
	const { path, parent, entries } = await api.places.list({ path: `${folder}/` }, none);
	assert.deepEqual([path, parent], [folder, root]);
	assert.deepEqual(
		entries.map(({ name, type, sizeBytes }) => [name, type, sizeBytes]),
		[
			['zeta', 'folder', null],
			['alias', 'folder', null],
			['disk.qcow2', 'disk-image', 7],
			['Notes.txt', 'file', 0],
		],
	);
	assert.equal((await api.places.list({ path: '/' }, none)).parent, null);
});

test('a name that is no UTF-8 can be opened as it was listed', { skip: process.platform !== 'linux' && 'names are bytes on Linux only' }, async (t) => {
	const { api, root } = await openApiSite(t);
	await mkdir(join(root, 'place'));
	const odd = Buffer.concat([Buffer.from(join(root, 'place', 'caf')), Buffer.of(0xe9)]);
	await mkdir(odd);
	await writeFile(Buffer.concat([odd, Buffer.from('/inside')]), '');
	const [entry] = (await api.places.list({ path: join(root, 'place') }, none)).entries;
	assert.deepEqual(bytesFromText(entry?.path ?? ''), odd);
	assert.deepEqual(
		(await api.places.list({ path: entry?.path ?? '' }, none)).entries.map(({ name }) => name),
		['inside'],
	);
});

test('the machine is its volumes and its disks', async (t) => {
	const volume = { mountPoint: '/', fileSystem: 'ext4', device: '/dev/sda1', sizeBytes: 100, freeBytes: 40, readOnly: false };
	const device = { path: '/dev/no-such-disk', sizeBytes: 500, model: 'Big', readOnly: false, parentPath: null };
	const { api } = await openApiSite(t, {
		disks: { volumes: async () => [volume], mounts: () => [], mediumOf: () => 'unknown' as const, blockDevices: () => [device] },
	});
	const { path, parent, entries } = await api.places.list({ path: null }, none);
	assert.deepEqual([path, parent], [null, null]);
	assert.deepEqual(
		entries.map(({ type, path: place, sizeBytes, freeBytes, readable }) => [type, place, sizeBytes, freeBytes, readable]),
		[
			['volume', '/', 100, 40, true],
			['block-device', '/dev/no-such-disk', 500, null, false],
		],
	);
});

test('what cannot be listed is named with its reason', async (t) => {
	const { api, root } = await openApiSite(t);
	await writeFile(join(root, 'file'), '');
	await assert.rejects(api.places.list({ path: join(root, 'missing') }, none), { code: 'not-found.path' });
	await assert.rejects(api.places.list({ path: join(root, 'file') }, none), { code: 'usage.invalid' });
	await assert.rejects(api.places.list({ path: 'relative' }, none), { code: 'usage.invalid' });
});

test('a folder full of files shows its folders and no more than 5000 entries', async (t) => {
	const { api, root } = await openApiSite(t);
	const folder = join(root, 'full');
	await mkdir(folder);
	for (let i = 0; i < 5100; i++) await writeFile(join(folder, `file-${i}`), '');
	await mkdir(join(folder, 'zz-folder'));
	const { entries } = await api.places.list({ path: folder }, none);
	assert.equal(entries.length, 5000);
	assert.equal(entries[0]?.name, 'zz-folder');
});

test('the machine describes itself', async (t) => {
	const { api } = await openApiSite(t);
	const info = await api.system.info(none);
	assert.deepEqual([info.product, info.version, info.node], ['Holdfast', '1.2.3', process.versions.node]);
	await assert.rejects(api.system.overview({ timeZone: 'Mars/Olympus' }, none), { code: 'usage.invalid' });
});
