import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EffortControl, efforts } from './effort.ts';

/** Levels of so many records, each of which takes `workMs` at the least level, half as long again with every level more, at a target that takes one every `targetMs`. */
function levels(effort: { readonly least: number; readonly most: number }, workMs: number, targetMs: number, records = 200): number[] {
	const control = new EffortControl(effort);
	return Array.from({ length: records }, () => {
		const level = control.level as number;
		const work = workMs * 1.5 ** (level - effort.least);
		control.record(work, Math.max(0, targetMs - work));
		return level;
	});
}
const range = { least: 2, most: 6 };

test('a pipe that its processor holds back takes the least effort, from the first record on', () => {
	assert.deepEqual(new Set(levels(range, 5, 0)), new Set([2]));
	assert.deepEqual(new Set(levels(range, 5, 5.4)), new Set([2]), 'a little waiting is no spare time');
});

test('time that would be spent waiting for the target goes into a higher level, as far as it lasts and no further', () => {
	assert.equal(levels(range, 5, 1000).at(-1), 6);
	const settled = levels(range, 5, 20).slice(100);
	for (const level of settled) assert.ok(5 * 1.5 ** (level - 2) <= 20, `level ${level} is slower than the target`);
	assert.ok(settled.every((level) => level >= 3));
});

test('a target that becomes faster has its level back', () => {
	const control = new EffortControl(range);
	for (let i = 0; i < 100; i++) control.record(1, 100);
	assert.equal(control.level, 6);
	for (let i = 0; i < 100; i++) control.record(10, 0);
	assert.equal(control.level, 2);
});

test('what is stored as it is stays so, and no time at all makes no difference', () => {
	const control = new EffortControl(efforts.none);
	for (let i = 0; i < 100; i++) control.record(0, 100);
	assert.equal(control.level, null);
	const still = new EffortControl(range);
	for (let i = 0; i < 100; i++) still.record(0, 0);
	assert.equal(still.level, 2);
});
