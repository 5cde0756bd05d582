import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../base/testing.ts';
import { ConsoleSessions } from './console-sessions.ts';

const hours = 3_600_000;

test('a cookie outlives a restart of the server, but neither another token nor the idle limit', async () => {
	const clock = new FakeClock(0);
	const before = new ConsoleSessions('token', clock);
	const cookie = before.open();
	await clock.advance(11 * hours);
	assert.equal(before.isOpen(cookie), true);
	assert.equal(new ConsoleSessions('token', clock).isOpen(cookie), true);
	assert.equal(new ConsoleSessions('other', clock).isOpen(cookie), false);
	assert.equal(new ConsoleSessions('token', clock).isOpen(`${cookie}x`), false);
	await clock.advance(2 * hours);
	assert.equal(before.isOpen(cookie), true, 'it was used two hours ago');
	assert.equal(new ConsoleSessions('token', clock).isOpen(cookie), false);
});

test('a cookie that was given back stays closed', () => {
	const sessions = new ConsoleSessions('token', new FakeClock(0));
	const cookie = sessions.open();
	sessions.close(cookie);
	assert.equal(sessions.isOpen(cookie), false);
});
