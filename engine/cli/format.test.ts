import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, formatFields, formatSize, formatTable, formatTime, isoTime, printable, shorten } from './format.ts';

test('sizes are binary and never have more than three digits', () => {
	const cases: [number, string][] = [
		[0, '0 B'],
		[999, '999 B'],
		[1000, '0.98 KiB'],
		[1024, '1.00 KiB'],
		[1_500_000, '1.43 MiB'],
		[104_857_600, '100 MiB'],
		[2 ** 40 * 3, '3.00 TiB'],
	];
	for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text);
});

test('durations are told in what matters', () => {
	const cases: [number, string][] = [
		[0, '0 ms'],
		[450, '450 ms'],
		[12_340, '12.3 s'],
		[59_960, '1 min 00 s'],
		[61_000, '1 min 01 s'],
		[3_600_000, '1 h 00 min'],
		[3_595_000, '1 h 00 min'],
		[5_400_000, '1 h 30 min'],
		[3 * 86_400_000, '3 days'],
	];
	for (const [ms, text] of cases) assert.equal(formatDuration(ms), text, String(ms));
});

test('times for scripts carry the zone of this machine and mean the same instant', () => {
	for (const at of [0, 1_763_721_442_123, Date.UTC(2026, 6, 1), Date.UTC(2026, 0, 1)]) {
		assert.match(isoTime(at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/);
		assert.equal(Date.parse(isoTime(at)), at);
	}
});

test('times for people are absolute and relative', () => {
	const now = Date.UTC(2026, 10, 21, 12);
	assert.match(formatTime(now - 3 * 3_600_000, now), /^2026-11-\d\d \d\d:\d\d \(3 hours ago\)$/);
	assert.match(formatTime(now + 86_400_000, now), /\(tomorrow\)$/);
	assert.match(formatTime(now - 5000, now), /\(just now\)$/);
	assert.equal(formatTime(null, now), 'never');
});

test('names from foreign disks cannot command the terminal', () => {
	assert.equal(printable('a\u001b[2Jb\nc\u202ed\udcff'), 'a\ufffd[2Jb\ufffdc\ufffdd\ufffd');
	assert.ok(
		!formatTable([{ name: 'x\u001b[31m' }], [{ title: 'Name', value: ({ name }) => name }], '')
			.join('')
			.includes('\u001b'),
	);
	assert.ok(
		!formatFields([['Path', '/a\u0007']])
			.join('')
			.includes('\u0007'),
	);
});

test('columns are aligned, numbers to the right', () => {
	const rows = [
		{ name: 'Größe', count: 5 },
		{ name: 'b', count: 1234 },
	];
	const lines = formatTable(
		rows,
		[
			{ title: 'Name', value: ({ name }) => name },
			{ title: 'Count', value: ({ count }) => String(count), alignRight: true },
		],
		'none',
	);
	assert.deepEqual(lines, ['Name   Count', 'Größe      5', 'b       1234']);
	assert.deepEqual(formatTable([], [], 'none'), ['none']);
});

test('a long path loses its middle', () => {
	assert.equal(shorten('short', 10), 'short');
	assert.equal(shorten('/a/very/long/path/to/file.txt', 15), '/a/ve…/file.txt');
	assert.equal([...shorten('x'.repeat(50), 20)].length, 20);
	assert.equal(shorten('abcdef', 2), 'ab');
});
