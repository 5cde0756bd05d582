import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { endIdleThreads } from '../base/index.ts';
import { deafObserver } from './task.ts';
import { runInThread } from './thread.ts';

after(endIdleThreads);

type Input = { readonly does: 'count' | 'leave something' | 'fail' | 'wait' };
const module = new URL('./testing/counting-thread.ts', import.meta.url);
const run = (does: Input['does'], signal?: AbortSignal, observer = deafObserver): Promise<number> => runInThread(module, { does }, [observer], { signal });

test('one thread runs task after task, and what a task still says after its end is no news of the next one', async () => {
	assert.equal(await run('leave something'), 1);
	const infos: string[] = [];
	const observer = { ...deafObserver, info: (message: string) => void infos.push(message) };
	assert.equal(await run('count', undefined, observer), 2);
	assert.deepEqual(infos, ['task 2']);
});

test('tasks at the same time have threads of their own', async () => {
	const counts = await Promise.all([run('count'), run('count')]);
	assert.ok(counts.includes(1), `${counts}`);
});

test('a thread goes with the task that failed or was cancelled in it, and the next task is not cancelled', async () => {
	await endIdleThreads();
	assert.equal(await run('count'), 1);
	await assert.rejects(run('fail'), { code: 'source.missing' });
	assert.equal(await run('count'), 1);

	const cancelling = new AbortController();
	const observer = { ...deafObserver, info: () => cancelling.abort(new Error('enough')) };
	await assert.rejects(run('wait', cancelling.signal, observer), /enough/);
	assert.equal(await run('count'), 1);

	// Cancelled when it is done already.
	const late = new AbortController();
	assert.equal(await run('count', late.signal), 2);
	late.abort();
	assert.equal(await run('count'), 3);
});
