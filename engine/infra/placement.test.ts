import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Candidate, chooseGateways, chooseProxies, type GatewayRequest, type ProxyRequest } from './index.ts';

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

const backupServer = machine('server');
const gatewaysOf = (request: Partial<GatewayRequest> & Pick<GatewayRequest, 'work'>): Record<string, string[]> =>
	Object.fromEntries(
		[...chooseGateways({ shares: [{ id: 'share', chosen: null }], backupServer, ...request })].map(([share, machines]) => [share, ids(machines)]),
	);
const [one, two] = [machine('one'), machine('two')];
const backup = (proxies: readonly Candidate[], perMachineFiles = true) => ({ kind: 'backup', proxies, perMachineFiles }) as const;

test('GW-03: the gateway that is chosen is honoured, and an appliance on Fibre Channel demands the choice', () => {
	assert.deepEqual(gatewaysOf({ work: backup([one, two]), shares: [{ id: 'share', chosen: machine('chosen') }] }), { share: ['chosen'] });
	assert.deepEqual(gatewaysOf({ work: { kind: 'tape' }, shares: [{ id: 'share', chosen: one, needsChoice: true }] }), { share: ['one'] });
	assert.throws(() => gatewaysOf({ work: backup([one]), shares: [{ id: 'share', chosen: null, needsChoice: true }] }), {
		code: 'infra.no-gateway',
		message: /Fibre Channel/,
	});
});

test('GW-02: a gateway is there and reaches the share, or the work is refused with its name', () => {
	for (const wrong of [machine('wrong', { isOnline: false }), machine('wrong', { reaches: ['host'] })])
		for (const shares of [[{ id: 'share', chosen: wrong }], [{ id: 'share', chosen: null }]])
			assert.throws(() => gatewaysOf({ work: backup([wrong]), shares }), { code: 'infra.no-gateway', message: /“WRONG”/ });
});

test('GW-04, PIPE-07: a backup goes through the proxy that reads, which on-host is the source host', () => {
	const [proxy] = chooseProxies({ mode: 'on-host', pinned: null, work: works(1), targets: ['share'], machines: [machine('host')] });
	assert.deepEqual(gatewaysOf({ work: backup([proxy as Candidate]) }), { share: ['host'] });
	assert.deepEqual(gatewaysOf({ work: backup(offHost([one], 1)) }), { share: ['one'] });
});

test('GW-05: a direct copy goes through the mount server, or the backup server where that is away or does not reach the share', () => {
	const copy = (mountServer: Candidate) => ({ kind: 'copy', side: 'target', mountServer, accelerators: null }) as const;
	assert.deepEqual(gatewaysOf({ work: copy(machine('mount')) }), { share: ['mount'] });
	assert.deepEqual(gatewaysOf({ work: copy(machine('mount', { isOnline: false })) }), { share: ['server'] });
	assert.deepEqual(gatewaysOf({ work: copy(machine('mount', { reaches: [] })) }), { share: ['server'] });
});

test('GW-05: a copy over accelerators goes through that of each side that is a share', () => {
	const accelerators = { source: machine('near'), target: machine('far') };
	const copy = (side: 'source' | 'target') => ({ kind: 'copy', side, mountServer: machine('mount'), accelerators }) as const;
	assert.deepEqual(gatewaysOf({ work: copy('target') }), { share: ['far'] });
	assert.deepEqual(gatewaysOf({ work: copy('source') }), { share: ['near'] });
});

test('GW-06: a backup to tape goes through the backup server', () => {
	assert.deepEqual(gatewaysOf({ work: { kind: 'tape' } }), { share: ['server'] });
});

test('GW-07: two machines that two proxies work on have those two as gateways, or that one if it works on both; one file means one gateway', () => {
	assert.deepEqual(gatewaysOf({ work: backup([one, two]) }), { share: ['one', 'two'] });
	assert.deepEqual(new Set(gatewaysOf({ work: backup([one, one]) }).share), new Set(['one']));
	assert.deepEqual(gatewaysOf({ work: backup([one, two], false) }), { share: ['one'] });
});

test('GW-08: each extent of a scale-out repository has a gateway of its own', () => {
	const everywhere = machine('one', { reaches: ['a', 'b'] });
	const shares = [
		{ id: 'a', chosen: null },
		{ id: 'b', chosen: machine('chosen', { reaches: ['b'] }) },
	];
	assert.deepEqual(gatewaysOf({ work: backup([everywhere], false), shares }), { a: ['one'], b: ['chosen'] });
});
