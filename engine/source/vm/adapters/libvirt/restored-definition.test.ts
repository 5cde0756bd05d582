import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineRegistration } from '../../hypervisor.ts';
import { parseDomain } from './domain-xml.ts';
import { restoredDefinition } from './restored-definition.ts';

const id = '7ccc31a1-2249-4271-87e0-96f1ec9ab906';
const newId = '11111111-2222-4333-8444-555555555555';

const domain = (devices: string, { os = '', more = '' } = {}): string => `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <uuid>${id}</uuid>
  <description>Runs &lt;the shop&gt; &amp; "more"</description>
  <memory unit='KiB'>1024</memory>${more}
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>${os}
  </os>
  <devices>
    ${devices}
    <graphics type='vnc' passwd='a&amp;b"c'/>
  </devices>
  <qemu:commandline><qemu:arg value='-s'/></qemu:commandline>
</domain>
`;
const vda = `<disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <source file='/old/web.img' index='3'><seclabel model='dac' relabel='no'/></source>
      <backingStore type='file'><format type='qcow2'/><source file='/old/base.qcow2'/></backingStore>
      <target dev='vda' bus='virtio'/>
      <serial>S-1</serial>
      <boot order='1'/>
      <alias name='virtio-disk0'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>`;
const restored = (definition: string, more: Partial<MachineRegistration> = {}) =>
	restoredDefinition({ definition, name: 'web', newId: null, disks: [{ name: 'vda', path: '/new/web & co.qcow2' }], nvramPath: null, ...more });

test('the original comes back as it was, with its disks where they are now', () => {
	const definition = domain(vda);
	const expected = definition
		.replace("type='raw' cache", "type='qcow2' cache")
		.replace("<source file='/old/web.img' index='3'>", "<source file='/new/web &amp; co.qcow2'>")
		.replace(/<backingStore[\s\S]*<\/backingStore>/, '')
		.replace("<alias name='virtio-disk0'/>", '')
		.replace('b"c', 'b&quot;c')
		.trimEnd();
	const found = restored(definition);
	assert.equal(found.definition, expected.replaceAll("'", '"'));
	assert.deepEqual(found.leftOut, []);
	assert.equal(parseDomain(found.definition).disks[0]?.path, '/new/web & co.qcow2');
});

test('a copy has another name, another id also in its firmware, and network addresses that libvirt chooses', () => {
	const network = `<interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='default'/><model type='virtio'/></interface>`;
	const sysinfo = `<sysinfo type='smbios'><system><entry name='serial'>${id}</entry><entry name='uuid'>${id}</entry></system></sysinfo>`;
	const definition = domain(vda + network, { more: sysinfo });
	const copy = restored(definition, { name: 'web <2> & "co"', newId }).definition;
	const parsed = parseDomain(copy);
	assert.deepEqual([parsed.name, parsed.id], ['web <2> & "co"', newId]);
	assert.doesNotMatch(copy, /<mac /);
	assert.match(copy, /<source network="default"\/>/);
	assert.match(copy, new RegExp(`<entry name="uuid">${newId}</entry>`));
	assert.match(copy, new RegExp(`<entry name="serial">${id}</entry>`), 'what else stands there stays');
	const original = restored(definition).definition;
	assert.match(original, /52:54:00:aa:bb:cc/);
	assert.match(original, new RegExp(`<entry name="uuid">${id}</entry>`));
});

