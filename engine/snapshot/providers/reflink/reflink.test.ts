import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPlatform } from '../../../platform/index.ts';
import { afterwards, mountFresh } from '../../../platform/testbed.ts';
import { hiddenFolderName, type Lease, originAttribute, parseOrigin, type Volume } from '../../index.ts';
import { assertOneInstantPerFile, NumberedWriter } from '../../testing/numbered-writer.ts';
import { testProvider } from '../../testing/provider-suite.ts';
import { volumeAt } from '../../volume-map.ts';
import { ReflinkProvider } from './index.ts';

const provider = new ReflinkProvider();
const platform = openPlatform();
const { signal } = new AbortController();

const mountedAt = (mountPoint: string): Volume => {
	const mount = platform.disks.mounts().find((each) => each.mountPoint === mountPoint);
	assert.ok(mount);
	return volumeAt(mount);
};
const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: 'reflink', volume, takenAt: 0, details: null });

testProvider('reflink', (t) => {
	const [one, two] = [mountFresh(t, 'xfs'), mountFresh(t, 'btrfs')];
	if (one === null || two === null) return null;
	return {
		open: () => new ReflinkProvider(),
		volumes: [mountedAt(one), mountedAt(two)],
		foreign: { ...mountedAt(one), id: '/dev/null', mountPoint: '/dev/null', fileSystem: 'proc', device: '/dev/sda1' },
		write: (volume, content) => writeFileSync(join(volume.mountPoint ?? '', 'file'), content),
		read: ({ views: [view] }) => readFileSync(join(view?.at ?? '', 'file'), 'utf8'),
		remains: () => [one, two].flatMap((root) => readdirSync(root)).filter((name) => name !== 'file'),
	};
});

for (const kind of ['xfs', 'btrfs'] as const)
	test(`reflink on ${kind}: 20 in a row under a writer show each file at one instant, and nothing of them is left`, async (t) => {
		const root = mountFresh(t, kind);
		if (root === null) return;
		const volume = mountedAt(root);
		assert.deepEqual(await provider.canProtect(volume, { signal }), { can: true });
		await using _writer = await NumberedWriter.start(root);
		for (let i = 0; i < 20; i++) {
			const own = lease(volume, `lease${i}`);
			const [snapshot] = await provider.create([{ lease: own, paths: [root] }], { signal });
			assertOneInstantPerFile(snapshot?.views[0]?.at ?? '');
			await provider.release(own);
			await provider.release(own); // idempotent
		}
		assert.equal(existsSync(join(root, hiddenFolderName)), false);
	});

test('clones say what they are clones of; what is mounted below is left out; a selected folder within another is cloned once', async (t) => {
	const root = mountFresh(t, 'xfs');
	if (root === null) return;
	for (const name of ['folder', 'folder/inner', 'mounted']) mkdirSync(join(root, name));
	writeFileSync(join(root, 'folder', 'file'), 'content');
	execFileSync('mount', ['-t', 'tmpfs', 'none', join(root, 'mounted')]);
	afterwards(t, () => execFileSync('umount', [join(root, 'mounted')]));
	const own = lease(mountedAt(root), 'own');
	const [snapshot] = await provider.create([{ lease: own, paths: [join(root, 'folder', 'inner'), root] }], { signal });
	assert.deepEqual(
		snapshot?.views.map(({ path }) => path),
		[root],
	);
	const at = snapshot?.views[0]?.at ?? '';
	assert.deepEqual(readdirSync(at).sort(), ['folder']);
	assert.equal(readFileSync(join(at, 'folder', 'file'), 'utf8'), 'content');
	const attribute = platform.metadata.listXattrs(Buffer.from(join(at, 'folder', 'file'))).find(({ name }) => name === originAttribute);
	const { ino, ctimeNs, dev } = statSync(join(root, 'folder', 'file'), { bigint: true });
	assert.deepEqual(attribute && parseOrigin(attribute.value), { ino, ctimeNs, dev });
	await provider.release(own);
});

test('what a job leaves out is not cloned, unless another selected folder wants it', async (t) => {
	const root = mountFresh(t, 'xfs');
	if (root === null) return;
	for (const name of ['keep', 'cache/inner', 'cache/other', 'keep/cache']) mkdirSync(join(root, name), { recursive: true });
	for (const name of ['keep/file', 'keep/file.tmp', 'cache/inner/file', 'cache/other/file', 'keep/cache/file']) writeFileSync(join(root, name), 'x');
	const own = lease(mountedAt(root), 'own');
	const exclusions = { roots: [root, join(root, 'cache', 'inner')], patterns: ['cache', '*.tmp'] };
	const [snapshot] = await provider.create([{ lease: own, paths: exclusions.roots, exclusions }], { signal });
	const names = readdirSync(snapshot?.views[0]?.at ?? '', { recursive: true, encoding: 'utf8' });
	assert.deepEqual(names.sort(), ['cache', 'cache/inner', 'cache/inner/file', 'cache/other', 'cache/other/file', 'keep', 'keep/file']);
	await provider.release(own);
});

test('reflink: what it cannot protect, and why', async () => {
	const volume: Volume = { id: '/x', kind: 'file-system', mountPoint: '/x', fileSystem: 'xfs', device: null, root: '/', isReadOnly: false };
	const old = new ReflinkProvider(async () => ({ code: 0, stdout: 'meta-data=/dev/sdb reflink=0 bigtime=1', stderr: '' }));
	assert.match(JSON.stringify(await old.canProtect(volume, { signal })), /made without reflink=1|only root/);
	assert.match(JSON.stringify(await provider.canProtect({ ...volume, fileSystem: 'ext4' }, { signal })), /cannot share blocks/);
	assert.match(JSON.stringify(await provider.canProtect({ ...volume, isReadOnly: true }, { signal })), /read-only/);
	await assert.rejects(provider.release(lease({ ...volume, mountPoint: '/proc' }, 'x')), /not mounted/);
});
