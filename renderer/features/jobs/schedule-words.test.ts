import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronOf, describeSchedule, parsePlan } from './schedule-words.ts';

for (const cron of ['0 22 * * *', '30 6 * * 1-5', '15 1 * * 0,6', '0 * * * *', '5 */6 * * *'])
	test(`the builder gives back “${cron}” unchanged`, () => {
		const plan = parsePlan(cron);
		assert.notEqual(plan.kind, 'custom');
		assert.equal(cronOf(plan), cron);
	});

for (const cron of ['0 22 1 * *', '*/10 * * * *', '0 0 22 * * *', '0 */5 * * *', '0 22 * 1 *', '61 22 * * *', '0 22 * * MON#1', 'nonsense'])
	test(`“${cron}” is kept as an expression, since the builder cannot say it`, () => {
		assert.deepEqual(parsePlan(cron), { kind: 'custom', cron });
	});

test('seven days of the week are every day', () => {
	assert.equal(cronOf({ kind: 'weekly', days: [0, 1, 2, 3, 4, 5, 6], hour: 3, minute: 0 }), '0 3 * * *');
});

test('cron’s second name of Sunday is understood', () => {
	assert.deepEqual(parsePlan('0 3 * * 7'), { kind: 'weekly', days: [0], hour: 3, minute: 0 });
});

test('names of days are understood', () => {
	assert.deepEqual(parsePlan('0 3 * * Mon-Fri,sun'), { kind: 'weekly', days: [0, 1, 2, 3, 4, 5], hour: 3, minute: 0 });
});

test('a schedule of another time zone names it', () => {
	assert.match(describeSchedule({ cron: '0 22 * * *', timeZone: 'Asia/Tokyo' }, 'Europe/Berlin'), /Asia\/Tokyo/);
	assert.doesNotMatch(describeSchedule({ cron: '0 22 * * *', timeZone: 'Europe/Berlin' }, 'Europe/Berlin'), /Europe/);
	assert.equal(describeSchedule(null), 'By hand only');
});
