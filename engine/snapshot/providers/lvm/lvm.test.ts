import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../platform/testbed.ts';
import type { Lease, Volume } from '../../index.ts';
import { testProvider } from '../../testing/provider-suite.ts';
import { LvmProvider } from './index.ts';
import { parseReport } from './report.ts';
import { SimulatedLvm } from './simulated-machine.ts';

const { signal } = new AbortController();
const options = { signal, outcome: 'complete' } as const;
const mib = 1024 * 1024;

const mounted = (name: string, more: Partial<Volume> = {}): Volume => ({
	id: `/${name}`,
	kind: 'file-system',
	mountPoint: `/${name}`,
	fileSystem: 'ext4',
	device: `/dev/mapper/vg0-${name.replaceAll('-', '--')}`,
	root: '/',
	isReadOnly: false,
	...more,
});
const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: 'lvm', volume, takenAt: 0, details: null });

function openSite(t: TestContext) {
	const machine = new SimulatedLvm();
	machine.add('root');
	machine.add('my-data');
	const folder = temporaryFolder(t, 'lvm');
	const open = (owner = 'abc') => new LvmProvider({ folder: join(folder, 'mounts'), owner, mounts: machine.mounts, run: machine.run, isRoot: true });
	const reasonFor = async (volume: Volume): Promise<string> => {
		const answer = await open().canProtect(volume, { signal });
		return answer.can ? '' : answer.reason;
	};
	return { machine, folder, open, reasonFor };
}

testProvider('lvm', (t) => {
	const { machine, open } = openSite(t);
	const volumes = [mounted('root'), mounted('my-data', { fileSystem: 'xfs', root: '/sub' })] as const;
	return {
		open: () => open(),
		volumes,
		foreign: mounted('other', { device: '/dev/sda1' }),
		write(volume, content) {
			const found = machine.find(`vg0/${volume.id.slice(1)}`);
			if (found) found.content = content;
		},
		read: ({ views: [view] }) => {
			const at = [...machine.mounted].find(([mountPoint]) => view?.at === mountPoint || view?.at === join(mountPoint, 'sub'));
			return machine.find(at?.[1].device ?? '')?.content ?? '';
		},
		remains: () => [...machine.volumes.map(({ name }) => name).filter((name) => name.startsWith('holdfast')), ...machine.mounted.keys()],
	};
});

