import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planQuiescence, type Quiescence } from './index.ts';

const both = { online: true, offline: true };
const vectors: readonly [string, Quiescence, boolean, { online: boolean; offline: boolean }, string][] = [
	['QUIESCE-01 online, and crash-consistent if that fails', 'online', false, both, 'online crash'],
	['QUIESCE-01 online is used whenever it is possible, also where the job falls to offline', 'offline', false, both, 'online offline crash'],
	['QUIESCE-01 QUIESCE-03 without an agent: crash-consistent by default', 'online', false, { online: false, offline: true }, 'crash'],
	['QUIESCE-01 without an agent: offline if the job says so', 'offline', false, { online: false, offline: true }, 'offline crash'],
	['offline is no way for what has no state to save', 'offline', false, { online: true, offline: false }, 'online crash'],
	['QUIESCE-07 crash-consistent is done at once', 'crash', false, both, 'crash'],
	['QUIESCE-02 a job that requires success never becomes crash-consistent', 'online', true, both, 'online'],
	['QUIESCE-02 nor does it where online is not possible: it fails', 'online', true, { online: false, offline: true }, ''],
	['QUIESCE-02 a saved state is not crash-consistent', 'offline', true, both, 'online offline'],
	['QUIESCE-02 crash-consistent and success required contradict each other', 'crash', true, both, ''],
];

for (const [name, mode, requireConsistent, can, expected] of vectors)
	test(name, () => assert.equal(planQuiescence({ mode, requireConsistent, can }).join(' '), expected));
