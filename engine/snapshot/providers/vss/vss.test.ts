import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../platform/testbed.ts';
import type { Lease, Volume } from '../../index.ts';
import { testProvider } from '../../testing/provider-suite.ts';
import { VssProvider } from './index.ts';
import { hasFailed, parseWriters } from './output.ts';
import { SimulatedVss } from './simulated-machine.ts';

const { signal } = new AbortController();
const options = { signal, outcome: 'complete' } as const;
const sqlWriter = '{a65faa63-5ea8-4ebc-9dbd-a0c4db26912a}';

const drive = (mountPoint: string): Volume => ({
	id: mountPoint,
	kind: 'file-system',
	mountPoint,
	fileSystem: null,
	device: mountPoint.slice(0, 2),
	root: '/',
	isReadOnly: false,
});
const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: 'vss', volume, takenAt: 0, details: null });

function openSite(t: TestContext, { hasDiskshadow = true } = {}) {
	const machine = new SimulatedVss();
	for (const name of ['C:\\', 'D:\\']) machine.content.set(name, '');
	const folder = join(temporaryFolder(t, 'vss'), 'vss');
	const open = (excludedWriters: readonly string[] = []) => new VssProvider({ folder, hasDiskshadow, excludedWriters, run: machine.run, system: 'win32' });
	return { machine, folder, open };
}

for (const hasDiskshadow of [true, false])
	testProvider(hasDiskshadow ? 'vss' : 'vss without diskshadow', (t) => {
		const { machine, open } = openSite(t, { hasDiskshadow });
		return {
			open: () => open(),
			volumes: [drive('C:\\'), drive('D:\\')],
			foreign: { ...drive('E:\\'), mountPoint: '/mnt' },
			write: ({ id }, content) => void machine.content.set(id, content),
			read: ({ views: [view] }) => [...machine.copies.values()].find(({ device }) => `${device}\\` === view?.at)?.content ?? '',
			remains: () => [...machine.copies.keys()],
		};
	});

test('VSS-01 VSS-05: all volumes in one set, writers that are not wanted are left out, and no backup is ended before it is read', async (t) => {
	const { machine, open, folder } = openSite(t);
	machine.isGerman = true;
	const own = [lease(drive('C:\\'), 'a'), lease(drive('D:\\'), 'b')];
	const [first] = await open([sqlWriter]).create(
		own.map((each) => ({ lease: each, paths: [] })),
		{ signal },
	);
	assert.deepEqual(machine.scripts, [
		`set context persistent; writer exclude ${sqlWriter}; begin backup; add volume C:\\ alias holdfast_a; add volume D:\\ alias holdfast_b; create; `,
	]);
	assert.deepEqual(first?.views, [{ path: 'C:\\', at: '\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1\\' }]);
	assert.equal(open().isOneInstant(), true);
	assert.deepEqual(readdirSync(folder), ['a.log'], 'what VSS wrote down stays until all of the set is gone');
	await open().release(lease(drive('C:\\'), 'a'), options);
	assert.deepEqual(readdirSync(folder), ['a.log']);
	await open().release(lease(drive('D:\\'), 'b'), options);
	assert.deepEqual(readdirSync(folder), []);
	assert.throws(() => open(['SqlServerWriter']), { code: 'usage.invalid' });
});

const listing = `vssadmin 1.1 - Volume Shadow Copy Service administrative command-line tool
(C) Copyright 2001-2013 Microsoft Corp.

Writer name: 'Task Scheduler Writer'
   Writer Id: {d61d61c8-d73a-4eee-8cdd-f6f9786b7124}
   Writer Instance Id: {1bddd48e-5052-49db-9b07-b96f96727e6b}
   State: [1] Stable
   Last error: No error

Verfassername: 'SqlServerWriter'
   Verfasser-ID: ${sqlWriter}
   Verfasserinstanz-ID: {7c4a7b2a-8f2d-4b84-a9f5-2f1b1b1d4b11}
   Status: [8] Fehlgeschlagen
   Letzter Fehler: Wiederholbarer Fehler

Writer name: 'Broken
   State: [99] What
`.replaceAll('\n', '\r\n');

