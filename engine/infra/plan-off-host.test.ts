import assert from 'node:assert/strict';
import test from 'node:test';
import { inTurn, type OffHostMachine, type OffHostRequest, type OffHostVolume, refuseOffHost } from './plan-off-host.ts';

const machine = (name: string, more: Partial<OffHostMachine> = {}): OffHostMachine => ({
	name,
	system: 'Debian 12',
	cluster: null,
	readsDeduplicated: true,
	...more,
});
const array = { name: 'array', isTransportable: true };
const volume = (id: string, more: Partial<OffHostVolume> = {}): OffHostVolume => ({
	id,
	computer: 'host',
	provider: array,
	fileSystem: 'ntfs',
	isEncrypted: false,
	isDeduplicated: false,
	...more,
});
const request = (more: Partial<OffHostRequest> = {}): OffHostRequest => ({
	host: machine('host', { cluster: 'west' }),
	proxy: machine('proxy'),
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
		{ volumes: [volume('C:', { provider: { name: 'btrfs', isTransportable: false } })] },
		'snapshot',
		/provider btrfs/,
	],
	[
		'VAL-18: what no provider can make a snapshot of',
		{ volumes: [volume('C:', { provider: null, reason: 'It is a share.' })] },
		'sources',
		/C: .*It is a share/,
	],
	[
		'OFFHOST-06: sources of two providers',
		{ volumes: [volume('C:'), volume('vm', { provider: { name: 'libvirt', isTransportable: true } })] },
		'sources',
		/array and libvirt/,
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
	assert.equal(refuseOffHost(request({ hasCheckpointRestart: true, volumes: [volume('C:', { provider: null })] })).length, 2);
});

test('OFFHOST-07: computers one after the other, each with all that lies on it', () => {
	const volumes = [volume('C:', { computer: 'a' }), volume('X:', { computer: 'b' }), volume('D:', { computer: 'a' })];
	assert.deepEqual(
		inTurn(volumes).map((group) => group.map(({ id }) => id)),
		[['C:', 'D:'], ['X:']],
	);
});
