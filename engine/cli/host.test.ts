/** Hypervisor hosts from the command line, on a real engine and a real libvirtd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { isRootOnLinux } from '../platform/testbed.ts';
import { LibvirtHost } from '../source/vm/testing/libvirt-host.ts';
import { makePlaceInProcess } from './testing/program.ts';

test('SRV-07: a host is added when it answers, its machines are listed, and it is forgotten', { timeout: 240_000 }, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-img')) return;
	const place = await makePlaceInProcess(t);
	const run = async (...args: string[]) => {
		const { code, document } = await place.json(...args);
		return { code, ...document };
	};
	await using libvirt = await LibvirtHost.start();
	await libvirt.define('ledger', { disks: { vda: '1G' } });

	const added = await run('host', 'add', 'Lab', '--type', 'libvirt', '--uri', libvirt.uri);
	assert.deepEqual([added.code, added.host.name, added.host.state], [0, 'Lab', 'online']);
	assert.match(added.host.product, /^QEMU/);
	assert.equal((await run('host', 'add', 'lab', '--type', 'libvirt', '--uri', libvirt.uri)).error.code, 'exists.name');
	const { vms } = await run('host', 'vms', 'Lab');
	assert.deepEqual([vms.length, vms[0].name, vms[0].disks[0].capacityBytes], [1, 'ledger', 2 ** 30]);

	const lost = await run('host', 'add', 'Lost', '--type', 'libvirt', '--uri', 'qemu:///system?socket=/nowhere/sock');
	assert.deepEqual([lost.code, lost.error.code], [1, 'source.unreachable']);
	for (const [type, uri, field] of [
		['vsphere', 'qemu:///system', '--type'],
		['libvirt', 'test:///default', 'uri'],
		['libvirt', '--help', 'uri'],
	] as const) {
		const refused = await run('host', 'add', 'Bad', `--type=${type}`, `--uri=${uri}`);
		assert.deepEqual([refused.code, refused.error.code, refused.error.data?.field ?? field], [2, 'usage.invalid', field]);
	}
	assert.equal((await run('host', 'vms', 'Nobody')).error.code, 'not-found.host');
	assert.equal((await run('host', 'remove', 'Lab')).code, 0);
	assert.deepEqual((await run('host', 'list')).hosts, []);
});
