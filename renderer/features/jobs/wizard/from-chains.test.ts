import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chain } from '../../../../engine/contract/index.ts';
import { jobFromChains } from './from-chains.ts';

const chain = (id: string, object: string, at: number, more: Partial<Chain> = {}): Chain => ({
	id,
	jobId: null,
	job: 'Office',
	origin: 'elsewhere',
	originJobId: 'old',
	object,
	repositoryId: 'r',
	repository: 'Main',
	method: 'reverse',
	isCurrent: false,
	encrypted: false,
	keyId: null,
	adHoc: null,
	files: [{ path: `${id}.hbk`, kind: 'full', sizeBytes: 1, createdAt: at, pointIds: ['p'], dependsOn: null, problem: null, expires: false }],
	lastCheck: null,
	provenAt: null,
	unreadSince: 0,
	...more,
});

test('a job made from chains protects their objects by their method, and goes on with the newest of each', () => {
	const made = jobFromChains(
		[
			chain('a1', 'folder:/a', 1),
			chain('a2', 'folder:/a', 5),
			chain('b', 'disk:/b, with a comma', 4),
			chain('ad-hoc', 'folder:/a', 9, { adHoc: { keepUntil: null } }),
			chain('other', 'folder:/c', 9, { originJobId: 'another' }),
			chain('older method', 'folder:/d', 2, { method: 'forward' }),
			chain('other key', 'folder:/e', 2, { keyId: 'k1' }),
		],
		'old',
	);
	assert.deepEqual(made?.chainIds, ['a2', 'b']);
	assert.deepEqual(made?.draft.sources, [
		{ kind: 'folder', path: '/a' },
		{ kind: 'disk', path: '/b, with a comma' },
	]);
	assert.deepEqual([made?.draft.name, made?.draft.repositoryId, made?.draft.method], ['Office', 'r', 'reverse']);
	assert.equal(jobFromChains([chain('sealed', 'folder:/e', 2, { keyId: 'k1' })], 'old')?.draft.encryptionKeyId, 'k1');
	assert.equal(jobFromChains([], 'old'), null);
});

test('a chain that holds several objects gives all of them', () => {
	assert.deepEqual(
		jobFromChains([chain('x', 'folder:/a, disk:/b', 1)], 'old')?.draft.sources.map(({ kind, path }) => `${kind}:${path}`),
		['folder:/a', 'disk:/b'],
	);
});
