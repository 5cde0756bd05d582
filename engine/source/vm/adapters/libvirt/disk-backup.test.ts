import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireTool } from '../../../../base/testing.ts';
import { openNbdSource } from '../../../../block/index.ts';
import { isRootOnLinux } from '../../../../platform/testbed.ts';
import type { DiskBackup, Hypervisor } from '../../hypervisor.ts';
import { LibvirtHost } from '../../testing/libvirt-host.ts';
import { openLibvirt } from './libvirt.ts';

const MiB = 2 ** 20;

/** One for all tests: a fresh one first finds out for seconds what QEMU can do. */
let shared: LibvirtHost | undefined;
after(() => shared?.[Symbol.asyncDispose]());

async function openSite(t: TestContext, name: string) {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img')) return null;
	shared ??= await LibvirtHost.start();
	const host = shared;
	await host.define(name, { disks: { vda: '64M', vdb: '32M', vdc: '16M' } });
	await host.virsh('start', name, '--paused');
	const hypervisor: Hypervisor = openLibvirt(host.uri);
	const machineId = (await host.virsh('domuuid', name)).trim();
	const folderOf = (folder: string): string => join(host.folder, `${name}-${folder}`);
	const begin = (folder: string, checkpoint: string, since: string | null = null): Promise<DiskBackup> =>
		hypervisor.beginBackup({ machineId, disks: ['vda', 'vdb'], folder: folderOf(folder), since, checkpoint });
	const end = (folder: string): Promise<void> => hypervisor.endBackup({ machineId, folder: folderOf(folder) });
	return { host, hypervisor, machineId, folderOf, begin, end };
}

/** The byte that fills the MiB at that place, in the export. */
function byteAt(backup: DiskBackup, disk: number, mebibyte: number): number | undefined {
	using source = openNbdSource(backup.disks[disk]?.address ?? assert.fail('no such disk'));
	const block = new Uint8Array(MiB);
	source.readSync(block, mebibyte * MiB);
	assert.ok(block.every((byte) => byte === block[0]));
	return block[0];
}

function changedIn(backup: DiskBackup, disk: number): string[] {
	const { address, dirtyBitmap } = backup.disks[disk] ?? assert.fail('no such disk');
	using source = openNbdSource(address, { dirtyBitmap: dirtyBitmap ?? assert.fail('changes are not known') });
	return source.dirtyExtents().map(({ offsetBytes, lengthBytes }) => `${offsetBytes / MiB}+${lengthBytes / MiB}`);
}

test('SNAP-03, COW-02: disks of one instant are read while the machine writes, and the next backup tells exactly what has changed', {
	timeout: 240_000,
}, async (t) => {
	const site = await openSite(t, 'one');
	if (!site) return;
	const { host, hypervisor, machineId, folderOf, begin, end } = site;
	await host.write('one', 'vda', 1, 0, 2);
	await host.write('one', 'vdb', 1, 5, 1);
	const first = await begin('b1', 'holdfast-1');
	await host.write('one', 'vda', 2, 0, 1);
	await host.write('one', 'vdb', 2, 5, 1);
	assert.deepEqual([byteAt(first, 0, 0), byteAt(first, 0, 1), byteAt(first, 0, 2), byteAt(first, 1, 5)], [1, 1, 0, 1]);
	assert.deepEqual(
		first.disks.map(({ name, dirtyBitmap }) => [name, dirtyBitmap]),
		[
			['vda', null],
			['vdb', null],
		],
	);
	await end('b1');
	assert.equal(existsSync(folderOf('b1')), false);
	await host.write('one', 'vda', 3, 9, 1);
	await host.write('one', 'vdc', 3, 9, 1);

	const second = await begin('b2', 'holdfast-2', 'holdfast-1');
	assert.deepEqual(
		second.disks.map(({ untracked }) => untracked),
		['', ''],
	);
	await host.write('one', 'vda', 4, 20, 1);
	assert.deepEqual(changedIn(second, 0), ['0+1', '9+1']);
	assert.deepEqual(changedIn(second, 1), ['5+1']);
	assert.deepEqual([byteAt(second, 0, 0), byteAt(second, 0, 9), byteAt(second, 0, 20)], [2, 3, 0]);
	await end('b2');
	assert.deepEqual(await hypervisor.checkpoints(machineId), ['holdfast-1', 'holdfast-2']);

	// The second backup came to nothing: without its checkpoint the first one knows of all changes again.
	await hypervisor.dropCheckpoints(machineId, ['holdfast-2', 'holdfast-unknown']);
	const third = await begin('b3', 'holdfast-3', 'holdfast-1');
	assert.deepEqual(changedIn(third, 0), ['0+1', '9+1', '20+1']);
	await end('b3');
	await hypervisor.dropCheckpoints(machineId, ['holdfast-1']);
	assert.deepEqual(await hypervisor.checkpoints(machineId), ['holdfast-3']);
});

