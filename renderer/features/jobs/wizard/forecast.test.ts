import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PreviewRun } from '../../../../engine/contract/index.ts';
import { pointRange, readForecast } from './forecast.ts';

type File = PreviewRun['files'][number];
const file = (chain: string, kind: File['kind'], createdAt: number, sizeBytes: number, points = [createdAt]): File => ({
	chain,
	object: 'folder:/srv',
	path: `${chain}-${kind}-${createdAt}`,
	kind,
	sizeBytes,
	createdAt,
	points: points.map((at) => ({ createdAt: at, gfs: [] })),
});
const run = (at: number, mode: PreviewRun['mode'], files: File[], removed: string[] = []): PreviewRun => ({
	at,
	mode,
	reason: '',
	files,
	removed,
	pointCount: files.length,
	storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

test('a forward run adds a full or an increment, and the run after which an old chain is gone says so', () => {
	const runs = [
		run(1, 'full', [file('a', 'full', 1, 100)]),
		run(2, 'increment', [file('a', 'full', 1, 100), file('a', 'increment', 2, 5)]),
		run(3, 'synthetic', [file('b', 'full', 3, 110)], ['a-full-1', 'a-increment-2']),
	];
	const steps = readForecast({ runs, isDailyAssumed: false });
	assert.deepEqual(
		steps.map(({ made, losesChain, removedCount }) => [made.kind, made.bytes, losesChain, removedCount]),
		[
			['full', 100, false, 0],
			['increment', 5, false, 0],
			['full', 110, true, 2],
		],
	);
});

test('a reverse incremental run adds the file beside the full, not the full that it renews', () => {
	const [step] = readForecast({ runs: [run(2, 'increment', [file('a', 'full', 2, 100), file('a', 'reverse', 1, 7)])], isDailyAssumed: false });
	assert.deepEqual(step?.made, { kind: 'reverse', bytes: 7 });
});

test('a run whose increment is merged at once adds nothing', () => {
	const [step] = readForecast({ runs: [run(2, 'increment', [file('a', 'full', 2, 100)], ['a-increment-2'])], isDailyAssumed: false });
	assert.deepEqual(step?.made, { kind: 'increment', bytes: 0 });
});

test('points are counted once the retention has something to do', () => {
	const step = (at: number, points: number[]) => run(at, 'increment', [file('a', 'full', 1, 9, points)]);
	const steps = readForecast({ runs: [step(1, [1]), step(2, [1, 2]), step(3, [1, 2, 3]), step(4, [3, 4])], isDailyAssumed: false });
	assert.deepEqual(pointRange(steps, 2), { fewest: 2, most: 3 });
	assert.deepEqual(pointRange(steps.slice(0, 1), 2), { fewest: 1, most: 1 });
});

test('of several objects each has its own points, and the full that is renewed or merged into stands at its newest point', () => {
	const of = (object: string, each: File): File => ({ ...each, object, chain: object });
	const files = [
		of('a', file('a', 'full', 1, 100, [5])),
		of('a', file('a', 'reverse', 3, 7)),
		of('b', file('b', 'full', 1, 50, [5])),
		of('b', file('b', 'reverse', 2, 3)),
	];
	const [step] = readForecast({ runs: [run(5, 'increment', files)], isDailyAssumed: false });
	assert.equal(step?.pointCount, 2);
	assert.deepEqual(step?.files, [
		{ at: 5, kind: 'full', bytes: 150 },
		{ at: 3, kind: 'reverse', bytes: 7 },
		{ at: 2, kind: 'reverse', bytes: 3 },
	]);
});
