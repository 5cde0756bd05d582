import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, planLanes } from './lanes.ts';

const span = { from: 0, to: 1000 };

test('runs that overlap lie in different lanes, later ones take a lane that has become free', () => {
	const { bars, laneCount } = planLanes(
		[
			{ at: 0, expectedDurationMs: 300 },
			{ at: 100, expectedDurationMs: 100 },
			{ at: 250, expectedDurationMs: 100 },
		],
		{ ...span, minLength: 0 },
	);
	assert.deepEqual(
		bars.map(({ lane }) => lane),
		[0, 1, 1],
	);
	assert.equal(laneCount, 2);
});

test('a short run keeps its lane as long as its label needs', () => {
	const { laneCount } = planLanes(
		[
			{ at: 0, expectedDurationMs: 1 },
			{ at: 100, expectedDurationMs: 1 },
		],
		{ ...span, minLength: 0.2 },
	);
	assert.equal(laneCount, 2);
});

test('a run that lasts beyond the end is cut there', () => {
	assert.equal(planLanes([{ at: 900, expectedDurationMs: 5000 }], { ...span, minLength: 0 }).bars[0]?.end, 1);
});

test('concurrency counts every slice that a run touches', () => {
	assert.deepEqual(
		concurrency(
			[
				{ at: 0, expectedDurationMs: 150 },
				{ at: 100, expectedDurationMs: 10 },
			],
			{ ...span, count: 10 },
		),
		[1, 2, 0, 0, 0, 0, 0, 0, 0, 0],
	);
});

test('a name that would not fit before the end of the line stands in front of its bar', () => {
	const { bars } = planLanes(
		[
			{ at: 950, expectedDurationMs: 10 },
			{ at: 100, expectedDurationMs: 10 },
		],
		{ ...span, minLength: 0.2 },
	);
	assert.deepEqual(
		bars.map(({ isMirrored }) => isMirrored),
		[false, true],
	);
});
