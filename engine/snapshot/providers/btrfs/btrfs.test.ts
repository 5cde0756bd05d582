import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPlatform } from '../../../platform/index.ts';
import { mountFresh } from '../../../platform/testbed.ts';
import { hiddenFolderName, type Lease, type Volume } from '../../index.ts';
import { assertOneInstant, NumberedWriter } from '../../testing/numbered-writer.ts';
import { testProvider } from '../../testing/provider-suite.ts';
import { volumeAt } from '../../volume-map.ts';
import { BtrfsProvider } from './index.ts';
import { parseSubvolumes } from './subvolumes.ts';

const provider = new BtrfsProvider();
const { signal } = new AbortController();

const mountedAt = (mountPoint: string): Volume => {
	const mount = openPlatform()
		.disks.mounts()
		.find((each) => each.mountPoint === mountPoint);
	assert.ok(mount);
	return volumeAt(mount);
};
const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: 'btrfs', volume, takenAt: 0, details: null });

testProvider('btrfs', (t) => {
	const [one, two] = [mountFresh(t, 'btrfs'), mountFresh(t, 'btrfs')];
	if (one === null || two === null) return null;
	return {
		open: () => new BtrfsProvider(),
		volumes: [mountedAt(one), mountedAt(two)],
		foreign: { ...mountedAt(one), id: '/proc', mountPoint: '/proc', fileSystem: 'proc', device: '/dev/sda1' },
		write: (volume, content) => writeFileSync(join(volume.mountPoint ?? '', 'file'), content),
		read: ({ views: [view] }) => readFileSync(join(view?.at ?? '', 'file'), 'utf8'),
		remains: () => [one, two].flatMap((root) => readdirSync(root)).filter((name) => name !== 'file'),
	};
});

test('SNAP-02 SNAP-03 btrfs: 20 snapshots in a row under a writer each show one instant, and nothing of them is left', async (t) => {
	const root = mountFresh(t, 'btrfs');
	if (root === null) return;
	const volume = mountedAt(root);
	assert.deepEqual(await provider.canProtect(volume, { signal }), { can: true });
	await using _writer = await NumberedWriter.start(root);
	const seen: number[] = [];
	for (let i = 0; i < 20; i++) {
		const own = lease(volume, `lease${i}`);
		const [snapshot] = await provider.create([{ lease: own, paths: [root] }], { signal });
		seen.push(assertOneInstant(snapshot?.views[0]?.at ?? ''));
		await provider.release(own, { signal });
		await provider.release(own, { signal }); // idempotent
	}
	assert.deepEqual(
		seen,
		seen.toSorted((a, b) => a - b),
	);
	assert.ok((seen.at(-1) as number) > (seen[0] as number), 'the writer went on meanwhile');
	assert.equal(existsSync(join(root, hiddenFolderName)), false);
});

test('btrfs: subvolumes below what is selected have a snapshot of their own, others have none, and a half-made lease is released', async (t) => {
	const root = mountFresh(t, 'btrfs');
	if (root === null) return;
	const volume = mountedAt(root);
	for (const name of ['inner', 'other']) execFileSync('btrfs', ['subvolume', 'create', join(root, name)], { stdio: 'ignore' });
	mkdirSync(join(root, 'inner', 'folder'));
	execFileSync('btrfs', ['subvolume', 'create', join(root, 'inner', 'folder', 'deep')], { stdio: 'ignore' });
	writeFileSync(join(root, 'inner', 'folder', 'deep', 'file'), 'before');
	const own = lease(volume, 'nested');
	const [snapshot] = await provider.create([{ lease: own, paths: [join(root, 'inner')] }], { signal });
	writeFileSync(join(root, 'inner', 'folder', 'deep', 'file'), 'after');
	assert.deepEqual(snapshot?.views.map(({ path }) => path).sort(), [root, join(root, 'inner'), join(root, 'inner', 'folder', 'deep')]);
	assert.match(snapshot?.notes.join() ?? '', /3 subvolumes/);
	const deep = snapshot?.views.find(({ path }) => path.endsWith('deep'))?.at ?? '';
	assert.equal(readFileSync(join(deep, 'file'), 'utf8'), 'before');
	const busy = lease(volume, 'second');
	await provider.create([{ lease: busy, paths: [root] }], { signal });
	await provider.release(own, { signal });
	assert.equal(existsSync(join(root, hiddenFolderName, 'second')), true);
	await provider.release(busy, { signal });
	await provider.release(lease(volume, 'neverMade'), { signal });
	assert.equal(existsSync(join(root, hiddenFolderName)), false);
});

test('btrfs: what it cannot protect, and why', async (t) => {
	const root = mountFresh(t, 'btrfs');
	if (root === null) return;
	const volume = mountedAt(root);
	const reasonFor = async (other: Partial<Volume>) => {
		const answer = await provider.canProtect({ ...volume, ...other }, { signal });
		return answer.can ? '' : answer.reason;
	};
	mkdirSync(join(root, 'folder'));
	assert.match(await reasonFor({ fileSystem: 'ext4' }), /not a btrfs/);
	assert.match(await reasonFor({ isReadOnly: true }), /read-only/);
	assert.match(await reasonFor({ mountPoint: join(root, 'folder') }), /whole subvolume/);
	await assert.rejects(provider.release(lease({ ...volume, mountPoint: '/proc' }, 'x'), { signal }), /not mounted/);
});

test('a listing of subvolumes is read line by line; what is none is left out', () => {
	const listing = 'ID 256 gen 9 top level 5 path home\nID 257 gen 9 top level 256 path home/my data\nERROR: something\n';
	assert.deepEqual(parseSubvolumes(listing), ['home', 'home/my data']);
});