test('lvm: what is run, for file systems that want to be mounted twice, for thin volumes and for devices', async (t) => {
	const { machine, open } = openSite(t);
	machine.add('pool', { attributes: 'twi-aotz--', percent: '40.00', metadata: '12.00' });
	machine.add('thin', { attributes: 'Vwi-aotz--', pool: 'pool', percent: '55.00' });
	const requests = [
		{ lease: lease(mounted('my-data', { fileSystem: 'xfs' }), 'a'), paths: [] },
		{ lease: lease(mounted('thin', { kind: 'block-device', mountPoint: null, fileSystem: null, device: '/dev/dm-3' }), 'b'), paths: [] },
	];
	const snapshots = await open().create(requests, { signal });
	assert.deepEqual(snapshots[1]?.device, { kind: 'path', path: '/dev/vg0/holdfast_b' });
	assert.match(snapshots[0]?.notes.join() ?? '', /has room for 204 MiB of changes/);
	assert.deepEqual(
		machine.commands.filter((each) => !each.startsWith('lvs')).map((each) => each.replace(/\/\S+\/mounts\//, '…/')),
		[
			'lvcreate --snapshot --yes --permission r --name holdfast_a --extents 51 --addtag holdfast --addtag holdfast.owner.abc vg0/my-data',
			'lvcreate --snapshot --yes --permission r --name holdfast_b --setactivationskip n --addtag holdfast --addtag holdfast.owner.abc vg0/thin',
			'mount -t xfs -o ro,nosuid,nodev,noexec,nouuid,norecovery /dev/vg0/holdfast_a …/a',
		],
	);
	assert.deepEqual(await open('other').leases({ signal }), [], 'those of another engine are not ours');
});

test('lvm: what it cannot protect, and why', async (t) => {
	const { machine, reasonFor } = openSite(t);
	assert.match(await reasonFor(mounted('root', { fileSystem: 'btrfs' })), /btrfs cannot be mounted a second time/);
	assert.match(await reasonFor(mounted('gone')), /no logical volume/);
	machine.add('full', { attributes: 'twi-aotz--', percent: '96.20', metadata: '12.00' });
	machine.add('broken', { attributes: 'twi-aotzM-', percent: '6.20', metadata: '12.00' });
	for (const [name, attributes, pool, reason] of [
		['snapshot', 'swi-a-s---', '', /is a snapshot itself/],
		['asleep', '-wi-------', '', /not active/],
		['in-full', 'Vwi-aotz--', 'full', /pool full is 96 % full: extend it/],
		['in-broken', 'Vwi-aotz--', 'broken', /metadata is damaged/],
		['astray', 'Vwi-aotz--', 'nowhere', /is not listed/],
	] as const) {
		machine.add(name, { attributes, pool });
		assert.match(await reasonFor(mounted(name)), reason, name);
	}
	machine.freeBytes = 8 * mib;
	assert.match(await reasonFor(mounted('root')), /vg0 has 8 MiB free, and a snapshot needs 64 MiB/);
	machine.answers.set('lvs', { code: 0, stdout: '  WARNING: not JSON', stderr: '' });
	assert.match(await reasonFor(mounted('root')), /something that is no report/);
	machine.answers.set('lvs', { code: 5, stdout: '', stderr: '  /dev/mapper/control: open failed: Operation not permitted' });
	assert.match(await reasonFor(mounted('root')), /open failed: Operation not permitted/);
	machine.answers.set('lvs', 'hangs');
	const bounded = await new LvmProvider({ folder: '/x', owner: 'x', mounts: () => [], run: machine.run, isRoot: true }).canProtect(mounted('root'), {
		signal: AbortSignal.timeout(20),
	});
	assert.equal(bounded.can, false);
});

test('lvm: a snapshot that ran full, that somebody removed, that is in use, or that only has our name', async (t) => {
	const { machine, open } = openSite(t);
	const own = lease(mounted('root'), 'own');
	await open().create([{ lease: own, paths: [] }], { signal });
	await open().verify(own, { signal });
	const made = machine.find('vg0/holdfast_own');
	assert.ok(made);
	made.attributes = 'sri-I-s---';
	await assert.rejects(open().verify(own, { signal }), { code: 'snapshot.failed', message: /\/root ran full/ });
	machine.answers.set('umount', { code: 32, stdout: '', stderr: 'umount: /x: target is busy.' });
	await assert.rejects(open().release(own, options), { code: 'snapshot.failed', message: /target is busy/ });
	machine.answers.delete('umount');
	made.tags.length = 0;
	await open().release(own, options);
	assert.ok(machine.find('vg0/holdfast_own'), 'it has no tag of ours');
	await assert.rejects(open().verify(own, { signal }), { message: /removed by somebody else/ });
});

test('lvm: a report of hostile names and numbers gives only what could be a volume', () => {
	const row = { lv_name: 'a', vg_name: 'vg', lv_attr: '-wi-a-----', lv_size: '1024', data_percent: '12,5', lv_kernel_minor: '-1', lv_tags: 'x,y' };
	const rows = [row, { ...row, lv_name: '-f' }, { ...row, vg_name: '../x' }, { ...row, lv_attr: '-' }, { ...row, lv_size: 'NaN' }, null, [], 'x'];
	const [only, ...others] = parseReport(JSON.stringify({ report: [{ lv: rows }, { vg: [] }, null] }));
	assert.deepEqual([only?.name, only?.dataPercent, only?.minor, only?.tags, others.length], ['a', 12.5, null, ['x', 'y'], 0]);
	for (const output of ['', '{}', '[]', 'null', '{"report":{}}']) assert.throws(() => parseReport(output), { code: 'snapshot.failed' }, output);
});
