import assert from 'node:assert/strict';
import test from 'node:test';
import { type OffHostMachine, type OffHostRequest, type OffHostVolume, planOffHost, refuseOffHost } from './plan-off-host.ts';

const machine = (name: string, more: Partial<OffHostMachine> = {}): OffHostMachine => ({
	name,
	system: 'Debian 12',
	cluster: null,
	readsDeduplicated: true,
	...more,
});
const volume = (id: string, more: Partial<OffHostVolume> = {}): OffHostVolume => ({
	id,
	computer: 'host',
	fileSystem: 'ntfs',
	isEncrypted: false,
	isDeduplicated: false,
	...more,
});
const request = (more: Partial<OffHostRequest> = {}): OffHostRequest => ({
	host: machine('host', { cluster: 'west' }),
	proxy: machine('proxy'),
	provider: { name: 'array', isTransportable: true, afterwards: 'delete' },
	fileSystems: ['ntfs'],
	volumes: [volume('C:')],
	method: 'full',
	changesFoundBy: 'modified-time',
	hasCheckpointRestart: false,
	applications: [],
	...more,
});

test('a job that keeps to the rules can be off-host', () => {
	assert.deepEqual(refuseOffHost(request()), []);
	assert.deepEqual(refuseOffHost(request({ method: 'incremental', proxy: null })), []);
	assert.deepEqual(refuseOffHost(request({ applications: [{ kind: 'exchange', version: '2007', hasContinuousProtection: false }] })), []);
});

const refusals: readonly (readonly [string, Partial<OffHostRequest>, string, RegExp])[] = [
	[
		'VAL-18 OFFHOST-04: a provider that is not transportable',
		{ provider: { name: 'cow', isTransportable: false, afterwards: 'delete' } },
		'snapshot',
		/provider cow/,
	],
	['VAL-19: a proxy of the same cluster', { proxy: machine('node 2', { cluster: 'west' }) }, 'proxy', /node of the cluster “west”/],
	['VAL-19: a proxy with another system', { proxy: machine('p', { system: 'Debian 11' }) }, 'proxy', /runs Debian 11, “host” Debian 12/],
	[
		'VAL-19: a proxy that cannot read what is deduplicated',
		{ proxy: machine('p', { readsDeduplicated: false }), volumes: [volume('D:', { isDeduplicated: true })] },
		'proxy',
		/D: is deduplicated/,
	],
	['VAL-20: checkpoint restart', { hasCheckpointRestart: true }, 'checkpointRestart', /checkpoint/],
	['VAL-21: an encrypted volume', { volumes: [volume('C:'), volume('E:', { isEncrypted: true })] }, 'sources', /E: is encrypted/],
	['VAL-22: changes found by the change journal', { method: 'differential', changesFoundBy: 'change-journal' }, 'changesFoundBy', /change journal/],
	[
		'VAL-23: Exchange under continuous protection',
		{ applications: [{ kind: 'exchange', version: '2007', hasContinuousProtection: true }] },
		'sources',
		/continuous protection/,
	],
	['VAL-24 OFFHOST-09: another file system', { volumes: [volume('F:', { fileSystem: 'fat32' })] }, 'sources', /F: has the file system fat32/],
	[
		'VAL-24 OFFHOST-10: another version of an application',
		{ applications: [{ kind: 'sql-server', version: '2022', hasContinuousProtection: false }] },
		'sources',
		/sql-server 2022/,
	],
];
for (const [name, more, field, words] of refusals) {
	test(`${name} is refused, with the option and the remedy`, () => {
		const [refusal, ...others] = refuseOffHost(request(more));
		assert.ok(refusal !== undefined && others.length === 0);
		assert.match(refusal.message, words);
		assert.equal(refusal.data?.field, field);
		assert.ok((refusal.hint ?? '') !== '');
	});
}

test('all refusals are told at once', () => {
	assert.equal(refuseOffHost(request({ hasCheckpointRestart: true, provider: { name: 'x', isTransportable: false, afterwards: 'delete' } })).length, 2);
});

test('OFFHOST-02 OFFHOST-03 OFFHOST-07 OFFHOST-13: computers one after the other, and what must follow whatever fails goes by the policy of the provider', () => {
	const volumes = [volume('C:', { computer: 'a' }), volume('X:', { computer: 'b' }), volume('D:', { computer: 'a' })];
	const does = (afterwards: 'delete' | 'resynchronise') =>
		planOffHost({ volumes, provider: { name: 'array', isTransportable: true, afterwards } }).map(({ computer, steps, always }) => [
			computer,
			steps[0]?.volumes,
			steps.map((step) => step.does),
			always.map((step) => step.does),
		]);
	const steps = ['snapshot', 'import', 'read'];
	assert.deepEqual(does('delete'), [
		['a', ['C:', 'D:'], steps, ['deport', 'delete']],
		['b', ['X:'], steps, ['deport', 'delete']],
	]);
	assert.deepEqual(does('resynchronise')[1]?.[3], ['deport', 'mount-back', 'resynchronise']);
});
