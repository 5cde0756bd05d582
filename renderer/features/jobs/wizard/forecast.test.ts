import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecast } from './forecast.ts';

const runs = Array.from({ length: 40 }, (_, i) => i * 10);
const plan = { runs, fulls: [], renewAfterPoints: 7, retainPoints: 7, fullBytes: 100, incrementBytes: 1 };

test('a chain is renewed when it holds the points to keep, and the one before goes when the new one holds as many', () => {
	const steps = forecast(plan);
	assert.deepEqual(
		steps.map(({ file }) => file.kind === 'full').flatMap((isFull, i) => (isFull ? [i] : [])),
		[0, 7, 14, 21, 28, 35],
	);
	assert.equal(steps[12]?.present.length, 13, 'nearly twice as many just before the old chain goes');
	assert.equal(steps[13]?.present.length, 7);
	assert.equal(steps[13]?.removedCount, 7);
});

test('there are never fewer points than wanted, once there were as many', () => {
	for (const retainPoints of [1, 3, 7, 12]) {
		const steps = forecast({ ...plan, retainPoints, renewAfterPoints: 5 });
		for (const step of steps.slice(retainPoints)) assert.ok(step.present.length >= retainPoints);
	}
});

test('a run after the time of an active full begins a chain, however many were missed', () => {
	const steps = forecast({ ...plan, renewAfterPoints: null, fulls: [95, 96, 200] });
	assert.deepEqual(
		steps.flatMap(({ file }, i) => (file.kind === 'full' ? [i] : [])),
		[0, 10, 20],
	);
});
