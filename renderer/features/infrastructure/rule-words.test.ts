import assert from 'node:assert/strict';
import test from 'node:test';
import { parseThrottleWindow, type ThrottleWindow } from '../../../engine/contract/index.ts';
import { bytesPerSecOf, formatLimit } from '../../ui/format.ts';
import { minuteOf, stateOf, windowsText } from './rule-words.ts';

const windows = (...texts: string[]): ThrottleWindow[] => texts.map((text) => parseThrottleWindow(text) as ThrottleWindow);

test('times of a rule are told as people write them', () => {
	assert.equal(windowsText([]), 'Always');
	assert.equal(windowsText(windows('mon-fri 08:00-18:00', 'sat,sun')), 'Mon–Fri 08:00–18:00; Sat, Sun');
});

test('a rate is told in the unit in which it is given', () => {
	assert.equal(formatLimit(bytesPerSecOf(12.5)), `${(12.5).toLocaleString()} MB/s`);
	assert.equal(bytesPerSecOf(0.75), 750_000);
});

test('the state of a rule says what it does now', () => {
	const settings = { name: 'x', from: '::1', to: '::1', bytesPerSec: 1000, windows: [], enabled: true };
	assert.equal(stateOf({ settings, isActive: true, transferCount: 2 }).text, 'Holds 2 transfers');
	assert.equal(stateOf({ settings, isActive: true, transferCount: 0 }).text, 'Holds');
	assert.equal(stateOf({ settings, isActive: false, transferCount: 0 }).text, 'Not at this time');
	assert.equal(stateOf({ settings: { ...settings, enabled: false }, isActive: false, transferCount: 0 }).text, 'Off');
});

test('hours are read with their minutes, up to the end of the day', () => {
	assert.deepEqual(['08:05', '8:05', '24:00'].map(minuteOf), [485, 485, 1440]);
	for (const text of ['', '8', '8:5', '08:60', '24:01', 'noon']) assert.equal(minuteOf(text), null, text);
});
