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
