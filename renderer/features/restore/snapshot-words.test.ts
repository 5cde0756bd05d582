import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SnapshotUse } from '../../../engine/contract/index.ts';
import { askedText, isLess, readFromText, readingText, shownText } from './snapshot-words.ts';

const use = (more: Partial<SnapshotUse>): SnapshotUse => ({
	requested: 'auto',
	actual: 'btrfs',
	instant: 'volume',
	reason: '',
	writers: [],
	createdAt: 0,
	...more,
});

test('QUIESCE-02: it is told what was asked for, what was had, and whether that is less', () => {
	assert.deepEqual([readFromText(use({})), isLess(use({}))], ['Btrfs snapshot', false]);
	const partly = use({ actual: 'btrfs, none', instant: 'live' });
	assert.deepEqual([readFromText(partly), isLess(partly), shownText(partly)], ['Btrfs snapshot and live', true, 'nothing at one instant']);
	const live = use({ requested: 'none', actual: 'none', instant: 'live' });
	assert.deepEqual([readFromText(live), isLess(live), askedText(live)], ['Live', false, 'live']);
	assert.deepEqual([readingText(partly), readingText(live)], ['from: btrfs snapshot and live', 'read live']);
	assert.equal(askedText(use({ requested: 'btrfs' })), 'btrfs snapshot, or nothing');
	assert.equal(askedText(use({ requested: 'online', actual: 'libvirt', instant: 'set' })), 'a guest that holds still');
});
