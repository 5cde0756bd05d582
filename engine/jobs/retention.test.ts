import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceSpec } from '../contract/index.ts';
import type { PointRecord } from './ports.ts';
import { currentChainIds, planRetention, type RetentionChain } from './retention.ts';
import { sourceKey } from './source-key.ts';

const a: SourceSpec = { kind: 'folder', path: '/a' };
const b: SourceSpec = { kind: 'folder', path: '/b' };
let serial = 0;

type Spec = { readonly objects?: SourceSpec[]; readonly good: number; readonly bad?: number; readonly at: number };

function chain(id: string, { objects = [a], good, bad = 0, at }: Spec): RetentionChain {
	const point = (object: SourceSpec, problem: string | null): PointRecord => ({
		id: `p${serial++}`,
		chainId: id,
		object,
		createdAt: at,
		kind: 'increment',
		consistency: 'file-system',
		mode: { requested: 'increment', actual: 'increment', reason: '' },
		sessionId: 's',
		file: 'f',
		storedBytes: 1,
		sourceBytes: 1,
		itemCount: 1,
		warningCount: 0,
		problem,
	});
	const points = objects.flatMap((object) => [
		...Array.from({ length: good }, () => point(object, null)),
		...Array.from({ length: bad }, () => point(object, 'damaged')),
	]);
	return { id, createdAt: at, objects, points };
}
const removed = (chains: RetentionChain[], retainPoints: number, expected = 0) => planRetention(chains, retainPoints, expected).remove;

test('CHAIN-04: an old chain goes as soon as the rest holds enough points', () => {
	assert.deepEqual(removed([chain('old', { good: 3, at: 1 }), chain('new', { good: 3, at: 2 })], 3), ['old']);
	assert.deepEqual(removed([chain('old', { good: 3, at: 1 }), chain('new', { good: 2, at: 2 })], 3), []);
});

test('increments depend on their full, so a chain never goes in part', () => {
	assert.deepEqual(removed([chain('old', { good: 10, at: 1 }), chain('new', { good: 2, at: 2 })], 3), []);
});

test('the current chain stays however many points it holds', () => {
	assert.deepEqual(removed([chain('only', { good: 50, at: 1 })], 3), []);
	assert.deepEqual(removed([chain('only', { good: 0, bad: 5, at: 1 })], 1), []);
});

test('several old chains go at once, oldest first, while enough stays', () => {
	const chains = [chain('c3', { good: 2, at: 3 }), chain('c1', { good: 2, at: 1 }), chain('c2', { good: 2, at: 2 }), chain('c4', { good: 2, at: 4 })];
	assert.deepEqual(removed(chains, 4), ['c1', 'c2']);
	assert.deepEqual(removed(chains, 1), ['c1', 'c2', 'c3']);
	assert.deepEqual(removed(chains, 5), ['c1']);
	assert.deepEqual(removed(chains, 9), []);
});

test('damaged points do not count, so the last good point is never given away', () => {
	assert.deepEqual(removed([chain('good', { good: 1, at: 1 }), chain('damaged', { good: 0, bad: 9, at: 2 })], 1), []);
	assert.deepEqual(removed([chain('good', { good: 3, at: 1 }), chain('half', { good: 2, bad: 4, at: 2 })], 3), []);
});

test('an old chain in which nothing is restorable goes once the others suffice', () => {
	assert.deepEqual(removed([chain('dead', { good: 0, bad: 2, at: 1 }), chain('new', { good: 3, at: 2 })], 3), ['dead']);
	assert.deepEqual(removed([chain('dead', { good: 0, bad: 2, at: 1 }), chain('new', { good: 1, at: 2 })], 3), []);
});

test('a newer chain does not go while an older one of the same object stays', () => {
	const chains = [chain('c1', { good: 5, at: 1 }), chain('c2', { good: 0, bad: 3, at: 2 }), chain('c3', { good: 3, at: 3 })];
	assert.deepEqual(removed(chains, 5), []);
});

test('objects are counted each for itself', () => {
	const chains = [
		chain('a1', { good: 3, at: 1 }),
		chain('a2', { good: 3, at: 2 }),
		chain('b1', { objects: [b], good: 3, at: 1 }),
		chain('b2', { objects: [b], good: 1, at: 2 }),
	];
	assert.deepEqual(removed(chains, 3), ['a1']);
});

test('a chain of several objects goes only when each of them has enough elsewhere', () => {
	const both = chain('both', { objects: [a, b], good: 3, at: 1 });
	assert.deepEqual(removed([both, chain('next', { objects: [a, b], good: 3, at: 2 })], 3), ['both']);
	assert.deepEqual(removed([both, chain('only-a', { good: 3, at: 2 })], 3), []);
});

test('an object that left the job keeps its last chain', () => {
	assert.deepEqual(removed([chain('gone', { objects: [b], good: 3, at: 1 }), chain('a1', { good: 9, at: 2 }), chain('a2', { good: 9, at: 3 })], 3), ['a1']);
});

test('what the next run will remove is known beforehand', () => {
	const chains = [chain('old', { good: 3, at: 1 }), chain('new', { good: 2, at: 2 })];
	assert.deepEqual(removed(chains, 3), []);
	assert.deepEqual(removed(chains, 3, 1), ['old']);
});

test('nothing to keep, nothing to remove', () => {
	assert.deepEqual(removed([], 3), []);
	assert.deepEqual(removed([chain('empty', { objects: [], good: 0, at: 1 })], 1), []);
});

test('whatever the history, at least the retained points stay, or all there are', () => {
	let seed = 20_261_121;
	const random = (below: number) => {
		seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
		return seed % below;
	};
	for (let round = 0; round < 500; round++) {
		const objects = [[a], [b], [a, b]];
		const chains = Array.from({ length: 1 + random(8) }, (_, i) =>
			chain(`c${i}`, { objects: objects[random(3)] ?? [a], good: random(5), bad: random(3), at: random(6) }),
		);
		const retain = 1 + random(6);
		const gone = new Set(removed(chains, retain));
		for (const object of [a, b]) {
			const good = (among: RetentionChain[]) =>
				among.flatMap(({ points }) => points).filter((point) => point.problem === null && sourceKey(point.object) === sourceKey(object)).length;
			const stays = good(chains.filter(({ id }) => !gone.has(id)));
			const touched = chains.some(({ id, points }) => gone.has(id) && points.some((point) => sourceKey(point.object) === sourceKey(object)));
			assert.ok(!touched || stays >= retain, `round ${round} of seed 20261121: ${stays} points of ${retain} stay`);
		}
		for (const id of currentChainIds(chains)) assert.ok(!gone.has(id), `round ${round}: the current chain ${id} went`);
	}
});