test('a copy does not write to disks of the original, and keeps what both may have', () => {
	const plainDisk = (name: string, more = '', device = 'disk') =>
		`<disk type='file' device='${device}'><source file='/old/${name}'/><target dev='${name}'/>${more}</disk>`;
	const devices = [
		vda,
		plainDisk('vdb'),
		plainDisk('vdc', '<shareable/>'),
		plainDisk('vdd', '<readonly/>'),
		plainDisk('vde', '<transient/>'),
		plainDisk('sda', '', 'cdrom'),
		`<disk type='file' device='cdrom'><target dev='sdb'/></disk>`,
	].join('');
	const namesIn = (xml: string): string[] => [...xml.matchAll(/<target dev="(\w+)"/g)].map(([, name]) => name ?? '');
	const copy = restored(domain(devices), { name: 'two', newId });
	assert.deepEqual(copy.leftOut, ['vdb']);
	assert.deepEqual(namesIn(copy.definition), ['vda', 'vdc', 'vdd', 'vde', 'sda', 'sdb']);
	assert.deepEqual(
		namesIn(restored(domain(devices)).definition),
		['vda', 'vdb', 'vdc', 'vdd', 'vde', 'sda', 'sdb'],
		'the original keeps what was not backed up',
	);
});

test('disks on devices, in pools and on networks become files', () => {
	for (const disk of [
		`<disk type='block' device='lun' rawio='yes' sgio='filtered'><source dev='/dev/sdx'><reservations managed='yes'/></source><target dev='vda'/></disk>`,
		`<disk type='volume' device='disk'><driver name='qemu'/><source pool='p' volume='v'/><target dev='vda'/></disk>`,
		`<disk type='network' device='disk'><auth username='u'><secret type='ceph' uuid='${id}'/></auth><source protocol='rbd' name='p/i'><host name='h'/></source><target dev='vda'/><alias name='ua-mine'/></disk>`,
		`<disk type='file'><source file='/x'><encryption format='luks'><secret type='passphrase' uuid='${id}'/></encryption></source><encryption format='luks'/><target dev='vda'/></disk>`,
	]) {
		const { definition } = restored(domain(disk));
		const found = /<disk [\s\S]*?<\/disk>/.exec(definition)?.[0] ?? '';
		assert.match(found, /^<disk type="file"/, disk);
		assert.match(found, /<driver name="qemu" type="qcow2"\/>/, disk);
		assert.match(found, /<source file="\/new\/web &amp; co\.qcow2"\/>/, disk);
		assert.doesNotMatch(found, /lun|rawio|sgio|reservations|pool|rbd|<auth|luks/, disk);
		assert.equal(/ua-mine/.test(found), disk.includes('ua-mine'), 'names that users gave stay');
	}
});

test('firmware variables are found where they are now; a copy never shares those of the original', () => {
	for (const nvram of [
		`<nvram template='/usr/share/OVMF/VARS.fd'>/old/web_VARS.fd</nvram>`,
		`<nvram template='/usr/share/OVMF/VARS.fd' type='file'><source file='/old/web_VARS.fd'/></nvram>`,
	]) {
		const definition = domain(vda, { os: `<loader readonly='yes' type='pflash'>/code.fd</loader>${nvram}` });
		assert.equal(parseDomain(definition).nvramPath, '/old/web_VARS.fd');
		assert.match(restored(definition, { nvramPath: '/new/a&b' }).definition, /<nvram template="\/usr\/share\/OVMF\/VARS\.fd">\/new\/a&amp;b<\/nvram>/);
		assert.equal(parseDomain(restored(definition).definition).nvramPath, '/old/web_VARS.fd');
		const fresh = restored(definition, { newId }).definition;
		assert.match(fresh, /<nvram template="\/usr\/share\/OVMF\/VARS\.fd"\/>/);
	}
});

test('a guest that asks learns that it was set back in time', () => {
	const definition = domain(vda, { more: `<genid>${id}</genid>` });
	assert.match(restored(definition).definition, /<genid\/>/);
});

test('what is no definition, or a hostile one, is refused', () => {
	const bomb = `<!DOCTYPE d [<!ENTITY a "${'x'.repeat(1000)}">]>${domain(vda)}`;
	const deep = domain(vda, { more: `<metadata>${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}</metadata>` });
	const polluting = domain(vda, { more: `<__proto__ name='x'><name>y</name></__proto__>` });
	for (const xml of ['', 'nonsense', '<domain/>', bomb, deep, polluting, domain(`<disk><target dev='../../etc'/></disk>`)])
		assert.throws(() => restored(xml), { code: 'source.refused' }, xml.slice(0, 60));
});
