import assert from 'node:assert/strict';
import test from 'node:test';
import { isInRange, parseAddress, parseAddressRange, throttleSettings } from './index.ts';
import { formatThrottleWindow, isInWindow, parseThrottleWindow, type ThrottleWindow, type Weekday, wallTimeOf, weekdays } from './throttle-window.ts';

const contains = (range: string, address: string): boolean => {
	const [parsed, at] = [parseAddressRange(range), parseAddress(address)];
	assert.ok(typeof parsed !== 'string', `${parsed}`);
	assert.ok(at, address);
	return isInRange(parsed, at);
};

test('a range of addresses holds both of its ends and nothing beside them', () => {
	for (const range of ['192.168.0.1-192.168.0.255', ' 192.168.0.1 - 192.168.0.255 ']) {
		assert.ok(contains(range, '192.168.0.1') && contains(range, '192.168.0.255') && contains(range, '::ffff:192.168.0.12'));
		assert.ok(!contains(range, '192.168.0.0') && !contains(range, '192.168.1.0') && !contains(range, '::c0a8:5'));
	}
	assert.ok(contains('10.0.0.0/8', '10.255.255.255') && !contains('10.0.0.0/8', '11.0.0.0'));
	assert.ok(
		contains('10.1.2.3/24', '10.1.2.0') && contains('0.0.0.0/0', '255.255.255.255') && contains('10.0.0.7', '10.0.0.7') && !contains('10.0.0.7', '10.0.0.8'),
	);
	assert.ok(contains('fd00::/8', 'fdff:1::2') && contains('2001:db8::1-2001:db8::ff', '2001:db8:0:0:0:0:0:f0') && contains('fe80::/10', 'fe80::1%eth0'));
	assert.ok(contains('::/0', '::1') && !contains('::/0', '127.0.0.1') && contains('64:ff9b::/96', '64:ff9b::10.0.0.1'));
});

test('what is no range of addresses is refused with what is wrong', () => {
	for (const text of ['', '10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1-', '1-2-3', 'host.example', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/'])
		assert.equal(typeof parseAddressRange(text), 'string', text);
	for (const text of ['::1::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', 'g::', '::/129', ':::', '1'.repeat(500), '::1.2.3'])
		assert.equal(typeof parseAddressRange(text), 'string', text);
	assert.match(String(parseAddressRange('10.0.0.9-10.0.0.1')), /10\.0\.0\.9 lies behind 10\.0\.0\.1/);
	assert.match(String(parseAddressRange('10.0.0.1-::2')), /different versions/);
	const { error } = throttleSettings.safeParse({ name: 'x', from: '10.0.0', to: '::1', bytesPerSec: 5 });
	assert.deepEqual(
		error?.issues.map(({ path }) => path[0]),
		['from', 'bytesPerSec'],
	);
});

const windowOf = (text: string): ThrottleWindow => {
	const window = parseThrottleWindow(text);
	assert.ok(typeof window !== 'string', String(window));
	return window;
};
const at = (text: string): { weekday: Weekday; minute: number } => {
	const [weekday, hours, minutes] = text.split(/[ :]/);
	return { weekday: weekday as Weekday, minute: Number(hours) * 60 + Number(minutes) };
};

test('NET-05: a window holds on its days, from its first minute to the one before its end', () => {
	const office = windowOf('mon-fri 08:00-18:00');
	for (const inside of ['mon 08:00', 'wed 12:30', 'fri 17:59']) assert.ok(isInWindow(office, at(inside)), inside);
	for (const outside of ['mon 07:59', 'fri 18:00', 'sat 12:00', 'sun 08:00']) assert.ok(!isInWindow(office, at(outside)), outside);
	const weekend = windowOf('sat,sun');
	for (const day of weekdays) assert.equal(isInWindow(weekend, at(`${day} 00:00`)) && isInWindow(weekend, at(`${day} 23:59`)), day === 'sat' || day === 'sun');
});

test('NET-05: a window that ends before it begins goes on past midnight, also into a day that is not its own', () => {
	const nights = windowOf('fri 22:00-06:00');
	for (const inside of ['fri 22:00', 'fri 23:59', 'sat 00:00', 'sat 05:59']) assert.ok(isInWindow(nights, at(inside)), inside);
	for (const outside of ['fri 05:00', 'fri 21:59', 'sat 06:00', 'sat 22:30']) assert.ok(!isInWindow(nights, at(outside)), outside);
	assert.ok(isInWindow(windowOf('sun 23:00-01:00'), at('mon 00:30')));
});

test('a window is written as it is read, and what cannot be read is refused with an example', () => {
	for (const text of ['mon-fri 08:00-18:00', 'sat,sun', '22:00-06:00', 'mon-sun', 'mon,wed-fri 00:00-24:00', 'mon,tue 07:05-07:06'])
		assert.deepEqual(windowOf(formatThrottleWindow(windowOf(text))), windowOf(text), text);
	assert.equal(formatThrottleWindow(windowOf('fri-mon 8:00-18:00')), 'mon,fri-sun 08:00-18:00');
	assert.equal(formatThrottleWindow(windowOf('mon-sun 00:00-24:00')), 'mon-sun');
	for (const text of [
		'',
		' ',
		'someday',
		'mon 8-18',
		'25:00-26:00',
		'08:00',
		'08:00-08:00',
		'24:00-25:00',
		'mon tue 08:00-09:00',
		'08:00-09:00 mon',
		'mon-',
		'08:60-09:00',
		'08:00-09:00-10:00',
	])
		assert.equal(typeof parseThrottleWindow(text), 'string', text);
});

test('the time on the wall is that of this machine', () => {
	assert.deepEqual(wallTimeOf(new Date(2026, 10, 23, 8, 5, 59).getTime()), { weekday: 'mon', minute: 485 });
	assert.deepEqual(wallTimeOf(new Date(2026, 10, 29, 0, 0).getTime()), { weekday: 'sun', minute: 0 });
});
