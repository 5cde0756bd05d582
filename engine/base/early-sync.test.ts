import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EarlySync } from './early-sync.ts';

const mib = 1024 * 1024;

/** A disk whose syncs end when the test says so. */
function slowDisk() {
	const syncs: PromiseWithResolvers<void>[] = [];
	const sync = (): Promise<void> => {
		const one = Promise.withResolvers<void>();
		syncs.push(one);
		return one.promise;
	};
	return { syncs, early: new EarlySync(sync) };
}

async function isPending(promise: Promise<void>): Promise<boolean> {
	let isSettled = false;
	const settle = (): void => {
		isSettled = true;
	};
	promise.then(settle, settle);
	await nextTurn();
	return !isSettled;
}

test('what was written is stored while more is written, one sync at a time, and a slow disk holds up who writes', async () => {
	const { syncs, early } = slowDisk();
	await early.written(63 * mib);
	assert.equal(syncs.length, 0, 'too little to be worth it');
	for (let i = 0; i < 4; i++) await early.written(63 * mib);
	assert.equal(syncs.length, 1, 'nobody has waited, and no second one was begun');
	const [held, ended] = [early.written(100 * mib), early.ended()];
	assert.ok(await isPending(held), 'there is too much that is not stored');
	assert.ok(await isPending(ended));
	syncs[0]?.resolve();
	await Promise.all([held, ended]);
	assert.equal(syncs.length, 2, 'what came in between is stored next');
	syncs[1]?.resolve();
	await early.ended();
});

test('a sync that has failed is told to everybody from then on: the system tells it only once', async () => {
	const { syncs, early } = slowDisk();
	await early.written(64 * mib);
	const isLost = { message: 'the disk is gone' };
	syncs[0]?.reject(new Error(isLost.message));
	await nextTurn();
	for (let i = 0; i < 2; i++) {
		await assert.rejects(early.ended(), isLost);
		await assert.rejects(early.written(64 * mib), isLost);
	}
	assert.equal(syncs.length, 1);
});