test('a checkpoint that is not there, or was lost with a machine that was killed, is said and costs only the knowledge of what changed', {
	timeout: 240_000,
}, async (t) => {
	const site = await openSite(t, 'two');
	if (!site) return;
	const { host, hypervisor, machineId, begin, end } = site;
	await host.write('two', 'vda', 7, 3, 1);
	const foreign = await begin('b1', 'holdfast-1', 'holdfast-0');
	assert.match(foreign.disks[0]?.untracked ?? '', /holdfast-0/);
	assert.deepEqual([byteAt(foreign, 0, 3), foreign.disks[0]?.dirtyBitmap], [7, null]);
	await end('b1');

	await host.kill('two');
	await host.virsh('start', 'two', '--paused');
	await host.write('two', 'vda', 8, 3, 1);
	const after = await begin('b2', 'holdfast-2', 'holdfast-1');
	assert.notEqual(after.disks[0]?.untracked, '');
	assert.equal(byteAt(after, 0, 3), 8);
	await end('b2');
	await hypervisor.dropCheckpoints(machineId, ['holdfast-1']);
	const next = await begin('b3', 'holdfast-3', 'holdfast-2');
	assert.deepEqual([next.disks[0]?.untracked, changedIn(next, 0)], ['', []]);
	await end('b3');
});

test('what a death left is ended by another process, once or twice; a backup of somebody else is left alone', { timeout: 240_000 }, async (t) => {
	const site = await openSite(t, 'three');
	if (!site) return;
	const { host, hypervisor, machineId, folderOf, begin, end } = site;
	const backup = await begin('b1', 'holdfast-1');
	await end('other');
	assert.equal(byteAt(backup, 0, 0), 0, 'it still runs');
	await assert.rejects(begin('b2', 'holdfast-2'), { code: 'source.refused', message: /Another backup/ });
	await end('b2');
	assert.equal(byteAt(backup, 0, 0), 0, 'ending what never began ends nothing else');
	const another = openLibvirt(host.uri);
	for (let i = 0; i < 2; i++) await another.endBackup({ machineId, folder: folderOf('b1') });
	await assert.rejects(host.virsh('backup-dumpxml', 'three'));
	await host.virsh('destroy', 'three');
	mkdirSync(folderOf('b3'));
	await end('b3');
	assert.equal(existsSync(folderOf('b3')), false);
	await assert.rejects(hypervisor.holdStill(machineId, true), { code: 'source.refused' });
});

test('SNAP-03: while numbers are written to two disks, each of 20 backups in a row shows both at one instant, and what has changed since the one before', {
	timeout: 400_000,
}, async (t) => {
	const site = await openSite(t, 'four');
	if (!site) return;
	const { host, begin, end } = site;
	// The number goes to the first disk, then to the second: at each instant they are equal, or the first is ahead by one.
	let number = 0;
	const stop = new AbortController();
	const writing = (async () => {
		while (!stop.signal.aborted) {
			number++;
			for (const disk of ['vda', 'vdb']) await host.write('four', disk, number % 256, 0, 1);
			await sleep(50); // programs that write leave some time to those that back up
		}
	})();
	try {
		let last = 0;
		for (let i = 1; i <= 20; i++) {
			const before = number;
			while (number === before && !stop.signal.aborted) await Promise.race([sleep(20), writing]);
			const backup = await begin(`n${i}`, `holdfast-n${i}`, i === 1 ? null : `holdfast-n${i - 1}`);
			const [first = 0, second = 0] = [byteAt(backup, 0, 0), byteAt(backup, 1, 0)];
			assert.ok((first - second + 256) % 256 <= 1, `${first} and ${second} are not of one instant`);
			assert.ok((first - last + 256) % 256 > 0, 'it was written in between');
			if (i > 1) assert.deepEqual([changedIn(backup, 0), byteAt(backup, 0, 0)], [['0+1'], first], 'the same as long as it is read');
			last = first;
			await end(`n${i}`);
		}
	} finally {
		stop.abort();
		await writing;
	}
});
