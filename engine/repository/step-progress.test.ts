import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { StepPart } from '../contract/index.ts';
import { createMasterKey, type MasterKey, testPasswordCost, withPassword } from '../format/index.ts';
import { type ChainStep, cleanUpJob, LocalFolder, relockChain, removeChain, runChainStep, type StepOptions, type StepProgress } from './index.ts';
import { Model, modelJob, type RunChoice } from './testing/model.ts';
import { MortalStorage } from './testing/mortal-storage.ts';
import { seededRandom } from './testing/random.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);
const blockBytes = 262_144;

/** Hears of a step; may cancel it as soon as it has moved something. */
class Listener implements StepProgress {
	readonly parts: StepPart[] = [];
	readonly #abort = new AbortController();
	readonly #cancelAfterBytes: number;
	expectedBytes = 0;
	movedBytes = 0;
	mergedBytes = 0;
	compactedBytes = 0;

	constructor(cancelAfterBytes = Number.POSITIVE_INFINITY) {
		this.#cancelAfterBytes = cancelAfterBytes;
	}

	get signal(): AbortSignal {
		return this.#abort.signal;
	}

	begins(part: StepPart): void {
		this.parts.push(part);
	}

	expects(bytes: number): void {
		this.expectedBytes += bytes;
	}

	moved(bytes: number): void {
		assert(!this.signal.aborted, 'nothing moves after it was cancelled');
		this.movedBytes += bytes;
		if (this.parts.at(-1) === 'merge') this.mergedBytes += bytes;
		if (this.parts.at(-1) === 'compact') this.compactedBytes += bytes;
		if (this.movedBytes >= this.#cancelAfterBytes) this.#abort.abort(new Error('Cancelled.'));
	}

	get options(): StepOptions {
		return { signal: this.signal, progress: this, commitEveryBytes: 2 * blockBytes };
	}
}

/** A chain of a disk of which half changes from run to run. */
async function chainOf(
	t: TestContext,
	choice: RunChoice,
	runs: number,
	key: MasterKey | null = null,
): Promise<{ model: Model; storage: LocalFolder; change(): void; blocks: Uint8Array[] }> {
	t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
	const path = mkdtempSync(join(tmpdir(), 'holdfast-steps-'));
	t.after(() => rmSync(path, { recursive: true, force: true }));
	const random = seededRandom(seed);
	const model = new Model(path, random, ['disk'], key);
	const storage = new LocalFolder(path);
	const blocks = Array.from({ length: 16 }, () => random.bytes(blockBytes));
	const change = (): void => {
		for (let i = 0; i < blocks.length; i += 2) blocks[i] = random.bytes(blockBytes);
		for (const object of model.objects) object.content = { kind: 'disk', blocks: [...blocks] };
	};
	for (let i = 0; i < runs; i++) {
		change();
		await model.run(storage, choice, model.objects);
	}
	return { model, storage, change, blocks };
}

const chainId = async (model: Model): Promise<string> => (await model.chains()).at(-1)?.id ?? '';

const cases: readonly {
	readonly title: string;
	readonly choice: RunChoice;
	readonly parts: readonly StepPart[];
	/** Null: a run of this choice. */
	readonly step: ChainStep | null;
	readonly next?: RunChoice;
}[] = [
	{ title: 'a merge', choice: { method: 'forever-forward' }, parts: ['merge'], step: { kind: 'merge', count: 1 } },
	{ title: 'a compaction', choice: { method: 'reverse' }, parts: ['compact'], step: { kind: 'compact' } },
	{ title: 'a reverse increment', choice: { method: 'reverse' }, parts: ['reverse'], step: null },
	{ title: 'a synthetic full', choice: { method: 'forward' }, next: { method: 'forward', requested: 'synthetic' }, parts: ['synthetic'], step: null },
];

for (const { title, choice, parts, step, next = choice } of cases) {
	test(`${title} tells what it has moved and has to move, stops when it is cancelled with every point intact, and is done the next time`, async (t) => {
		const { model, storage, change } = await chainOf(t, choice, 3);
		const before = await model.verify();
		if (step === null) change();
		const act = async (listener: Listener): Promise<void> => {
			if (step) await runChainStep(storage, await chainId(model), step, listener.options);
			else await model.run(storage, next, model.objects, listener.options);
		};
		const cancelled = new Listener(3 * blockBytes);
		await assert.rejects(act(cancelled), /Cancelled/);
		assert(cancelled.movedBytes < 4 * blockBytes, 'it stops at once');
		assert(cancelled.expectedBytes > cancelled.movedBytes, 'there was more to do');
		assert.deepEqual(await model.verify(), before, 'no point is lost and none half made');

		await cleanUpJob(storage, modelJob);
		assert.deepEqual(await model.unowned(), [], 'nothing is left behind');
		const whole = new Listener();
		await act(whole);
		for (const part of parts) assert(whole.parts.includes(part), `it says that it does ${part}`);
		assert(whole.movedBytes > 0);
		assert.equal(whole.movedBytes, whole.expectedBytes, 'in the end all has moved that was expected');
		const after = await model.verify();
		if (step?.kind === 'merge') assert.equal(after.size, before.size - 1);
		else if (step) assert.deepEqual(after, before);
		else assert.equal(after.size, before.size + 1);
		if (step?.kind === 'merge') assert(whole.mergedBytes < 7 * blockBytes, 'of eight blocks, it does not move again what it had committed');
	});
}

/** A compaction that dies when it has read back the full, which is the first file that it writes anew. */
async function dieCompacting(model: Model, id: string): Promise<void> {
	const rehearsal = mkdtempSync(join(tmpdir(), 'holdfast-rehearsal-'));
	cpSync(model.repositoryPath, rehearsal, { recursive: true });
	const alive = new MortalStorage(rehearsal, seededRandom(seed));
	await runChainStep(model.on(alive), id, { kind: 'compact' }, new Listener().options);
	rmSync(rehearsal, { recursive: true });
	const beforeRename = alive.changes.indexOf('rename');
	assert(beforeRename > 0, 'there is something to compact');
	const mortal = new MortalStorage(model.repositoryPath, seededRandom(seed), beforeRename);
	await assert.rejects(runChainStep(model.on(mortal), id, { kind: 'compact' }, new Listener().options), /Died|Dead/);
}

test('a compaction that died goes on with what it had committed, and does not move it again', async (t) => {
	const { model, storage } = await chainOf(t, { method: 'reverse' }, 3);
	const id = await chainId(model);
	const before = await model.verify();
	const fresh = mkdtempSync(join(tmpdir(), 'holdfast-fresh-'));
	t.after(() => rmSync(fresh, { recursive: true, force: true }));
	cpSync(model.repositoryPath, fresh, { recursive: true });
	const whole = new Listener();
	await runChainStep(new LocalFolder(fresh), id, { kind: 'compact' }, whole.options);

	await dieCompacting(model, id);
	assert.deepEqual(
		(await cleanUpJob(storage, modelJob, { keepsBegun: true })).removed.filter((name) => !name.includes('.hbm')),
		[],
	);
	assert.equal((await model.unowned()).length, 1, 'what was begun is there');
	const rest = new Listener();
	await runChainStep(storage, id, { kind: 'compact' }, rest.options);
	assert(rest.compactedBytes < whole.compactedBytes - 10 * blockBytes, 'the blocks of the full are not copied again');
	assert(rest.parts.includes('verify'), 'but they are read before they count');
	assert.equal(rest.movedBytes, rest.expectedBytes);
	assert.deepEqual(await model.verify(), before);
	assert.deepEqual(await model.unowned(), []);
});

test('what a compaction had begun is not kept when its file has become another point, got another password or is removed', async (t) => {
	const { key } = await createMasterKey('model', testPasswordCost);
	const { model, change, storage } = await chainOf(t, { method: 'reverse' }, 3, key);
	const id = await chainId(model);
	const begun = async (): Promise<number> => (await model.unowned()).length;
	const start = (): Promise<unknown> => cleanUpJob(model.place, modelJob, { keepsBegun: true });

	await dieCompacting(model, id);
	await start();
	assert.equal(await begun(), 1);
	change();
	await model.run(storage, { method: 'reverse' }, model.objects);
	await start();
	assert.equal(await begun(), 0, 'another point');

	await dieCompacting(model, id);
	model.key = await withPassword(key, 'changed', testPasswordCost);
	await relockChain(model.place, id);
	await start();
	assert.equal(await begun(), 0, 'another password');

	await dieCompacting(model, id);
	await start();
	assert.equal(await begun(), 1);
	await removeChain(model.place, id);
	assert.equal(await begun(), 0, 'the chain is removed');
});
