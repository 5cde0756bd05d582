import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { type Candidate, chooseGateway, chooseProxies, type GatewayCandidate, type GatewayRequest, mountServerOf, type ProxyRequest } from './index.ts';

const machine = (
	id: string,
	{ maxTasks = 4, runningTasks = 0, isOnline = true, reaches = ['host', 'share'] }: Partial<Omit<Candidate, 'reaches'>> & { reaches?: string[] } = {},
): Candidate => ({
	id,
	name: id.toUpperCase(),
	isOnline,
	maxTasks,
	runningTasks,
	reaches: new Set(reaches),
});
const ids = (machines: readonly Candidate[]): string[] => machines.map(({ id }) => id);
const works = (count: number): ProxyRequest['work'] => Array.from({ length: count }, () => ({ source: 'host' }));
const offHost = (machines: readonly Candidate[], count: number, pinned: string | null = null): Candidate[] =>
	chooseProxies({ mode: 'off-host', pinned, work: works(count), targets: ['share'], machines });

test('DEPLOY-05: on-host the source host itself reads, whatever proxies there are', () => {
	const machines = [machine('host', { runningTasks: 9 }), machine('idle')];
	assert.deepEqual(ids(chooseProxies({ mode: 'on-host', pinned: null, work: works(2), targets: ['share'], machines })), ['host', 'host']);
	assert.throws(() => chooseProxies({ mode: 'on-host', pinned: null, work: works(1), targets: [], machines: [machine('idle')] }), {
		code: 'infra.no-proxy',
		message: /not registered/,
	});
});

test('DEPLOY-05: a pinned proxy is honoured however busy it is, and refused rather than replaced', () => {
	const machines = [machine('pinned', { runningTasks: 4 }), machine('idle'), machine('away', { isOnline: false })];
	assert.deepEqual(ids(offHost(machines, 2, 'pinned')), ['pinned', 'pinned']);
	assert.throws(() => offHost(machines, 1, 'away'), { code: 'infra.no-proxy', message: /“AWAY” cannot be reached/ });
	assert.throws(() => offHost([machine('pinned', { reaches: ['host'] })], 1, 'pinned'), { message: /“PINNED” does not reach/ });
	assert.throws(() => offHost(machines, 1, 'gone'), { code: 'infra.no-proxy', message: /does not exist any more/ });
});

test('DEPLOY-05: a candidate reaches the source and every target, and is there', () => {
	const machines = [
		machine('source-only', { reaches: ['host'] }),
		machine('target-only', { reaches: ['share'] }),
		machine('away', { isOnline: false }),
		machine('both', { runningTasks: 3 }),
	];
	assert.deepEqual(ids(offHost(machines, 1)), ['both']);
	assert.throws(() => offHost(machines.slice(0, 2), 1), { message: /No proxy reaches the source and all targets/ });
	assert.throws(() => offHost(machines.slice(0, 3), 1), { message: /“AWAY” cannot be reached/ });
	assert.throws(() => offHost([machine('a', { isOnline: false }), machine('b', { isOnline: false })], 1), { message: /“A” and “B”/ });
});

test('TASK-08: work goes where the most room is, in proportion to what each machine takes, counting what this job brings', () => {
	assert.deepEqual(ids(offHost([machine('busy', { runningTasks: 3 }), machine('idle')], 3)), ['idle', 'idle', 'idle']);
	assert.deepEqual(ids(offHost([machine('small', { maxTasks: 2 }), machine('large', { maxTasks: 4 })], 6)).toSorted(), [
		'large',
		'large',
		'large',
		'large',
		'small',
		'small',
	]);
	assert.deepEqual(ids(offHost([machine('a'), machine('b')], 2)), ['a', 'b'], 'of equals the first');
	assert.deepEqual(
		ids(offHost([machine('full', { runningTasks: 8 }), machine('fuller', { runningTasks: 12 })], 1)),
		['full'],
		'where all are full it waits with the least loaded',
	);
});

const seeing = (id: string, { maxTasks = 4, runningTasks = 0 } = {}): GatewayCandidate => ({
	id,
	name: id.toUpperCase(),
	maxTasks,
	runningTasks,
	problem: null,
});
const blind = (id: string): GatewayCandidate => ({ ...seeing(id), problem: new EngineError('repository.unreachable', `${id} sees nothing.`) });
const gatewayOf = (request: Partial<GatewayRequest> & Pick<GatewayRequest, 'worker'>): string =>
	chooseGateway({ mountServer: null, gateways: [], last: null, path: '/mnt/nas', ...request }).id;

