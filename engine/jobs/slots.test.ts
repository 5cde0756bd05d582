import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTaskSlots, type TaskLimit, type TaskSlots } from './slots.ts';

const proxy: TaskLimit = { id: 'proxy', limit: 2, name: 'the proxy “One”' };
const repository: TaskLimit = { id: 'repository', limit: 4, name: 'the repository “Main”' };
const other: TaskLimit = { id: 'other', limit: 1, name: 'the repository “Other”' };

/** Tasks that run until they are told to end. */
function begin(slots: TaskSlots, components: readonly TaskLimit[], signal?: AbortSignal) {
	const task = { waits: [] as string[], slot: null as Disposable | null, error: null as unknown, end: () => task.slot?.[Symbol.dispose]() };
	slots.take(components, { signal, onWait: (reason) => task.waits.push(reason) }).then(
		(slot) => {
			task.slot = slot;
		},
		(error: unknown) => {
			task.error = error;
		},
	);
	return task;
}
type Task = ReturnType<typeof begin>;
const settle = () => new Promise((resolve) => setImmediate(resolve));
const running = (tasks: readonly Task[]): boolean[] => tasks.map(({ slot }) => slot !== null);

test('TASK-05: of four disks two run and two wait where the proxy allows two tasks, and each ending lets the next one begin', async () => {
	const slots = createTaskSlots();
	const tasks = [0, 1, 2, 3].map(() => begin(slots, [proxy, repository]));
	await settle();
	assert.deepEqual(running(tasks), [true, true, false, false]);
	assert.deepEqual(tasks[2]?.waits, ['the proxy “One” (2 of 2 tasks run)']);
	tasks[1]?.end();
	tasks[1]?.end(); // twice is once
	await settle();
	assert.deepEqual(running(tasks), [true, true, true, false]);
	tasks[0]?.end();
	await settle();
	assert.deepEqual(running(tasks), [true, true, true, true]);
	assert.deepEqual(tasks[3]?.waits, ['the proxy “One” (2 of 2 tasks run)'], 'told once');
});

test('TASK-03: a task waits for room in both, and is told which of them is full', async () => {
	const slots = createTaskSlots();
	const first = begin(slots, [other]);
	const second = begin(slots, [proxy, other]);
	const third = begin(slots, [proxy]);
	const fourth = begin(slots, [proxy]);
	await settle();
	assert.deepEqual(running([first, second, third, fourth]), [true, false, true, true], 'who waits for one component keeps nobody out of another');
	first.end();
	await settle();
	assert.deepEqual(running([second]), [false]);
	assert.deepEqual(second.waits, ['the repository “Other” (1 of 1 tasks run)', 'the proxy “One” (2 of 2 tasks run)']);
	third.end();
	await settle();
	assert.deepEqual(running([second]), [true]);
});

test('TASK-04: tasks of several jobs share the limits, first come, first served; one that gives up makes no difference to them', async () => {
	const slots = createTaskSlots();
	const giveUp = new AbortController();
	const first = begin(slots, [other]);
	const second = begin(slots, [other], giveUp.signal);
	const third = begin(slots, [other]);
	await settle();
	giveUp.abort(new Error('enough'));
	first.end();
	await settle();
	assert.deepEqual(running([second, third]), [false, true]);
	assert.match(String(second.error), /enough/);
	assert.match(String((await Promise.allSettled([slots.take([proxy], { signal: giveUp.signal })]))[0]?.status), /rejected/);
});
