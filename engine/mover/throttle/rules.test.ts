import assert from 'node:assert/strict';
import test from 'node:test';
import { parseThrottleWindow, type ThrottleSettings, type ThrottleWindow } from '../../contract/index.ts';
import { type Link, loopback, matchesLink, rulesFor } from './rules.ts';

const rule = (from: string, to: string, more: Partial<ThrottleSettings> = {}): { settings: ThrottleSettings } => ({
	settings: { name: `${from} to ${to}`, from, to, bytesPerSec: 1_000_000, windows: [], enabled: true, ...more },
});
const link = (local: string, remote: string): Link => ({ local: [local], remote: [remote] });
const noon = { weekday: 'wed', minute: 720 } as const;
const vector = rule('192.168.0.1-192.168.0.255', '172.16.0.1-172.16.0.255');

test('NET-02: a rule matches when one component is in its first range and the other in its second: 192.168.0.12 to 172.16.0.31', () => {
	assert.ok(matchesLink(vector.settings, link('192.168.0.12', '172.16.0.31')));
	assert.ok(!matchesLink(vector.settings, link('192.168.1.12', '172.16.0.31')));
	assert.ok(!matchesLink(vector.settings, link('192.168.0.12', '172.16.1.31')));
	assert.ok(!matchesLink(vector.settings, link('192.168.0.12', '192.168.0.13')));
});

test('NET-03: a rule works both ways: 172.16.0.31 to 192.168.0.12', () => {
	assert.ok(matchesLink(vector.settings, link('172.16.0.31', '192.168.0.12')));
});

test('NET-04: a component with several addresses is matched by any of them', () => {
	const pair: Link = { local: ['fe80::1%eth0', '10.0.0.4', '192.168.0.12'], remote: ['::ffff:172.16.0.31'] };
	assert.ok(matchesLink(vector.settings, pair));
	assert.ok(!matchesLink(vector.settings, { ...pair, local: ['fe80::1', '10.0.0.4'] }));
	assert.ok(!matchesLink(vector.settings, { local: ['no address'], remote: [] }));
});

test('NET-01, NET-05: of all rules those hold that match the pair, are switched on, and have their time', () => {
	const office = [parseThrottleWindow('mon-fri 08:00-18:00') as ThrottleWindow];
	const rules = [
		vector,
		rule('0.0.0.0/0', '172.16.0.0/16', { name: 'office', windows: office }),
		rule('192.168.0.0/16', '172.16.0.0/16', { name: 'off', enabled: false }),
		rule('192.168.0.0/16', '10.0.0.0/8', { name: 'elsewhere' }),
	];
	const namesAt = (now: Parameters<typeof rulesFor>[2]): string[] =>
		rulesFor(rules, link('172.16.0.31', '192.168.0.12'), now).map(({ settings }) => settings.name);
	assert.deepEqual(namesAt(noon), [vector.settings.name, 'office']);
	assert.deepEqual(namesAt({ weekday: 'wed', minute: 1080 }), [vector.settings.name]);
	assert.deepEqual(namesAt({ weekday: 'sun', minute: 720 }), [vector.settings.name]);
});

test('traffic within the machine is that of its loopback addresses', () => {
	assert.ok(matchesLink(rule('127.0.0.0/8', '127.0.0.1').settings, loopback));
	assert.ok(matchesLink(rule('::/0', '::/0').settings, loopback));
	assert.ok(!matchesLink(rule('10.0.0.0/8', '10.0.0.0/8').settings, loopback));
});
