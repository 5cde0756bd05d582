import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Clock, EngineError } from '../base/index.ts';
import type { Machine, MachineRole } from '../contract/index.ts';
import { markerName, prepareRepository } from '../repository/index.ts';
import { createGateways, type Gateways } from './gateways.ts';

type Site = { readonly gateways: Gateways; readonly clock: Clock; readonly viewOf: (machineId: string | null) => string };

/** A share, here a folder, as each machine sees it at its mount point: a folder of its own. Blind ones have an empty one. */
async function openShare(
	t: TestContext,
	machines: readonly { readonly id: string; readonly roles?: MachineRole[]; readonly isBlind?: boolean }[],
): Promise<Site> {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-gateways-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const viewOf = (machineId: string | null): string => join(root, machineId ?? 'server');
	await prepareRepository(viewOf(null));
	const marker = readFileSync(join(viewOf(null), markerName));
	for (const { id, isBlind = false } of machines) {
		mkdirSync(viewOf(id));
		if (!isBlind) writeFileSync(join(viewOf(id), markerName), marker);
	}
	let now = 0;
	const clock: Clock = {
		now: () => now,
		monotonic: () => now,
		async sleep(ms, { signal } = {}) {
			signal?.throwIfAborted();
			now += ms;
		},
	};
	const gateways = createGateways({
		clock,
		machines: {
			list: async () =>
				machines.map(({ id, roles = [] }): Machine => {
					const settings = { name: id.toUpperCase(), address: { host: id, port: 1 }, roles, maxTasks: 2 };
					return { id, revision: 1, settings, state: 'online', problem: null, seenAt: null, status: null };
				}),
			reach: async (_, addresses) => addresses.map(({ host }) => !host.startsWith('far')),
		},
		places: {
			async open({ machineId }) {
				if (machineId === 'dead') throw new EngineError('connection.refused', 'The data mover DEAD cannot be reached.');
				return { path: viewOf(machineId), keys: [] };
			},
			source: async () => null,
			linkTo: async () => assert.fail('nobody asks'),
		},
	});
	return { gateways, clock, viewOf };
}

const at = (machineId: string | null) => ({ path: '/mnt/nas', machineId, gateway: 'auto' }) as const;
const write = { does: 'write' } as const;
const worker = (id: string) => ({ id, name: id.toUpperCase() });
const pathOf = ({ place }: Awaited<ReturnType<Gateways['open']>>): string => place.path;

test('GW-03: a gateway that was chosen is honoured, whoever works', async (t) => {
	const { gateways, viewOf } = await openShare(t, [{ id: 'one' }, { id: 'gate', isBlind: true }]);
	const gateway = await gateways.open({ path: '/mnt/nas', machineId: 'gate' }, worker('one'), write);
	assert.deepEqual([pathOf(gateway), gateway.note, gateway.isElsewhere], [viewOf('gate'), null, false]);
});

test('GW-04: runs are spread over the gateways that stand in, each given back when it is over', async (t) => {
	const gate = (id: string) => ({ id, roles: ['gateway'] satisfies MachineRole[] });
	const { gateways, viewOf } = await openShare(t, [{ id: 'blind', isBlind: true }, gate('far'), gate('a'), gate('b'), { id: 'no-gateway' }]);
	const open = () => gateways.open(at(null), worker('blind'), write);
	const [first, second] = [await open(), await open()];
	assert.deepEqual([first, second].map(pathOf), [viewOf('a'), viewOf('b')]);
	assert.match(first.note ?? '', /^Written through “A”, because “BLIND” does not see the repository: /);
	second[Symbol.dispose]();
	second[Symbol.dispose]();
	assert.deepEqual([await open(), await open()].map(pathOf), [viewOf('b'), viewOf('a')]);
	const near = await gateways.open(at('a'), worker('b'), { does: 'read' });
	assert.deepEqual([pathOf(near), near.isElsewhere, near.note], [viewOf('b'), true, 'Read through “B”, which has the share of the repository mounted.']);
	assert.equal((await gateways.open(at('a'), worker('a'), write)).isElsewhere, false);
});

