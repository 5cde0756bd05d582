import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Point, ProtectedObject } from '../../../engine/contract/index.ts';
import { objectRows } from './object-rows.ts';

const point = (over: Partial<Point>): Point => ({
	id: 'p',
	chainId: 'c',
	jobId: 'j',
	job: 'Nightly',
	origin: 'job',
	originJobId: 'j',
	repositoryId: 'r',
	object: 'folder:/srv',
	objectKind: 'folder',
	createdAt: 1000,
	kind: 'increment',
	consistency: 'crash',
	mode: { requested: 'increment', actual: 'increment', reason: '' },
	sessionId: 's',
	file: 'f.hib',
	storedBytes: 1,
	sourceBytes: 10,
	itemCount: 1,
	warningCount: 0,
	restorable: true,
	problem: null,
	verifiedAt: null,
	gfs: [],
	keepUntil: null,
	expires: false,
	isAdHoc: false,
	...over,
});
const known = (over: Partial<ProtectedObject>): ProtectedObject => ({
	jobId: 'j',
	job: 'Nightly',
	object: 'folder:/srv',
	lastPointAt: null,
	dueAt: null,
	state: 'protected',
	lastVerifiedAt: null,
	sourceBytes: 0,
	...over,
});

test('the points of an object are one row that tells its newest, its oldest and what was proven', () => {
	const rows = objectRows(
		[
			point({ id: 'b', createdAt: 3000, sourceBytes: 30, verifiedAt: 5 }),
			point({ id: 'a', createdAt: 1000, verifiedAt: 9 }),
			point({ id: 'm', createdAt: 2000 }),
		],
		[],
	);
	assert.equal(rows.length, 1);
	assert.deepEqual(
		rows.map(({ count, newestAt, oldestAt, verifiedAt, sourceBytes, damaged }) => ({ count, newestAt, oldestAt, verifiedAt, sourceBytes, damaged })),
		[{ count: 3, newestAt: 3000, oldestAt: 1000, verifiedAt: 9, sourceBytes: 30, damaged: 0 }],
	);
});

test('a point that cannot be restored and one with a problem both count as damaged', () => {
	const rows = objectRows([point({ id: '1' }), point({ id: '2', restorable: false }), point({ id: '3', problem: 'a wrong checksum' })], []);
	assert.equal(rows[0]?.damaged, 2);
});

test('an object without a point is listed, one with points is not listed twice', () => {
	const rows = objectRows([point({})], [known({}), known({ jobId: 'k', job: 'Lab', object: 'disk:/lab.raw' })]);
	assert.deepEqual(
		rows.map(({ object, objectKind, count, newestAt }) => [object, objectKind, count, newestAt]),
		[
			['folder:/srv', 'folder', 1, 1000],
			['disk:/lab.raw', 'disk', 0, null],
		],
	);
});

test('the points of a job that is gone stay an object of their own', () => {
	assert.equal(objectRows([point({}), point({ id: 'q', jobId: null, originJobId: 'gone', origin: 'removed-job', job: 'Old' })], []).length, 2);
});
