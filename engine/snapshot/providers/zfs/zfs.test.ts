import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease, Volume } from '../../index.ts';
import { testProvider } from '../../testing/provider-suite.ts';
import { ZfsProvider } from './index.ts';
import { parseDataSet } from './listing.ts';
import { SimulatedZfs } from './simulated-machine.ts';

const { signal } = new AbortController();
const options = { signal, outcome: 'complete' } as const;

const fileSystem = (device: string, more: Partial<Volume> = {}): Volume => ({
	id: `/${device}`,
	kind: 'file-system',
	mountPoint: `/${device}`,
	fileSystem: 'zfs',
	device,
	root: '/',
	isReadOnly: false,
	...more,
});
const device = (name: string): Volume => fileSystem(`/dev/zvol/${name}`, { id: '/dev/zd0', kind: 'block-device', mountPoint: null, fileSystem: null });
const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: 'zfs', volume, takenAt: 0, details: null });

function openSite() {
	const machine = new SimulatedZfs();
	machine.add('tank/home dir');
	machine.add('tank/vol', { type: 'volume' });
	const open = (owner = 'abc') =>
		new ZfsProvider({ owner, run: machine.run, isThere: async (path) => machine.find(path.replace('/dev/zvol/', '')) !== undefined });
	return { machine, open };
}

testProvider('zfs', () => {
	const { machine, open } = openSite();
	const nameOf = (volume: Volume): string => (volume.device ?? '').replace('/dev/zvol/', '');
	return {
		open: () => open(),
		volumes: [fileSystem('tank/home dir'), device('tank/vol')],
		foreign: fileSystem('/dev/sda1', { fileSystem: 'ext4' }),
		write(volume, content) {
			const found = machine.find(nameOf(volume));
			if (found) found.content = content;
		},
		read({ views: [view], device }) {
			const name = device?.kind === 'path' ? device.path.replace('/dev/zvol/', '') : `${view?.path.slice(1)}@${view?.at?.split('/.zfs/snapshot/')[1]}`;
			return machine.find(name)?.content ?? '';
		},
		remains: () => machine.sets.map(({ name }) => name).filter((name) => name.includes('holdfast')),
	};
});

test('zfs: data sets of one pool are of one instant, by one command; a hold keeps others from removing it', async () => {
	const { machine, open } = openSite();
	machine.add('other/data');
	const [first, second, third] = [fileSystem('tank/home dir'), device('tank/vol'), fileSystem('other/data')];
	assert.equal(open().isOneInstant([first, second]), true);
	assert.equal(open().isOneInstant([first, third]), false);
	const requests = [first, second, third].map((volume, i) => ({ lease: lease(volume, `l${i}`), paths: [] }));
	await open().create(requests, { signal });
	assert.deepEqual(machine.commands, [
		'zfs snapshot -o io.holdfast:owner=abc tank/home dir@holdfast-l0 tank/vol@holdfast-l1',
		'zfs snapshot -o io.holdfast:owner=abc other/data@holdfast-l2',
		'zfs hold holdfast tank/home dir@holdfast-l0',
		'zfs hold holdfast tank/vol@holdfast-l1',
		'zfs hold holdfast other/data@holdfast-l2',
		'zfs clone -o readonly=on -o io.holdfast:owner=abc tank/vol@holdfast-l1 tank/holdfast-l1',
	]);
	assert.match((await machine.run('zfs', ['destroy', 'other/data@holdfast-l2'], { signal })).stderr, /busy/);
	assert.deepEqual(await open('other').leases({ signal }), [], 'those of another engine are not ours');
});

test('zfs: a pool that is away, a data set that is busy, and what cannot be understood', async () => {
	const { machine, open } = openSite();
	const own = lease(fileSystem('tank/home dir'), 'own');
	await open().create([{ lease: own, paths: [] }], { signal });
	machine.pools.delete('tank');
	await assert.rejects(open().release(own, options), { code: 'snapshot.failed', message: /pool tank is not imported/, hint: /zpool import tank/ });
	machine.pools.add('tank');
	machine.find('tank/home dir@holdfast-own')?.holds.add('of somebody else');
	await assert.rejects(open().release(own, options), { code: 'snapshot.failed', message: /dataset is busy/ });
	machine.answers.set('zfs list', { code: 2, stdout: '', stderr: 'internal error: Input/output error' });
	await assert.rejects(open().release(own, options), { code: 'snapshot.failed', message: /Input\/output error/ }, 'not taken for one that is not there');
	machine.answers.clear();
	machine.find('tank/home dir@holdfast-own')?.holds.clear();
	await open().release(own, options);
	assert.equal(machine.sets.length, 2);
});

test('zfs: what it cannot protect, and why', async () => {
	const { machine, open } = openSite();
	const reasonFor = async (volume: Volume): Promise<string> => {
		const answer = await open().canProtect(volume, { signal });
		return answer.can ? '' : answer.reason;
	};
	assert.match(await reasonFor(fileSystem('tank/home dir', { root: '/sub' })), /not a whole data set/);
	assert.match(await reasonFor(fileSystem('tank/gone')), /dataset does not exist/);
	assert.match(await reasonFor(fileSystem('tank/vol')), /tank\/vol is a volume/);
	for (const hostile of ['-r', 'tank/../x', 'tank@x', 'tank/a\nb', '', 'tank/-f']) assert.match(await reasonFor(fileSystem(hostile)), /no data set/, hostile);
	machine.add('tank/secret', { keyStatus: 'unavailable' });
	assert.match(await reasonFor(fileSystem('tank/secret')), /key of tank\/secret is not loaded/);
	machine.availableBytes = 0;
	assert.match(await reasonFor(fileSystem('tank/home dir')), /pool tank is full/);
	machine.answers.set('zfs', { code: 0, stdout: 'garbage', stderr: '' });
	assert.match(await reasonFor(fileSystem('tank/home dir')), /something that is no data set/);
	machine.answers.set('zfs', 'hangs');
	assert.equal((await open().canProtect(fileSystem('tank/x'), { signal: AbortSignal.timeout(20) })).can, false);
	for (const output of ['', 'tank\tsnapshot', '../x\tvolume']) assert.throws(() => parseDataSet(output), { code: 'snapshot.failed' });
});
