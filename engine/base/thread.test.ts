import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { endIdleThreads, endThread, giveBackThread, prepareThread, retireThread, takeThread } from './thread.ts';

/** A module that says `threadHasLoaded` and then answers each message with how many it had before. */
const counting = moduleOf(`
	import { parentPort, getEnvironmentData } from 'node:worker_threads';
	const loaded = getEnvironmentData('holdfast.loaded');
	Atomics.store(loaded, 0, 1);
	Atomics.notify(loaded, 0);
	let count = 0;
	parentPort.on('message', (order) => {
		if (order === 'fail') throw new Error('it does not end');
		parentPort.postMessage(order === 'end' ? { type: 'ended' } : count++);
	});
`);
const failing = moduleOf(`throw new Error('it does not load');`);

function moduleOf(source: string): URL {
	return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

async function ask(worker: Worker): Promise<unknown> {
	worker.postMessage(null);
	const [answer] = await once(worker, 'message');
	return answer;
}

test('a prepared thread is what the next one gets that asks for its module, once', async () => {
	prepareThread(counting);
	prepareThread(counting);
	const [first, second] = [takeThread(counting), takeThread(counting)];
	assert.deepEqual([await ask(first), await ask(first), await ask(second)], [0, 1, 0]);
	await Promise.all([endThread(first), endThread(second)]);
});

test('a prepared thread that nobody asked for is ended, also while it loads', async () => {
	prepareThread(counting);
	await endIdleThreads();
	const next = takeThread(counting);
	assert.equal(await ask(next), 0);
	await endThread(next);
});

test('a prepared thread that failed to load does not take the process with it, and who asks for it hears why', async () => {
	prepareThread(failing);
	await new Promise((resolve) => setTimeout(resolve, 300));
	const [error] = await once(takeThread(failing), 'error');
	assert.match(String(error), /it does not load/);
});

test('a thread that was given back is what the next one gets that asks for its module, and ends when nobody does for some seconds', async (t) => {
	const first = takeThread(counting);
	assert.equal(await ask(first), 0);
	t.mock.timers.enable({ apis: ['setTimeout'] });
	giveBackThread(counting, first);
	const second = takeThread(counting);
	assert.equal(second, first);
	t.mock.timers.tick(60_000);
	assert.equal(await ask(second), 1, 'it has work, however long that takes');

	giveBackThread(counting, second);
	const ended = once(second, 'exit');
	t.mock.timers.tick(60_000);
	await ended;
	const third = takeThread(counting);
	assert.equal(await ask(third), 0);
	await endThread(third);
});

test('a thread that ends what it has open is what the next one gets; one that fails in that, or is gone, is not', async () => {
	const first = takeThread(counting);
	assert.equal(await ask(first), 0);
	await retireThread(counting, first, 'end');
	assert.equal(takeThread(counting), first);

	first.on('error', () => undefined);
	await retireThread(counting, first, 'fail');
	const second = takeThread(counting);
	assert.equal(await ask(second), 0);

	await second.terminate();
	await retireThread(counting, second, 'end');
	const third = takeThread(counting);
	assert.equal(await ask(third), 0);
	await endThread(third);
});
