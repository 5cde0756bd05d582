import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWhen } from './parse-when.ts';

const now = new Date(2026, 10, 21, 12, 0).getTime();
const local = (text: string): string | null => {
	const at = parseWhen(text, now);
	if (at === null) return null;
	const date = new Date(at);
	return [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes()].join(' ');
};

test('dates and times are read in local time', () => {
	assert.equal(local('2026-11-20 08:00'), '2026 11 20 8 0');
	assert.equal(local('2026-11-20T08:05:30'), '2026 11 20 8 5');
	assert.equal(local('20.11.2026 8:00'), '2026 11 20 8 0');
	assert.equal(local('20.11. 8:00'), '2026 11 20 8 0');
	assert.equal(local('9:30'), '2026 11 21 9 30');
});

test('a day without a time is its end', () => {
	assert.equal(local('2026-11-20'), '2026 11 20 23 59');
	assert.equal(local('Yesterday'), '2026 11 20 23 59');
});

test('ages count back from now', () => {
	assert.equal(local('3 days ago'), '2026 11 18 12 0');
	assert.equal(local('2h'), '2026 11 21 10 0');
	assert.equal(local('1 month'), '2026 10 21 12 0');
});

test('what is no date is not guessed at', () => {
	for (const text of ['', 'soon', '2026-02-30', '2026-13-01', '25:00', '12:75', '8', '2026-11-20 08:00 x']) assert.equal(local(text), null, text);
});