test('MOUNT-01 MOUNT-04 GW-05: the mount server reads for who does not see the repository; where it cannot, the way is that of everything else, with a warning', async (t) => {
	const { gateways, viewOf } = await openShare(t, [{ id: 'one' }, { id: 'two' }, { id: 'blind', isBlind: true }, { id: 'far' }, { id: 'home' }]);
	const linked = (mountServerId: string, machineId: string | null = null) => ({ path: '/mnt/nas', machineId, mountServerId, gateway: 'fixed' }) as const;
	const told = (of: Awaited<ReturnType<Gateways['open']>>) => [pathOf(of), of.note, of.warning?.message ?? null, of.isElsewhere];
	const [read, verify] = [{ does: 'read' }, { does: 'verify' }] as const;
	const byOne = 'Read through “ONE”, the mount server of the repository.';
	assert.deepEqual(told(await gateways.open(linked('one'), worker('two'), read)), [viewOf('one'), byOne, null, true]);
	assert.deepEqual(told(await gateways.open(linked('one', 'home'), null, read)), [viewOf('one'), byOne, null, true]);
	assert.deepEqual(told(await gateways.open(linked('one'), worker('one'), read)), [viewOf('one'), byOne, null, true]);
	assert.deepEqual(told(await gateways.open(linked('one'), null, verify)), [viewOf('one'), byOne.replace('Read', 'Verified'), null, true]);
	// who reads the repository for everything else needs nobody between; a backup does not look for mount servers
	for (const [place, target, wish] of [
		[linked('one'), null, read],
		[linked('one', 'home'), worker('home'), read],
		[linked('home', 'home'), worker('two'), read],
		[linked('home', 'home'), null, verify],
		[linked('one'), worker('two'), write],
	] as const)
		assert.deepEqual(told(await gateways.open(place, target, wish)), [viewOf(place.machineId), null, null, false]);

	const passed = async (place: ReturnType<typeof linked>, target: string | null, wish: typeof read | typeof verify) => {
		const { note, warning, ...way } = await gateways.open(place, target === null ? null : worker(target), wish);
		assert.deepEqual([note, way.place.path, way.isElsewhere, warning?.path], [null, viewOf(place.machineId), false, '/mnt/nas']);
		return `${warning?.code}: ${warning?.message}`;
	};
	assert.match(
		await passed(linked('blind'), 'two', read),
		/^repository\.unreachable: Read through the backup server instead of the mount server “BLIND”: .*blind is not the repository here/,
	);
	assert.match(await passed(linked('blind', 'home'), 'blind', read), /^repository\.unreachable: Read through “HOME” instead of/);
	assert.match(await passed(linked('blind'), null, verify), /Verified through the backup server instead of the mount server “BLIND”/);
	assert.equal(
		await passed(linked('far'), 'two', read),
		'connection.refused: Read through the backup server instead of the mount server “FAR”: “TWO” cannot connect to it at far:1.',
	);
	writeFileSync(join(viewOf(null), markerName), 'A marker of before.');
	assert.match(await passed(linked('one'), 'two', read), /has no identity/);
});

test('MOUNT-01 GW-04: on a share of many gateways the mount server comes after who works itself, and before those that stand in', async (t) => {
	const gate = { id: 'gate', roles: ['gateway'] satisfies MachineRole[] };
	const { gateways, viewOf } = await openShare(t, [{ id: 'one' }, { id: 'mount' }, gate, { id: 'blind', isBlind: true }]);
	const linked = (mountServerId: string) => ({ ...at(null), mountServerId });
	const read = { does: 'read' } as const;
	assert.equal(pathOf(await gateways.open(linked('mount'), worker('one'), read)), viewOf('one'));
	const away = await gateways.open(linked('mount'), worker('blind'), read);
	assert.deepEqual([pathOf(away), away.warning], [viewOf('mount'), null]);
	assert.match(away.note ?? '', /^Read through “MOUNT”, the mount server of the repository, because “BLIND” does not see the repository: /);
	assert.equal(pathOf(await gateways.open(linked('mount'), worker('blind'), write)), viewOf('gate'), 'a backup does not look for it');
	const own = await gateways.open(linked('blind'), worker('blind'), read);
	assert.equal(pathOf(own), viewOf('gate'));
	assert.match(own.warning?.message ?? '', /^Read through “GATE” instead of the mount server “BLIND”: /);
	assert.equal(pathOf(await gateways.open(linked('mount'), null, { does: 'verify' })), viewOf('mount'));
});

