import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laidOutHeight, placeAt, rowsInView, scrolled, topToShow } from './tall-scroll.ts';

const short = { rowCount: 1000, rowHeightPx: 28, viewportPx: 560 };
const tall = { rowCount: 1_000_000, rowHeightPx: 28, viewportPx: 560 };
const lastRow = (top: number): number => rowsInView(tall, top, 0).last;

test('a short list scrolls as the browser does', () => {
	assert.deepEqual(scrolled(short, { scrollTop: 0, top: 0 }, 300), { scrollTop: 300, top: 300 });
	assert.equal(laidOutHeight(short), 28_000);
});

test('a wheel notch moves a million rows by a wheel notch', () => {
	const place = placeAt(tall, 5_000_000);
	assert.equal(scrolled(tall, place, place.scrollTop + 100).top, 5_000_100);
	assert.equal(scrolled(tall, place, place.scrollTop - 100).top, 4_999_900);
});

test('dragging the scroll bar to its ends shows the first and the last row', () => {
	const middle = placeAt(tall, 14_000_000);
	assert.equal(scrolled(tall, middle, 0).top, 0);
	assert.equal(lastRow(scrolled(tall, middle, laidOutHeight(tall) - tall.viewportPx).top), 999_999);
});

test('small movements reach both ends of the list, however the bar stands', () => {
	let place = placeAt(tall, 60_000);
	for (let i = 0; i < 1000; i++) place = scrolled(tall, place, Math.max(0, place.scrollTop - 100));
	assert.equal(place.top, 0);
	place = placeAt(tall, 28_000_000 - 60_000);
	for (let i = 0; i < 1000; i++) place = scrolled(tall, place, Math.min(laidOutHeight(tall) - tall.viewportPx, place.scrollTop + 100));
	assert.equal(lastRow(place.top), 999_999);
});

test('no row is jumped over when the bar reaches its end before the list does', () => {
	const place = scrolled(tall, { scrollTop: 80, top: 2000 }, 0);
	assert.equal(place.top, 1920);
	assert.ok(place.scrollTop > 0, 'the bar is set back, so that there is room to go on');
});

test('a row is brought into view by as little as needed', () => {
	assert.equal(topToShow(tall, 2800, 100), 2800);
	assert.equal(topToShow(tall, 2800, 99), 99 * 28);
	assert.equal(topToShow(tall, 0, 100), 101 * 28 - 560);
});

test('an empty list has no rows', () => {
	assert.deepEqual(rowsInView({ rowCount: 0, rowHeightPx: 28, viewportPx: 500 }, 0), { first: 0, last: -1 });
	assert.equal(placeAt({ rowCount: 0, rowHeightPx: 28, viewportPx: 500 }, 50).top, 0);
});
