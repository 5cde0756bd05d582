import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cluster, fitAll, inside, nearest, reveal, ticks, timeAt, xOf, zoom } from './timeline-scale.ts';

const hour = 3_600_000;
const day = 24 * hour;
const bounds = { from: 0, to: 100 * day };

test('a place on the strip and its time are each other’s inverse', () => {
	const window = { from: 3 * day, to: 17 * day };
	assert.equal(timeAt(window, 800, xOf(window, 800, 5 * day)), 5 * day);
});

test('all points fit with air at both ends, and one point gets some room as well', () => {
	const all = fitAll([10 * day, 20 * day], 0);
	assert.ok(all.from < 10 * day && all.to > 20 * day);
	const one = fitAll([10 * day], 0);
	assert.ok(one.to - one.from >= 12 * hour);
	const close = fitAll([10 * day, 10 * day + 5000], 0);
	assert.ok(xOf(close, 1000, 10 * day + 5000) - xOf(close, 1000, 10 * day) > 20, 'two points within seconds stand apart');
	assert.ok(fitAll([], 10 * day).to === 10 * day);
});

test('zooming keeps the time under the pointer where it is', () => {
	const window = { from: 20 * day, to: 60 * day };
	const at = 30 * day;
	const closer = zoom(window, 0.5, at, bounds);
	assert.equal(Math.round(xOf(closer, 1000, at)), Math.round(xOf(window, 1000, at)));
	assert.equal(closer.to - closer.from, 20 * day);
});

test('zooming ends at the bounds outwards and at two minutes inwards', () => {
	assert.deepEqual(zoom({ from: 20 * day, to: 60 * day }, 100, 30 * day, bounds), bounds);
	const closest = zoom({ from: 20 * day, to: 60 * day }, 1e-9, 30 * day, bounds);
	assert.equal(Math.round((closest.to - closest.from) / 60_000), 2);
});

test('a window is moved into the bounds without changing its span', () => {
	assert.deepEqual(inside({ from: -5, to: 5 }, { from: 0, to: 100 }), { from: 0, to: 10 });
	assert.deepEqual(inside({ from: 95, to: 105 }, { from: 0, to: 100 }), { from: 90, to: 100 });
});

test('a point out of view comes into view; one in view moves nothing', () => {
	const window = { from: 20 * day, to: 30 * day };
	assert.equal(reveal(window, 25 * day, bounds), window);
	const later = reveal(window, 50 * day, bounds);
	assert.ok(later.from < 50 * day && later.to > 50 * day && later.to - later.from === 10 * day);
	const earlier = reveal(window, 5 * day, bounds);
	assert.ok(earlier.from < 5 * day && earlier.to > 5 * day);
});

test('the nearest point is found on both sides and past the ends', () => {
	const times = [10, 20, 40];
	assert.deepEqual(
		[0, 14, 16, 29, 31, 99].map((at) => nearest(times, at)),
		[0, 0, 1, 1, 2, 2],
	);
	assert.equal(nearest([], 5), -1);
});

test('points that would overlap share a cluster, and points far out of view are left out', () => {
	const window = { from: 0, to: 100 };
	const groups = cluster([-500, 10, 11, 12, 50, 900], window, 100, 5);
	assert.deepEqual(
		groups.map((group) => group.indexes),
		[[1, 2, 3], [4]],
	);
});

test('ticks keep their distance at every zoom and lie in the window', () => {
	for (const span of [2 * 60_000, hour / 4, hour, 5 * hour, day, 9 * day, 40 * day, 400 * day, 4000 * day]) {
		const window = { from: 1_763_000_000_000, to: 1_763_000_000_000 + span };
		const marks = ticks(window, 900, 84, 'en');
		assert.ok(marks.length >= 1, `a tick for a span of ${span / day} days`);
		assert.ok(marks.length <= 900 / 84 + 2, `${marks.length} ticks for a span of ${span / day} days`);
		for (const mark of marks) assert.ok(mark.at >= window.from && mark.at <= window.to);
	}
});
