import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../format/testing.ts';
import { dayMs, dayOf, dueSlices, resliced, type SlicesRead, sliceCountFor, sliceOf } from './rotation.ts';

const seed = 20_261_125;

test('every byte of every file is read within the stated number of days, also when files grow, when checks are rare and when days are missed', () => {
	const whole = seededRandom(seed);
	const random = (): number => whole(2 ** 30) / 2 ** 30;
	for (let round = 0; round < 150; round++) {
		const days = 1 + Math.floor(random() * 40);
		const daysBetween = 1 + Math.floor(random() * Math.min(days, 9));
		const sliceCount = sliceCountFor(days, daysBetween);
		const files = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => ({
			path: `Job/file ${i}.hbk`,
			sizeBytes: Math.floor(random() * 2 ** 31),
			grows: random() < 0.5,
		}));
		const begun = Math.floor(random() * 20_000) * dayMs + Math.floor(random() * dayMs);
		let readAt: SlicesRead = resliced([], sliceCount);
		/** By file and stripe: the day of the last reading, or of writing. */
		const lastRead = new Map<string, number>();
		const stripe = 16 * 1024 * 1024;
		let missedDays = 0;
		for (let day = 0; day < days * 3; day++) {
			const now = begun + day * dayMs;
			for (const { path, sizeBytes } of files)
				for (let offset = 0; offset < sizeBytes; offset += stripe) if (!lastRead.has(`${path} ${offset}`)) lastRead.set(`${path} ${offset}`, dayOf(now));
			if (day % daysBetween !== 0) continue;
			if (random() < 0.15) {
				missedDays = daysBetween; // nobody was there: the next check makes up for it
				continue;
			}
			const due = new Set(dueSlices(readAt, begun, now));
			for (const { path, sizeBytes } of files) {
				for (let offset = 0; offset < sizeBytes; offset += stripe) {
					const key = `${path} ${offset}`;
					if (due.has(sliceOf(path, offset, sliceCount))) lastRead.set(key, dayOf(now));
					const age = dayOf(now) - (lastRead.get(key) ?? 0);
					assert.ok(age < days + missedDays, `seed ${seed}, round ${round}: ${key} was not read for ${age} days of ${days}, checks every ${daysBetween}`);
				}
			}
			readAt = readAt.map((at, slice) => (due.has(slice) ? now : at));
			assert.deepEqual(dueSlices(readAt, begun, now), [], 'a check does not find anything to do twice');
			missedDays = 0;
			for (const file of files) if (file.grows) file.sizeBytes += Math.floor(random() * 2 ** 27);
		}
	}
});

test('a large file is read in nearly equal shares', () => {
	const counts = new Map<number, number>();
	for (let offset = 0; offset < 2 ** 36; offset += 16 * 1024 * 1024) {
		const slice = sliceOf('Job/large.hbk', offset, 30);
		counts.set(slice, (counts.get(slice) ?? 0) + 1);
	}
	assert.equal(counts.size, 30);
	assert.ok(Math.max(...counts.values()) - Math.min(...counts.values()) <= 1);
});

test('what is due follows from the day; all of it, when more days were missed than there are slices', () => {
	const at = (day: number) => day * dayMs + 3_600_000;
	const read = Array.from({ length: 7 }, () => at(100));
	assert.deepEqual(dueSlices(read, 0, at(100)), []);
	assert.deepEqual(dueSlices(read, 0, at(101)), [101 % 7]);
	assert.deepEqual(dueSlices(read, 0, at(103)), [101 % 7, 102 % 7, 103 % 7]);
	assert.equal(dueSlices(read, 0, at(140)).length, 7);
	assert.equal(dueSlices([null, null, null], at(50), at(50)).length, 0, 'what was written today is not due');
	assert.equal(dueSlices([null, null, null], at(10), at(50)).length, 3);
	assert.equal(
		dueSlices(
			read.map(() => at(9999)),
			0,
			at(101),
		).length,
		7,
		'a clock that was ahead puts nothing off',
	);
});

test('another number of slices makes nothing younger than it is', () => {
	assert.deepEqual(resliced([5, 3, 9], 3), [5, 3, 9]);
	assert.deepEqual(resliced([5, 3, 9], 2), [3, 3]);
	assert.deepEqual(resliced([5, null], 3), [null, null, null]);
	assert.deepEqual(resliced([], 1), [null]);
});
