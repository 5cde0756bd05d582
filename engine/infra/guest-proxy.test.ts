import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseGuestProxies, type GuestCandidate, type GuestProxyRequest } from './index.ts';

const machine = (id: string, facts: Partial<Omit<GuestCandidate, 'networks'>> & { networks?: string[] } = {}): GuestCandidate => ({
	id,
	name: id.toUpperCase(),
	isOnline: true,
	maxTasks: 4,
	runningTasks: 0,
	reaches: new Set(),
	system: 'windows',
	...facts,
	networks: new Set(facts.networks ?? ['10.1.0.0/16']),
});
const near = ['10.1.0.0/16'];
const far = ['10.2.0.0/16'];
const server = machine('server', { networks: far });
const aware = { isApplicationAware: true, isIndexing: false, processesTransactionLogs: false };
const order = (request: Partial<GuestProxyRequest>): string[] =>
	chooseGuestProxies({
		guest: { name: 'db', system: 'windows', networks: near },
		processing: aware,
		chosen: null,
		machines: [],
		backupServer: server,
		...request,
	}).map(({ id }) => id);

test('GIP-01: a guest is contacted only for what is done inside of it', () => {
	const nothing = { isApplicationAware: false, isIndexing: false, processesTransactionLogs: false };
	assert.deepEqual(order({ processing: nothing, machines: [machine('a')] }), []);
	for (const wish of ['isApplicationAware', 'isIndexing', 'processesTransactionLogs'] as const)
		assert.deepEqual(order({ processing: { ...nothing, [wish]: true }, machines: [machine('a')] }), ['a', 'server'], wish);
});

test('GIP-03: guests of any other system are served by the backup server, whatever the job names', () => {
	const guest = { name: 'web', system: 'other', networks: near } as const;
	assert.deepEqual(order({ guest, machines: [machine('a')] }), ['server']);
	assert.deepEqual(order({ guest, machines: [machine('a')], chosen: ['a'] }), ['server']);
});

test('GIP-06: first the same network and not the backup server, then the same and it, then others, then others and it', () => {
	const machines = [machine('elsewhere', { networks: far }), machine('server', { networks: near }), machine('beside')];
	assert.deepEqual(order({ machines, backupServer: machine('server', { networks: near }) }), ['beside', 'server', 'elsewhere']);
	assert.deepEqual(order({ machines: [server, machine('elsewhere', { networks: far })] }), ['elsewhere', 'server']);
});

test('GIP-04, GIP-05: only Windows machines that are there; of equals the one with the most room; the job may name several', () => {
	const machines = [
		machine('linux', { system: 'other' }),
		machine('away', { isOnline: false }),
		machine('busy', { runningTasks: 3 }),
		machine('idle', { runningTasks: 1 }),
	];
	assert.deepEqual(order({ machines }), ['idle', 'busy', 'server']);
	assert.deepEqual(order({ machines, chosen: ['busy', 'away'] }), ['busy', 'server']);
	assert.throws(() => order({ machines, chosen: ['gone'] }), { code: 'infra.no-proxy', message: /“db”/ });
});

test('GIP-07: the backup server takes over for a guest that no proxy gets through to', () => {
	assert.equal(order({ machines: [machine('a'), machine('b')] }).at(-1), 'server');
	assert.deepEqual(order({ machines: [] }), ['server']);
});