test('GW-04, PIPE-07: a backup goes through the proxy that reads, which on-host is the source host, however busy it is', () => {
	const [onHost] = chooseProxies({ mode: 'on-host', pinned: null, work: works(1), targets: ['share'], machines: [machine('host')] }) as [Candidate];
	assert.equal(gatewayOf({ worker: { ...onHost, problem: null }, gateways: [seeing('idle')] }), 'host');
	const [proxy] = offHost([machine('proxy', { runningTasks: 9 })], 1) as [Candidate];
	assert.equal(gatewayOf({ worker: { ...proxy, problem: null }, gateways: [seeing('idle')] }), 'proxy');
});

test('GW-07: two machines that two proxies work on have those two as gateways, or that one if it works on both; one file means one gateway', () => {
	const gatewaysOf = (runs: readonly Candidate[]): string[] => runs.map((worker) => gatewayOf({ worker: { ...worker, problem: null } }));
	assert.deepEqual(gatewaysOf(offHost([machine('one', { maxTasks: 1 }), machine('two', { maxTasks: 1 })], 2)), ['one', 'two']);
	assert.deepEqual(gatewaysOf(offHost([machine('one')], 2)), ['one', 'one']);
	assert.deepEqual(gatewaysOf(offHost([machine('one'), machine('two')], 1)), ['one'], 'all objects of a job are one run');
});

test('GW-01, SRV-13: who does not see the share is passed over for the gateway with the most room, and the backup server comes last', () => {
	const gateways = [blind('away'), seeing('busy', { runningTasks: 3 }), seeing('large', { maxTasks: 8, runningTasks: 3 })];
	assert.equal(gatewayOf({ worker: blind('host'), gateways, last: seeing('server') }), 'large');
	assert.equal(gatewayOf({ worker: blind('host'), gateways: [seeing('a'), seeing('b')] }), 'a', 'of equals the first');
	assert.equal(gatewayOf({ worker: blind('host'), gateways: [blind('away')], last: seeing('server') }), 'server');
});

test('MOUNT-02: by itself a repository is read by the machine that it lies on, which for a folder or a share of the backup server is that one', () => {
	assert.equal(mountServerOf({ machineId: 'vault' }), 'vault');
	assert.equal(mountServerOf({ machineId: null, mountServerId: null }), null);
	assert.equal(mountServerOf({ machineId: 'vault', mountServerId: 'branch' }), 'branch');
	assert.equal(mountServerOf({ machineId: null, mountServerId: 'branch' }), 'branch');
});

test('MOUNT-01 MOUNT-04 GW-05 SRV-13 RESTORE-02: who is written on reads itself where it can, then the mount server does, then who else sees the repository', () => {
	const gateways = [seeing('idle', { maxTasks: 32 })];
	const [mountServer, last] = [seeing('mount', { runningTasks: 9 }), seeing('server')];
	assert.equal(gatewayOf({ worker: seeing('target'), mountServer, gateways, last }), 'target');
	assert.equal(gatewayOf({ worker: blind('target'), mountServer, gateways, last }), 'mount', 'however busy it is');
	assert.equal(gatewayOf({ worker: blind('target'), mountServer: blind('mount'), gateways, last }), 'idle');
	assert.equal(gatewayOf({ worker: blind('target'), mountServer: blind('mount'), last }), 'server');
	// one gateway for all: who is written on is not asked
	const unasked = { ...seeing('target'), problem: undefined };
	assert.equal(gatewayOf({ worker: unasked, mountServer, last }), 'mount');
	assert.equal(gatewayOf({ worker: unasked, mountServer: blind('mount'), last }), 'server');
	assert.equal(gatewayOf({ worker: unasked, last }), 'server');
	assert.throws(() => gatewayOf({ worker: blind('target'), mountServer: blind('mount') }), {
		code: 'infra.no-gateway',
		message: /“TARGET”: target sees nothing\. “MOUNT”: mount sees nothing\.$/,
	});
});

test('GW-02: where nobody sees the share the work is refused with every machine, its reason and the remedy', () => {
	assert.throws(() => gatewayOf({ worker: blind('host'), gateways: [blind('away')] }), {
		code: 'infra.no-gateway',
		message: 'No machine gives “HOST” a way to the repository in /mnt/nas. “HOST”: host sees nothing. “AWAY”: away sees nothing.',
		hint: /Mount the share that holds it at \/mnt\/nas on “HOST”/,
	});
});
