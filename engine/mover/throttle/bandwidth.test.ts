import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '../../base/testing.ts';
import { parseThrottleWindow, type ThrottleSettings, type ThrottleWindow } from '../../contract/index.ts';
import { seededRandom } from '../../repository/testing/random.ts';
import { flow, LateClock, mostInWindow, type Passed } from '../testing/flow.ts';
import { type Allowance, Bandwidth, localTraffic, type Traffic } from './bandwidth.ts';
import type { Link } from './rules.ts';

const MB = 1_000_000;
const folder = '/mnt/backups';
const wednesday = (hour: number, minute = 0, second = 0): number => new Date(2026, 10, 25, hour, minute, second).getTime();

function open(t: TestContext, clock = new FakeClock(wednesday(12))): Bandwidth {
	const bandwidth = new Bandwidth(clock);
	t.after(() => bandwidth[Symbol.dispose]());
	return bandwidth;
}
const rateOf = ({ share }: Allowance): number => Number(new BigInt64Array(share)[0]);
const rule = (id: string, more: Partial<ThrottleSettings> = {}): { id: string; settings: ThrottleSettings } => ({
	id,
	settings: { name: id, from: '192.168.0.0/24', to: '172.16.0.0/24', bytesPerSec: 9 * MB, windows: [], enabled: true, ...more },
});
const link: Link = { local: ['192.168.0.12'], remote: ['172.16.0.31'] };
const over = (where: Link, more: Partial<Traffic> = {}): Traffic => ({ direction: 'write', repository: null, link: where, ...more });

test('RATE-02, RATE-03: 8 MB/s are divided live: two writers 4 + 4, a reader has 8 of its own, two readers 4 + 4, and who stays gets what others leave', (t) => {
	const bandwidth = open(t);
	bandwidth.setRepositories([{ name: 'Main', path: folder, machineId: null, readLimit: 8 * MB, writeLimit: 8 * MB }]);
	const first = bandwidth.join(localTraffic('write', folder));
	assert.equal(rateOf(first), 8 * MB);
	const second = bandwidth.join(localTraffic('write', folder));
	const elsewhere = bandwidth.join(localTraffic('write', '/mnt/other'));
	assert.deepEqual([first, second, elsewhere].map(rateOf), [4 * MB, 4 * MB, 0]);
	const reader = bandwidth.join(localTraffic('read', folder));
	assert.deepEqual([first, second, reader].map(rateOf), [4 * MB, 4 * MB, 8 * MB]);
	const otherReader = bandwidth.join(localTraffic('read', folder));
	assert.deepEqual([first, second, reader, otherReader].map(rateOf), [4 * MB, 4 * MB, 4 * MB, 4 * MB]);
	second[Symbol.dispose]();
	second[Symbol.dispose]();
	assert.deepEqual([first, reader, otherReader].map(rateOf), [8 * MB, 4 * MB, 4 * MB]);
	assert.deepEqual(first.heldBy, { kind: 'write', name: 'Main', bytesPerSec: 8 * MB });
});

test('RATE-01: a limit that is changed or taken away holds for what is under way', (t) => {
	const bandwidth = open(t);
	const writer = bandwidth.join(localTraffic('write', folder));
	assert.equal(rateOf(writer), 0);
	bandwidth.setRepositories([{ name: 'Main', path: folder, machineId: null, readLimit: 1 * MB, writeLimit: 2 * MB }]);
	assert.equal(rateOf(writer), 2 * MB);
	bandwidth.setRepositories([{ name: 'Main', path: folder, machineId: null, readLimit: 1 * MB, writeLimit: null }]);
	assert.equal(rateOf(writer), 0);
});

