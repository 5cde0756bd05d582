import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobSettings, type ProtectedObject } from '../../../engine/contract/index.ts';
import { coverStatus, machineCovers, sourcesByVolume } from './inventory-words.ts';

const job = (id: string, sources: string[], enabled = true) => ({
	id,
	settings: jobSettings.parse({
		name: id,
		repositoryId: 'r',
		enabled,
		sources: sources.map((spec) => ({ kind: spec.slice(0, spec.indexOf(':')), path: spec.slice(spec.indexOf(':') + 1) })),
	}),
});
const object = (jobId: string, name: string, state: ProtectedObject['state']): ProtectedObject => ({
	jobId,
	job: jobId,
	object: name,
	lastPointAt: null,
	dueAt: null,
	state,
	lastVerifiedAt: null,
	sourceBytes: 0,
});

test('a machine is protected by the jobs that name it, or have a pattern or tag that it fits, and as well as the best of them', () => {
	const jobs = [
		job('named', ['vm:Lab/web']),
		job('all', ['vm:Lab/*', 'vm:Lab/web']),
		job('tagged', ['vm:Lab/#gold'], false),
		job('other', ['vm:Den/*', 'folder:/web']),
	];
	const coversOf = machineCovers(jobs, [object('named', 'vm:Lab/web', 'overdue'), object('all', 'vm:Lab/web', 'protected')]);
	const web = coversOf('Lab', { name: 'web', tags: [] });
	assert.deepEqual(
		web.map(({ job, state }) => [job, state]),
		[
			['named', 'overdue'],
			['all', 'protected'],
		],
	);
	assert.equal(coverStatus(web), 'protected');
	assert.deepEqual(
		coversOf('Lab', { name: 'new', tags: ['gold'] }).map(({ job, state }) => [job, state]),
		[
			['all', 'never'],
			['tagged', 'paused'],
		],
	);
	assert.deepEqual(coversOf('Cellar', { name: 'web', tags: [] }), []);
	assert.equal(coverStatus([]), null);
});

test('SNAP-02: a source lies on the volume that is mounted nearest above it', () => {
	const jobs = [job('a', ['folder:/home/anna', 'folder:/homes', 'disk:/home', 'disk:nbd://host/x', 'vm:Lab/web'])];
	const placed = sourcesByVolume(jobs, [{ id: '/' }, { id: '/home' }]);
	assert.deepEqual(
		[...placed].map(([volume, sources]) => [volume, sources.map(({ path }) => path)]),
		[
			['/home', ['/home/anna', '/home']],
			['/', ['/homes']],
		],
	);
	assert.equal(sourcesByVolume(jobs, []).size, 0);
});