test('VSS: applications are listed in any language, and those that failed are named with what happened', async (t) => {
	assert.deepEqual(
		parseWriters(listing).map(({ name, state, lastError }) => [name, state, lastError]),
		[
			['Task Scheduler Writer', 1, 'No error'],
			['SqlServerWriter', 8, 'Wiederholbarer Fehler'],
		],
	);
	assert.deepEqual(parseWriters('garbage\n\n{'), []);
	assert.equal(parseWriters(listing).filter(hasFailed)[0]?.id, sqlWriter);
	const { machine, open } = openSite(t);
	machine.writers = listing;
	machine.failing = { code: 1, output: 'COM call "(*vssObject)->DoSnapshotSet" failed.\r\nThe returned error is 0x800423F3.' };
	await assert.rejects(open().create([{ lease: lease(drive('C:\\'), 'a'), paths: [] }], { signal }), ({ code, message, hint, data }) => {
		assert.match(message, /^C:\\: An application could not make itself consistent this time\. SqlServerWriter \(Wiederholbarer Fehler\)/);
		assert.match(hint, /again/);
		return code === 'snapshot.writer' && data.isRetryable === true && data.writers[0] === sqlWriter;
	});
});

test('VSS: what goes wrong is told by its number, with the remedy', async (t) => {
	const { machine, open } = openSite(t);
	const create = (provider: VssProvider) => provider.create([{ lease: lease(drive('C:\\'), 'a'), paths: [] }], { signal });
	for (const [output, code, words] of [
		['Fehler 0x8004231F', 'snapshot.failed', /no room/],
		['0x80042316 VSS_E_SNAPSHOT_SET_IN_PROGRESS', 'snapshot.failed', /Another snapshot/],
		['0x80042314', 'snapshot.timeout', /held back/],
		['0x8004230c', 'snapshot.unsupported', /no snapshots of this volume/],
		['0x80070005', 'snapshot.failed', /rights/],
		['0xdeadbeef\r\nAll is lost', 'snapshot.failed', /\(3\): All is lost/],
		['', 'snapshot.failed', /nobody said why/],
	] as const) {
		machine.failing = { code: 3, output };
		await assert.rejects(create(open()), { code, message: words }, output);
	}
	machine.failing = { code: 0, output: 'made, but nothing is said of where' };
	await assert.rejects(create(open()), { code: 'snapshot.failed' });
	const plain = openSite(t, { hasDiskshadow: false });
	for (const [value, words] of [
		[6, /no room/],
		[8, /as many shadow copies/],
		[9, /Another snapshot/],
		[77, /\(77\)/],
	] as const) {
		plain.machine.returnValue = value;
		await assert.rejects(create(plain.open()), { message: words });
	}
});

test('VSS: a shadow copy that Windows removed, and a list that is none', async (t) => {
	const { machine, open } = openSite(t);
	const own = lease(drive('C:\\'), 'a');
	await open().create([{ lease: own, paths: [] }], { signal });
	machine.listing = 'Get-CimInstance : Access denied';
	await assert.rejects(open().release(own, options), { code: 'snapshot.failed', message: /does not say which/ }, 'not taken for an empty one');
	machine.listing = null;
	await open().release(own, options);
	await open().create([{ lease: own, paths: [] }], { signal });
	await open().verify(own, { signal });
	machine.copies.clear();
	await assert.rejects(open().verify(own, { signal }), { code: 'snapshot.failed', message: /storage ran full/, hint: /resize shadowstorage/ });
	await open().release(own, options);
	for (const hostile of ['C:\\a b', 'C:\\" x', 'C:\\%PATH%', 'c', 'C:\\x\nbegin restore', '\\\\server\\share\\'])
		assert.equal((await open().canProtect(drive(hostile))).can, false, hostile);
	for (const named of ['C:\\mounts\\data\\', '\\\\?\\Volume{2eca078d-5cbc-43d3-aff8-7e8511f60d0e}\\'])
		assert.equal((await open().canProtect(drive(named))).can, true, named);
});
