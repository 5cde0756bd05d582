import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { EngineError, isEngineError } from '../base/index.ts';
import { FileIndex, recordHeaderBytes } from '../format/index.ts';
import { cleanUpJob, LocalFolder, loadChain, runChainStep, type Storage } from './index.ts';
import { flip } from './testing/flip.ts';
import { Model, modelJob, type RunChoice } from './testing/model.ts';
import { seededRandom } from './testing/random.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);
const blockBytes = 262_144;
const signal = new AbortController().signal;

/** A chain of a disk whose blocks are too large to be packed anew: they move as they lie. The first of them never changes. */
async function chainOf(t: TestContext, choice: RunChoice, runs: number): Promise<{ model: Model; storage: LocalFolder; change(): void; path: string }> {
	t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
	const path = mkdtempSync(join(tmpdir(), 'holdfast-copies-'));
	t.after(() => rmSync(path, { recursive: true, force: true }));
	const random = seededRandom(seed);
	const model = new Model(path, random, ['disk']);
	const blocks = Array.from({ length: 8 }, () => random.bytes(blockBytes));
	const change = (): void => {
		for (let i = 2; i < blocks.length; i++) blocks[i] = random.bytes(blockBytes);
		for (const object of model.objects) object.content = { kind: 'disk', blocks: [...blocks] };
	};
	for (let i = 0; i < runs; i++) {
		change();
		await model.run(new LocalFolder(path), choice, model.objects);
	}
	return { model, storage: new LocalFolder(path), change, path };
}

/** One bit of a block's record in the given file of the newest chain is not what was written. */
async function hurt(model: Model, fileNumber: number, recordNumber: number): Promise<{ path: string; offset: number }> {
	const path = (await model.chains()).at(-1)?.files[fileNumber]?.path ?? '';
	const { files } = await loadChain(model.place, [path]);
	const large = [...new FileIndex(files[0]?.index as SharedArrayBuffer).records()].filter(({ rawBytes }) => rawBytes > blockBytes);
	const record = large[recordNumber];
	assert(record, 'there is a record with a block');
	flip(join(model.repositoryPath, path), record.offset + recordHeaderBytes + 1000);
	return { path, offset: record.offset };
}

const step = async (model: Model, storage: Storage, kind: 'merge' | 'compact'): Promise<void> => {
	const chainId = (await model.chains()).at(-1)?.id ?? '';
	await runChainStep(model.on(storage), chainId, kind === 'merge' ? { kind, count: 1 } : { kind }, { signal });
};

const namesDamage =
	(path: string, offset: number) =>
	(error: unknown): boolean => {
		assert(isEngineError(error, 'repository.damaged'), String(error));
		assert.match(error.message, new RegExp(`^${path.replace(/[.]/g, '\\.')} is damaged at byte ${offset}`));
		return true;
	};

const sizes = (model: Model): string => readdirSync(model.repositoryPath, { recursive: true, encoding: 'utf8' }).sort().join('\n');

test('JOB-08: a compaction that meets a damaged record names its place in the file that it was to compact, and leaves the chain as it was', async (t) => {
	const { model, storage } = await chainOf(t, { method: 'forever-forward' }, 3);
	await step(model, storage, 'merge');
	const before = sizes(model);
	const { path, offset } = await hurt(model, 0, 0);
	await assert.rejects(step(model, storage, 'compact'), namesDamage(path, offset));
	assert.equal(sizes(model), before, 'nothing was put in its place');
	assert.deepEqual(await cleanUpJob(model.place, modelJob), { removed: [], adopted: [] });
});

test('JOB-08: a compaction whose copy does not read back says that it is the copy, and leaves the chain as it was', async (t) => {
	const { model, storage } = await chainOf(t, { method: 'forever-forward' }, 3);
	await step(model, storage, 'merge');
	const before = sizes(model);
	const { open } = storage;
	let copies = 0;
	storage.open = async (path, mode) => {
		const file = await open.call(storage, path, mode);
		const copyFrom = file.copyFrom.bind(file);
		file.copyFrom = (source, sourceOffset, length, offset) =>
			++copies === 1 ? copyFrom(source, sourceOffset + 1, length, offset) : copyFrom(source, sourceOffset, length, offset);
		return file;
	};
	await assert.rejects(step(model, storage, 'compact'), (error) => {
		assert(isEngineError(error, 'repository.io'), String(error));
		assert.match(error.message, /does not read back as it was copied/);
		return true;
	});
	assert.equal(copies > 0, true);
	assert.equal(sizes(model), before);
	await model.verify();
});

test('a synthetic full that meets a damaged record of the chain before fails with its place and leaves no file', async (t) => {
	const { model, storage, change } = await chainOf(t, { method: 'forward' }, 2);
	const before = sizes(model);
	const { path, offset } = await hurt(model, 0, 0);
	change();
	await assert.rejects(model.run(storage, { method: 'forward', requested: 'synthetic' }, model.objects), namesDamage(path, offset));
	assert.equal(sizes(model), before);
});

test('a merge that meets a damaged record of the increment keeps the increment, and every point that does not need the record', async (t) => {
	const { model, storage } = await chainOf(t, { method: 'forever-forward' }, 2);
	const { path, offset } = await hurt(model, 1, 0);
	const before = sizes(model);
	await assert.rejects(step(model, storage, 'merge'), namesDamage(path, offset));
	assert.equal(sizes(model), before);
});

test('a storage that does not copy by itself, or gives it up in the middle, moves the same through memory', async (t) => {
	for (const kind of ['never', 'gives up'] as const) {
		const { model, storage, change } = await chainOf(t, { method: 'forever-forward' }, 4);
		const { open } = storage;
		storage.open = async (path, mode) => {
			const file = await open.call(storage, path, mode);
			const copyFrom = file.copyFrom.bind(file);
			file.copyFrom = async (source, sourceOffset, length, offset) => {
				if (kind === 'gives up') await copyFrom(source, sourceOffset, length >> 1, offset);
				return false;
			};
			return file;
		};
		await step(model, storage, 'merge');
		await step(model, storage, 'compact');
		change();
		await model.run(storage, { method: 'forever-forward', requested: 'synthetic' }, model.objects);
		await model.verify();
	}
});

test('what the storage has no room to copy is refused as any write is', async (t) => {
	const { model, storage } = await chainOf(t, { method: 'forever-forward' }, 3);
	await step(model, storage, 'merge');
	const { open } = storage;
	storage.open = async (path, mode) => {
		const file = await open.call(storage, path, mode);
		file.copyFrom = async () => false;
		file.write = async () => {
			throw new EngineError('repository.full', 'There is no room left.');
		};
		return file;
	};
	await assert.rejects(step(model, storage, 'compact'), (error) => isEngineError(error, 'repository.full'));
	await model.verify();
});
