import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endThread, startThread } from './thread.ts';

const module = (code: string): URL =>
	new URL(`data:text/javascript,${encodeURIComponent(`import { threadHasLoaded } from ${JSON.stringify(new URL('thread.ts', import.meta.url))};${code}`)}`);

test('a thread that loads is not ended before it has loaded; one that died while it did is not waited for', async () => {
	const reached = new Int32Array(new SharedArrayBuffer(4));
	const loading = startThread(
		module(`import { workerData } from 'node:worker_threads';
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
			workerData[0] = 1;
			threadHasLoaded();
			setInterval(() => {}, 1000);`),
		reached,
	);
	await endThread(loading);
	assert.equal(reached[0], 1);
	const dying = startThread(module('throw new Error("cannot load")'));
	dying.on('error', () => undefined);
	await endThread(dying);
	await endThread(dying);
});
