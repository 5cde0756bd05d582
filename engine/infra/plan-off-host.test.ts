import assert from 'node:assert/strict';
import test from 'node:test';
import { inTurn, type OffHostMachine, type OffHostRequest, type OffHostVolume, refuseOffHost } from './plan-off-host.ts';

const machine = (name: string, system = 'linux'): OffHostMachine => ({ name, system });
const array = { name: 'array', isTransportable: true };
const volume = (id: string, more: Partial<OffHostVolume> = {}): OffHostVolume => ({ id, computer: 'host', provider: array, ...more });
const request = (more: Partial<OffHostRequest> = {}): OffHostRequest => ({
	host: machine('host'),
	proxy: machine('proxy'),
	volumes: [volume('C:')],
	...more,
});

test('a job that keeps to the rules can be off-host', () => {
	assert.deepEqual(refuseOffHost(request()), []);
	assert.deepEqual(refuseOffHost(request({ proxy: null })), []);
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
	['VAL-19: a proxy with another system', { proxy: machine('p', 'win32') }, 'proxy', /runs win32, “host” linux/],
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
	assert.equal(refuseOffHost(request({ proxy: machine('p', 'win32'), volumes: [volume('C:', { provider: null })] })).length, 2);
});

test('OFFHOST-07: computers one after the other, each with all that lies on it', () => {
	const volumes = [volume('C:', { computer: 'a' }), volume('X:', { computer: 'b' }), volume('D:', { computer: 'a' })];
	assert.deepEqual(
		inTurn(volumes).map((group) => group.map(({ id }) => id)),
		[['C:', 'D:'], ['X:']],
	);
});
