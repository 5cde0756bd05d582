import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError } from '../../base/index.ts';
import { formatNbdUri, isNbdUri, type NbdAddress, parseNbdUri } from './uri.ts';

test('an address is read as the NBD URI specification has it, and written so that others read it', () => {
	const cases: readonly (readonly [string, NbdAddress])[] = [
		['nbd://example.com/', { transport: { kind: 'tcp', host: 'example.com', port: 10809 }, exportName: '' }],
		['nbd://example.com', { transport: { kind: 'tcp', host: 'example.com', port: 10809 }, exportName: '' }],
		['nbd://[::1]:44/a/b', { transport: { kind: 'tcp', host: '::1', port: 44 }, exportName: 'a/b' }],
		['nbd+unix:///?socket=/run/nbd', { transport: { kind: 'unix', path: '/run/nbd' }, exportName: '' }],
		[
			'nbds://10.0.0.5:9480/vda?tls-certificates=/etc/pki&tls-hostname=server',
			{ transport: { kind: 'tcp', host: '10.0.0.5', port: 9480, tls: { certificates: '/etc/pki', hostName: 'server' } }, exportName: 'vda' },
		],
		['nbds://h/?tls-certificates=/p', { transport: { kind: 'tcp', host: 'h', port: 10809, tls: { certificates: '/p', hostName: null } }, exportName: '' }],
		['nbd+unix:///my%20disk%23?socket=/run/my%20nbd', { transport: { kind: 'unix', path: '/run/my nbd' }, exportName: 'my disk#' }],
	];
	for (const [text, address] of cases) {
		assert.ok(isNbdUri(text));
		assert.deepEqual(parseNbdUri(text), address);
		assert.deepEqual(parseNbdUri(formatNbdUri(address)), address);
	}
});

test('an address that is none says why', () => {
	const cases: readonly (readonly [string, RegExp])[] = [
		['nbds://example.com/', /TLS needs certificates/],
		['nbds://example.com/?tls-certificates=relative', /TLS needs certificates/],
		['nbd://example.com/?tls-certificates=/etc/pki', /"tls-certificates"/],
		['nbd+vsock://1/', /scheme/],
		['nbd:///disk', /no host/],
		['nbd+unix:///disk', /absolute path/],
		['nbd+unix:///?socket=relative', /absolute path/],
		['nbd+unix://host/?socket=/run/nbd', /no host/],
		['nbd://host/?socket=/run/nbd', /nbd\+unix/],
		['nbd://host/?colour=red', /"colour"/],
		['nbd://user@host/', /users/],
		['nbd://host/a#b', /%23/],
		['nbd://host/%00', /NUL/],
		['nbd://host/%', /URI/],
		['nbd://host:99999/', /URI/],
	];
	for (const [text, words] of cases) {
		assert.ok(isNbdUri(text));
		assert.throws(
			() => parseNbdUri(text),
			(error) => isEngineError(error, 'source.unsupported') && words.test(error.message),
			text,
		);
	}
	for (const text of ['/nbd://a', 'nbd', 'file:///a', 'nbd:/a']) assert.ok(!isNbdUri(text));
});