test('NET-01, NET-03, NET-06: connections that one rule catches share it, whichever way they go; others do not feel it', (t) => {
	const bandwidth = open(t);
	bandwidth.setRules([rule('wan')]);
	const there = bandwidth.join(over(link));
	const back = bandwidth.join(over({ local: link.remote, remote: link.local }, { direction: 'read' }));
	const elsewhere = bandwidth.join(over({ ...link, remote: ['172.17.0.31'] }));
	assert.deepEqual([there, back, elsewhere].map(rateOf), [4.5 * MB, 4.5 * MB, 0]);
	assert.deepEqual(bandwidth.stateOf(rule('wan')), { isActive: true, transferCount: 2 });
	bandwidth.setRules([rule('wan', { bytesPerSec: 2 * MB }), rule('tight', { bytesPerSec: 1 * MB, from: '192.168.0.12', to: '0.0.0.0/0' })]);
	// all rules that match hold at once; `tight` holds the one that goes elsewhere, too
	assert.deepEqual([there, back, elsewhere].map(rateOf), [333_333, 333_333, 333_333]);
	assert.equal(there.heldBy?.name, 'tight');
	bandwidth.setRules([]);
	assert.deepEqual([there, back, elsewhere].map(rateOf), [0, 0, 0]);
});

test('NET-06, RATE-03: a connection under a rule leaves what the rule keeps it from to the others of its repository', (t) => {
	const bandwidth = open(t);
	bandwidth.setRepositories([{ name: 'Main', path: folder, machineId: null, readLimit: null, writeLimit: 10 * MB }]);
	bandwidth.setRules([rule('wan', { bytesPerSec: 2 * MB })]);
	const far = bandwidth.join(over(link, { repository: { path: folder, machineId: null } }));
	const near = bandwidth.join(localTraffic('write', folder));
	assert.deepEqual([far, near].map(rateOf), [2 * MB, 8 * MB]);
});

test('NET-05: a rule begins and ends with its times while a transfer is under way', async (t) => {
	const clock = new FakeClock(wednesday(7, 59, 30));
	const bandwidth = open(t, clock);
	const windows = [parseThrottleWindow('mon-fri 08:00-18:00') as ThrottleWindow];
	bandwidth.setRules([rule('office', { windows })]);
	const transfer = bandwidth.join(over(link));
	assert.equal(rateOf(transfer), 0);
	assert.deepEqual(bandwidth.stateOf(rule('office', { windows })), { isActive: false, transferCount: 0 });
	await clock.advance(29_000);
	assert.equal(rateOf(transfer), 0);
	await clock.advance(1000);
	assert.equal(rateOf(transfer), 9 * MB);
	clock.set(wednesday(17, 58, 59));
	await clock.advance(60_000);
	assert.equal(rateOf(transfer), 9 * MB);
	await clock.advance(60_000);
	assert.equal(rateOf(transfer), 0);
	assert.equal(transfer.heldBy?.name, 'office', 'what held it last is still told');
});

test('RATE-03: while transfers come and go at chance, no window of 250 ms lets more than 110 % of the limit pass', async (t) => {
	const seed = 77;
	const random = seededRandom(seed);
	const clock = new LateClock(wednesday(12), random, 4);
	const bandwidth = open(t, clock);
	bandwidth.setRepositories([{ name: 'Main', path: folder, machineId: null, readLimit: null, writeLimit: 8 * MB }]);
	const passed: Passed[] = [];
	const flows: { stop: AbortController; done: Promise<void>; allowance: Allowance }[] = [];
	const begin = (): void => {
		const allowance = bandwidth.join(localTraffic('write', folder));
		const stop = new AbortController();
		flows.push({ stop, allowance, done: flow(allowance.share, clock, passed, { wishBytes: MB, signal: stop.signal }) });
	};
	const end = async (): Promise<void> => {
		const ending = flows.shift();
		ending?.stop.abort();
		await ending?.done;
		ending?.allowance[Symbol.dispose]();
	};
	for (let round = 0; round < 12; round++) {
		if (flows.length > 0 && random.chance(0.4)) await end();
		else for (let count = 1 + random.below(3); count > 0; count--) begin();
		await clock.advance(50 + random.below(300));
	}
	while (flows.length > 0) await end();
	const most = mostInWindow(passed, 250);
	assert.ok(most <= 8 * MB * 0.25 * 1.1, `seed ${seed}: ${most}`);
	assert.ok(passed.length > 100, 'bytes have passed');
});
