import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Point } from '../contract/index.ts';
import { resolvePoint } from './restore-points.ts';

function point(id: string, createdAt: string, more: Partial<Point> = {}): Point {
	return {
		id,
		chainId: 'c',
		jobId: 'j1',
		job: 'Office',
		origin: 'job',
		originJobId: 'j1',
		repositoryId: 'r',
		object: 'folder:/etc',
		objectKind: 'folder',
		createdAt: new Date(createdAt).getTime(),
		kind: 'increment',
		consistency: 'file-system',
		mode: { requested: 'increment', actual: 'increment', reason: '' },
		sessionId: 's',
		file: 'f',
		storedBytes: 1,
		sourceBytes: 1,
		itemCount: 1,
		warningCount: 0,
		restorable: true,
		problem: null,
		verifiedAt: null,
		gfs: [],
		keepUntil: null,
		expires: false,
		isAdHoc: false,
		...more,
	};
}

// Local times, as somebody at the engine's machine writes them.
const single = [point('p1', '2026-11-20T08:00:10'), point('p2', '2026-11-21T08:00:10'), point('p3', '2026-11-21T20:00:10')];
const several = [...single, point('q1', '2026-11-21T09:00:00', { object: 'disk:/vm/web.qcow2' })];
const id = (reference: string, points: Point[] = single) => resolvePoint(reference, points).id;

test('a point is found by its id, by the newest, and by a time', () => {
	assert.equal(id('p2'), 'p2');
	assert.equal(id('Office@latest'), 'p3');
	assert.equal(id('office@latest'), 'p3');
	assert.equal(id('Office@2026-11-21T12:00'), 'p2');
	assert.equal(id('Office@2026-11-21T08:00'), 'p2', 'the whole minute counts');
	assert.equal(id('Office@2026-11-21T08:00:09'), 'p1');
	assert.equal(id('Office@2026-11-20'), 'p1', 'a day means its end');
	assert.equal(id(`Office@${new Date('2026-11-21T08:00:10').toISOString()}`), 'p2');
});

test('a job of several objects needs the object named', () => {
	assert.throws(() => id('Office@latest', several), { code: 'usage.invalid', hint: /Office\/folder:\/etc@latest/ });
	assert.equal(id('Office/disk:/vm/web.qcow2@latest', several), 'q1');
	assert.equal(id('Office//etc@latest', several), 'p3');
	assert.equal(id('Office/etc@latest', several), 'p3');
	assert.throws(() => id('Office/folder:/srv@latest', several), { code: 'not-found.point', message: /its objects are/ });
});

test('what is not there is answered with what there is', () => {
	assert.throws(() => id('nonsense'), { code: 'not-found.point', hint: /There are: Office\/folder:\/etc@.*\(p3\)/ });
	assert.throws(() => id('Elsewhere@latest'), { code: 'not-found.point', message: /job “Elsewhere”/ });
	assert.throws(() => id('Office@2026-11-19'), { code: 'not-found.point', message: /from 2026-11-19 or before/ });
	assert.throws(() => id('Office@latest', []), { code: 'not-found.point', hint: 'There are no restore points yet.' });
});

for (const time of ['yesterday', '2026-13-01', '2026-11-21 08:00', '2026-11-21T25:00', '']) {
	test(`“${time}” is no time`, () => {
		assert.throws(() => id(`Office@${time}`), { code: 'usage.invalid' });
	});
}
