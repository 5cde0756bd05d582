import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseDuration, parseGfs, parseRate, parseServerUrl, parseSource, parseTimeZone } from './parse.ts';

test('sources are read with their kind; relative paths start in the working folder', () => {
	assert.deepEqual(parseSource('folder:/etc', '/home/me'), { kind: 'folder', path: '/etc' });
	assert.deepEqual(parseSource('folder:.', '/home/me'), { kind: 'folder', path: '/home/me' });
	assert.deepEqual(parseSource('disk:nbd://host/export', '/home/me'), { kind: 'disk', path: 'nbd://host/export' });
	assert.deepEqual(parseSource('disk:vm/a:b.qcow2', '/home/me'), { kind: 'disk', path: '/home/me/vm/a:b.qcow2' });
	assert.deepEqual(parseSource('folder:/with\nnewline/', '/'), { kind: 'folder', path: '/with\nnewline' });
	assert.deepEqual(parseSource('vm:Lab/web', '/home/me'), { kind: 'vm', path: 'Lab/web' });
	for (const text of ['', '/etc', 'etc', 'folder:', 'folder', 'FOLDER:/etc', 'tape:1', ':/x', 'vm:web', 'vm:/web', 'vm:Lab/']) {
		assert.throws(() => parseSource(text, '/'), { code: 'usage.invalid' }, text);
	}
});

test('numbers are whole, plain and within their bounds', () => {
	assert.equal(parseCount('--retain', '14', { min: 1, max: 9999 }), 14);
	for (const text of ['', '0', '10000', '1.5', '-1', '1e3', '0x10', ' 7', 'seven']) {
		assert.throws(() => parseCount('--retain', text, { min: 1, max: 9999 }), { code: 'usage.invalid', message: /--retain/ }, text);
	}
});

test('rates are megabytes per second; zero is no limit', () => {
	assert.equal(parseRate('--read-limit', '50'), 50_000_000);
	assert.equal(parseRate('--read-limit', '0.5'), 500_000);
	assert.equal(parseRate('--read-limit', '0.0000001'), 1, 'a limit never becomes no limit');
	assert.equal(parseRate('--read-limit', '0'), null);
	for (const text of ['', ' ', '-1', 'fast', '1 MB', 'Infinity', 'NaN']) assert.throws(() => parseRate('--read-limit', text), { code: 'usage.invalid' }, text);
});

test('durations come in the unit of their option', () => {
	assert.equal(parseDuration('--retry-wait', '1.5', 60_000), 90_000);
	assert.throws(() => parseDuration('--retry-wait', 'soon', 60_000), { code: 'usage.invalid', message: /minutes/ });
});

test('a time zone must exist', () => {
	assert.equal(parseTimeZone('Europe/Berlin'), 'Europe/Berlin');
	assert.throws(() => parseTimeZone('Mars/Olympus'), { code: 'usage.invalid' });
});

test('a server is named by its address, with or without the token that was printed with it', () => {
	assert.equal(parseServerUrl('http://127.0.0.1:9470/#token=abc').port, '9470');
	for (const text of ['', 'localhost', 'localhost:9470', 'ftp://x', 'http://']) assert.throws(() => parseServerUrl(text), { code: 'usage.invalid' }, text);
});

test('archive fulls are counted by week, month and year, in any order', () => {
	assert.deepEqual(parseGfs('weekly:4,monthly:12,yearly:3'), { weekly: 4, monthly: 12, yearly: 3 });
	assert.deepEqual(parseGfs('yearly:1, weekly:2'), { weekly: 2, monthly: 0, yearly: 1 });
	for (const text of ['', 'weekly', 'weekly:', 'daily:3', 'weekly:1,weekly:2', 'weekly:1:2', 'weekly:-1', 'weekly:1.5'])
		assert.throws(() => parseGfs(text), { code: 'usage.invalid', message: /--gfs/ }, text);
});
