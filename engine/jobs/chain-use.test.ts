import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../base/testing.ts';
import { createChainUse } from './chain-use.ts';

const nobody = {};

test('readers share a chain, also with a run that adds files', async () => {
	const use = createChainUse();
	using _first = use.tryRead('c');
	using _seat = use.tryWrite('c', 'a backup');
	const second = use.tryRead('c');
	assert.notEqual(second, undefined);
	second?.[Symbol.dispose]();
});

test('one at a time writes; who does not wait is told by whom', async () => {
	const use = createChainUse();
	const first = use.tryWrite('c', 'the backup of “Web”');
	assert.throws(() => use.tryWrite('c', 'a compaction'), { code: 'busy.chain', message: /the backup of “Web”/ });
	const reasons: string[] = [];
	const waiting = use.write('c', 'a compaction', { onWait: (reason) => reasons.push(reason) });
	await settle();
	assert.deepEqual(reasons, ['the backup of “Web”']);
	first[Symbol.dispose]();
	const second = await waiting;
	assert.throws(() => use.tryWrite('c', 'another'), { message: /a compaction/ });
	second[Symbol.dispose]();
	using _third = use.tryWrite('c', 'another');
	using _other = use.tryWrite('d', 'another chain');
});

test('who wants a chain alone waits for its readers, and goes before those who come later', async () => {
	const use = createChainUse();
	using seat = use.tryWrite('c', 'a reverse increment');
	const reader = use.tryRead('c');
	const order: string[] = [];
	const alone = seat.alone(nobody);
	void alone.then(() => order.push('alone'));
	const late = use.read('c', { onWait: (reason) => order.push(`waits for ${reason}`) });
	void late.then(() => order.push('late'));
	await settle();
	assert.deepEqual(order, ['waits for a reverse increment']);
	reader?.[Symbol.dispose]();
	const held = await alone;
	assert.equal(use.tryRead('c'), undefined);
	await settle();
	assert.equal(order.includes('late'), false);
	held[Symbol.dispose]();
	(await late)[Symbol.dispose]();
	assert.deepEqual(order.slice(1), ['alone', 'late']);
});

test('who is cancelled while waiting lets the others through', async () => {
	const use = createChainUse();
	using seat = use.tryWrite('c', 'a merge');
	const reader = use.tryRead('c');
	const cancel = new AbortController();
	const alone = seat.alone({ signal: cancel.signal });
	assert.equal(use.tryRead('c'), undefined);
	cancel.abort(new Error('cancelled'));
	await assert.rejects(alone, /cancelled/);
	const second = use.tryRead('c');
	assert.notEqual(second, undefined);
	reader?.[Symbol.dispose]();
	second?.[Symbol.dispose]();
	const held = seat.tryAlone();
	assert.notEqual(held, undefined);
	const read = use.read('c', { signal: AbortSignal.abort(new Error('gone')) });
	await assert.rejects(read, /gone/);
});

test('a chain that is being removed is refused, since nothing will be left to read', async () => {
	const use = createChainUse();
	using seat = use.tryWrite('c', 'retention');
	const removal = seat.tryAlone({ isRemoval: true });
	assert.throws(() => use.tryRead('c'), { code: 'busy.chain' });
	await assert.rejects(use.read('c', nobody), { code: 'busy.chain' });
	removal?.[Symbol.dispose]();
	removal?.[Symbol.dispose]();
	assert.notEqual(use.tryRead('c'), undefined);
});

test('a seat that is given up twice does not free that of another', () => {
	const use = createChainUse();
	const first = use.tryWrite('c', 'first');
	first[Symbol.dispose]();
	using _second = use.tryWrite('c', 'second');
	first[Symbol.dispose]();
	assert.throws(() => use.tryWrite('c', 'third'), { message: /second/ });
});
