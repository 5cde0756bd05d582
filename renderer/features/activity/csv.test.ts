import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionListItem } from '../../../engine/contract/index.ts';
import { sessionsCsv } from './csv.ts';

const session: SessionListItem = {
	id: 's1',
	kind: 'backup',
	jobId: 'j1',
	title: 'Nightly, "big"',
	trigger: 'schedule',
	state: 'failed',
	queuedAt: 0,
	startedAt: 1000,
	endedAt: 3500,
	attempt: 1,
	counters: {
		totalBytes: 9,
		doneBytes: 9,
		readBytes: 9,
		transferredBytes: 5,
		storedBytes: 4,
		totalItems: 1,
		doneItems: 1,
		unchangedItems: 0,
		warningCount: 2,
	},
	bottleneck: null,
	error: { code: 'repository.full', message: '=cmd()\nno room' },
	rateBytesPerSec: null,
	remainingMs: null,
	step: null,
	taskCount: 1,
};

test('a session is one record, with quotes where commas, quotes or line breaks ask for them', () => {
	const [head, row] = sessionsCsv([session]).split('\r\n');
	assert.equal(head?.split(',').length, 16);
	assert.equal(
		row,
		`s1,"Nightly, ""big""",backup,schedule,failed,1970-01-01T00:00:00.000Z,1970-01-01T00:00:01.000Z,1970-01-01T00:00:03.500Z,2500,9,5,4,2,,repository.full,"'=cmd()\nno room"`,
	);
});

test('an empty list is the header alone', () => {
	assert.equal(sessionsCsv([]).split('\r\n').length, 2);
});