test('MOUNT-04: who does not see the repository is not made its mount server, and gives it an identity otherwise', async (t) => {
	const { gateways, viewOf } = await openShare(t, [{ id: 'one' }, { id: 'blind', isBlind: true }]);
	const before = 'A marker of before.';
	for (const view of [null, 'one']) writeFileSync(join(viewOf(view), markerName), before);
	await assert.rejects(gateways.requireMountServer(at(null), worker('blind'), {}), ({ code, message, hint, data }: EngineError) => {
		assert.equal(code, 'repository.unreachable');
		assert.match(message, /^“BLIND” cannot be the mount server: .*blind is not the repository here/);
		assert.match(hint ?? '', /^Mount the share that holds the repository at \/mnt\/nas on “BLIND”, or let the mount server be chosen/);
		assert.deepEqual(data, { field: 'mountServerId' });
		return true;
	});
	assert.notEqual(readFileSync(join(viewOf(null), markerName), 'utf8'), before);
	await assert.rejects(gateways.requireMountServer(at(null), worker('one'), {}), { code: 'repository.unreachable' });
	writeFileSync(join(viewOf('one'), markerName), readFileSync(join(viewOf(null), markerName)));
	await gateways.requireMountServer(at(null), worker('one'), {});
	await gateways.requireMountServer(at('blind'), worker('blind'), {}); // it holds it
});

test('GW-02: nobody is let to a share that has no identity, or that the machine of the repository does not see', async (t) => {
	const { gateways, viewOf } = await openShare(t, [{ id: 'one' }]);
	writeFileSync(join(viewOf(null), markerName), 'A marker of before.');
	assert.equal(pathOf(await gateways.open(at(null), worker('one'), { does: 'read' })), viewOf(null), 'reading changes nothing there');
	assert.equal(readFileSync(join(viewOf(null), markerName), 'utf8'), 'A marker of before.');
	const passed = await gateways.open(at(null), worker('one'), write);
	assert.match(passed.note ?? '', /^Written through the backup server, because “ONE” does not see the repository: .* is another repository here/);
	writeFileSync(join(viewOf(null), markerName), 'Once more.');
	const many = await Promise.all(['one', 'one', 'one'].map((id) => gateways.open(at(null), worker(id), write)));
	assert.equal(new Set(many.map(({ note }) => note)).size, 1);
	writeFileSync(join(viewOf('one'), markerName), readFileSync(join(viewOf(null), markerName)));
	assert.equal(pathOf(await gateways.open(at(null), worker('one'), write)), viewOf('one'));
	renameSync(viewOf(null), `${viewOf(null)}-unmounted`);
	mkdirSync(viewOf(null));
	await assert.rejects(gateways.open(at(null), worker('one'), write), { code: 'repository.unreachable' });
	await assert.rejects(gateways.open(at('dead'), worker('one'), write), { code: 'connection.refused' });
});

test('PIPE-07: what another machine has written is waited for as long as clients of shares may keep an older folder in mind, and no longer', async (t) => {
	const { gateways, clock, viewOf } = await openShare(t, []);
	assert.equal(await gateways.settle(at(null), [], {}), true);
	assert.equal(clock.now(), 0);
	assert.equal(await gateways.settle(at(null), ['01never'], {}), false);
	assert.ok(clock.now() >= 60_000 && clock.now() < 120_000, `${clock.now()}`);
	renameSync(viewOf(null), `${viewOf(null)}-away`); // what is wrong then is said by who looks next
	assert.equal(await gateways.settle(at(null), ['01never'], {}), false);
	const stop = new AbortController();
	stop.abort(new EngineError('cancelled', 'It was cancelled.'));
	const before = clock.now();
	assert.equal(await gateways.settle(at(null), ['01never'], { signal: stop.signal }), false);
	assert.equal(clock.now(), before, 'what is cancelled waits no longer: its points are there');
});
