import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChainFile, neededBy, needs, segments } from './chain-layout.ts';

const file = (path: string, sizeBytes: number, dependsOn: string | null = null): ChainFile => ({
	path,
	kind: dependsOn === null ? 'full' : 'increment',
	sizeBytes,
	createdAt: 0,
	pointIds: [path],
	dependsOn,
	problem: null,
	expires: false,
});

test('files lie side by side to scale', () => {
	const laid = segments([file('a', 1000), file('b', 500, 'a')], 0.1);
	assert.deepEqual(
		laid.map(({ x, width }) => [x, width]),
		[
			[0, 100],
			[100, 50],
		],
	);
});

test('a small file stays wide enough to hit, and the large ones make room for it', () => {
	const laid = segments([file('a', 10_000), ...Array.from({ length: 10 }, (_, i) => file(`i${i}`, 1, 'a'))], 0.05);
	assert.ok(laid.slice(1).every(({ width }) => width === 5));
	const end = laid.at(-1);
	assert.ok(end && Math.abs(end.x + end.width - 10_010 * 0.05) < 0.001, 'the whole bar keeps its length');
});

test('a bar of many small files grows rather than hiding one', () => {
	const laid = segments(
		Array.from({ length: 300 }, (_, i) => file(`i${i}`, 1)),
		0.01,
	);
	assert.equal(laid.at(-1)?.x, 299 * 5);
	assert.ok(segments([file('a', 0)], 0).every(({ width }) => width === 5));
});

test('a file needs all before it down to the full, and is needed by all after it', () => {
	const files = [file('full', 9), file('1', 1, 'full'), file('2', 1, '1'), file('3', 1, '2')];
	assert.deepEqual([...needs(files, '2')], ['2', '1', 'full']);
	assert.deepEqual([...neededBy(files, '1')], ['2', '3']);
	assert.deepEqual([...neededBy(files, '3')], []);
});

test('a chain that names a missing file or goes in a circle is still drawn', () => {
	assert.deepEqual([...needs([file('1', 1, 'gone')], '1')], ['1']);
	assert.equal(needs([file('a', 1, 'b'), file('b', 1, 'a')], 'a').size, 2);
});
