import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../../../../base/testing.ts';
import { isRootOnLinux } from '../../../../platform/testbed.ts';
import { LibvirtHost } from '../../testing/libvirt-host.ts';
import { parseDomain } from './domain-xml.ts';
import { openLibvirt } from './libvirt.ts';

test('a real host tells what it is, and its machines with their state, disks, tags and guest agent', { timeout: 240_000 }, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img')) return;
	await using host = await LibvirtHost.start();
	const agent = `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`;
	const cdrom = `<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>`;
	await host.define('web', {
		disks: { vda: '64M', vdb: '3G' },
		head: '<title>Front #shop</title><description>Runs the shop. #production #production</description>',
		more: agent + cdrom,
	});
	await host.define('off', { disks: { vda: '1G' } });
	await host.virsh('start', 'web', '--paused');
	const hypervisor = openLibvirt(host.uri);
	const facts = await hypervisor.describe();
	assert.match(facts.product, /^QEMU \d+\./);
	assert.ok(facts.processors > 0 && facts.memoryBytes > 2 ** 28 && facts.hostName !== '');

	const [off, web] = await hypervisor.machines();
	assert.equal(off?.state, 'off');
	assert.deepEqual([web?.name, web?.state, web?.tags, web?.guestAgent], ['web', 'paused', ['shop', 'production'], 'silent']);
	assert.deepEqual([web?.processors, web?.memoryBytes], [1, 64 * 2 ** 20]);
	assert.deepEqual(
		web?.disks.map(({ name, format, capacityBytes, unsupported }) => [name, format, capacityBytes, unsupported]),
		[
			['vda', 'qcow2', 64 * 2 ** 20, null],
			['vdb', 'qcow2', 3 * 2 ** 30, null],
		],
	);
	await host.virsh('resume', 'web');
	await host.virsh('managedsave', 'web');
	assert.deepEqual(
		(await hypervisor.machines()).map(({ state }) => state),
		['off', 'saved'],
	);
	const backup = { machineId: web?.id ?? '', folder: join(host.folder, 'backup') };
	await hypervisor.beginBackup({ ...backup, disks: ['vda'], since: null, checkpoint: 'holdfast-1' });
	await hypervisor.endBackup(backup);
	assert.equal((await hypervisor.machines({ name: 'web' }))[0]?.state, 'saved', 'again');
	await host.virsh('start', 'web');
	assert.equal((await host.virsh('domstate', 'web')).trim(), 'running', 'not standing still, as it was for the backup');
});

test('a host that is not there is told from one that refuses, and a call that is given up ends', async (t) => {
	if (!requireTool(t, 'virsh')) return;
	await assert.rejects(openLibvirt('qemu:///system?socket=/nowhere/sock').describe(), { code: 'source.unreachable', message: /No such file/ });
	const abort = new AbortController();
	const asked = openLibvirt('qemu+ssh://192.0.2.1/system').describe({ signal: abort.signal });
	abort.abort(new Error('enough'));
	await assert.rejects(asked, /enough/);
});

const domain = (devices: string, more = ''): string =>
	`<domain><name>a</name><uuid>7ccc31a1-2249-4271-87e0-96f1ec9ab906</uuid><memory unit='KiB'>1024</memory><vcpu>2</vcpu>${more}<devices>${devices}</devices></domain>`;

test('disks that cannot be read from outside say why; drives for media are no disks', () => {
	const { disks, guestAgent } = parseDomain(
		domain(`
		<disk type='block' device='lun'><source dev='/dev/sdx'/><target dev='sdb'/></disk>
		<disk type='block'><driver type='raw'/><source dev='/dev/vg/a'/><target dev='vda'/></disk>
		<disk type='network' device='disk'><source protocol='rbd' name='pool/image'/><target dev='vdb'/></disk>
		<disk type='file' device='disk'><source file='/i'/><target dev='vdc'/><readonly/></disk>
		<disk type='file' device='disk'><source file='/i'/><target dev='vdd'/><transient/></disk>
		<disk type='vhostuser' device='disk'><source type='unix' path='/s'/><target dev='vde'/></disk>
		<disk type='file' device='cdrom'><target dev='sda'/></disk>`),
	);
	assert.deepEqual(
		disks.map(({ name, path, format, unsupported }) => [name, path, format, unsupported?.replace(/\.$/, '').split(' ').at(-1) ?? null]),
		[
			['vda', '/dev/vg/a', 'raw', null],
			['vdb', null, 'raw', null],
			['vdc', '/i', 'raw', 'read-only'],
			['vdd', '/i', 'raw', 'ends'],
			['vde', null, 'raw', 'machine'],
		],
	);
	assert.equal(guestAgent, 'absent');
});

test('what is not the definition of a machine is refused, and names are only text', () => {
	const bomb = `<!DOCTYPE d [<!ENTITY a "${'x'.repeat(1000)}">${Array.from({ length: 8 }, (_, i) => `<!ENTITY ${'b'.repeat(i + 1)} "${`&${i === 0 ? 'a' : 'b'.repeat(i)};`.repeat(10)}">`).join('')}]>${domain('', `<title>&${'b'.repeat(8)};</title>`)}`;
	for (const xml of ['', 'nonsense', '<domain/>', '<domain><name>a</name>', domain(`<disk><target dev='../../etc'/></disk>`), '<a>'.repeat(100_000), bomb]) {
		assert.throws(() => parseDomain(xml), { code: 'source.refused' }, xml.slice(0, 60));
	}
	assert.equal(parseDomain(domain('').replace('<name>a<', '<name>--help &amp; &lt;b&gt;<')).name, '--help & <b>');
});
