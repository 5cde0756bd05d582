import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ChainMethod } from '../contract/index.ts';
import { chunkHash, encodeDiskMap, Packer, type PointManifest, sealedBytes, sealRecord } from '../format/index.ts';
import { ChainReader, ChainRun, cleanUpJob, findPoint, listChains, loadChain, markerName, removeFile, runChainStep } from './index.ts';

/** A model of chains: disks of a few small blocks, written straight through the repository, read back from every retained point. */
const blockSizeBytes = 262_144;
const job = { id: 'job', name: 'Model' };
const object = { kind: 'disk', path: '/model' } as const;
const signal = new AbortController().signal;
let clock = Date.UTC(2026, 0, 1);
const tick = (): number => {
	clock += 1000;
	return clock;
};

type Model = { readonly repositoryPath: string; readonly disks: Map<string, readonly Uint8Array[]>; blocks: Uint8Array[] };

const openModel = (t: TestContext): Model => {
	const repositoryPath = mkdtempSync(join(tmpdir(), 'holdfast-methods-'));
	writeFileSync(join(repositoryPath, markerName), '');
	t.after(() => rmSync(repositoryPath, { recursive: true, force: true }));
	return { repositoryPath, disks: new Map(), blocks: Array.from({ length: 6 }, newBlock) };
};
const newBlock = (): Uint8Array => Buffer.concat([randomBytes(200), Buffer.alloc(blockSizeBytes - 200)]);

const spec = (model: Model, method: ChainMethod, requested: 'full' | 'synthetic' | 'increment' = 'increment', differential = false) => ({
	repositoryPath: model.repositoryPath,
	job,
	objects: [object],
	method,
	differential,
	singleFile: false,
	requested,
	renewAfterPoints: null,
	keyId: null,
	now: tick(),
});

/** A whole run on the model's present blocks. */
async function run(model: Model, ...how: [ChainMethod, ('full' | 'synthetic' | 'increment')?, boolean?]): Promise<string> {
	const chosen = spec(model, ...how);
	await using chainRun = await ChainRun.begin(chosen);
	await using base = chainRun.base ? new ChainReader(chainRun.base) : null;
	const written = new Set<string>();
	const writes: Promise<void>[] = [];
	const packer = new Packer((raw, chunks) => {
		const buffer = Buffer.alloc(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, 1, null);
		writes.push(chainRun.writer.append(buffer.subarray(0, totalBytes), header, chunks));
	}, null);
	const store = (chunk: Uint8Array): Uint8Array => {
		const hash = chunkHash(chunk);
		if (!base?.has(hash) && !written.has(hash.toString('hex'))) packer.add(hash, chunk);
		written.add(hash.toString('hex'));
		return hash;
	};
	const segment = store(Buffer.concat(model.blocks.map(store)));
	const root = store(encodeDiskMap({ sizeBytes: model.blocks.length * blockSizeBytes, blockSizeBytes, segments: [segment] }));
	packer.flush();
	await Promise.all(writes);
	const id = `p${chosen.now}`;
	const point: PointManifest = {
		id,
		object,
		createdAt: chosen.now,
		sessionId: 's',
		mode: { requested: 'increment', actual: chainRun.actual, reason: chainRun.fallbackReason },
		consistency: 'crash',
		root: { kind: 'disk', hash: Buffer.from(root).toString('hex') },
		sourceBytes: 0,
		itemCount: 1,
		storedBytes: 0,
		warningCount: 0,
	};
	await chainRun.commit([point], { signal });
	model.disks.set(id, [...model.blocks]);
	return id;
}

const change = (model: Model): void => {
	for (let i = 0; i < 2; i++) model.blocks[Math.floor(Math.random() * model.blocks.length)] = newBlock();
};

/** Every point that the repository lists gives back exactly the model's blocks. */
async function assertPoints(model: Model, expected: readonly string[]): Promise<void> {
	const { chains, problems } = await listChains(model.repositoryPath);
	assert.deepEqual(problems, []);
	const points = chains.flatMap((chain) => chain.points);
	assert.deepEqual(
		points.map(({ id, problem }) => [id, problem]),
		expected.map((id) => [id, null]),
	);
	for (const id of expected) {
		const { files } = await findPoint(model.repositoryPath, id);
		await using reader = new ChainReader(await loadChain(model.repositoryPath, files));
		for (const block of model.disks.get(id) ?? []) assert.deepEqual(Buffer.from(await reader.readChunk(chunkHash(block))), block);
	}
}

test('a reverse incremental chain keeps the newest point in the full and every older one restorable', async (t) => {
	const model = openModel(t);
	const points: string[] = [];
	for (let i = 0; i < 5; i++) {
		points.push(await run(model, 'reverse'));
		await assertPoints(model, points);
		change(model);
	}
	const [chain] = (await listChains(model.repositoryPath)).chains;
	assert.deepEqual(
		chain?.files.map(({ kind }) => kind),
		['full', 'reverse', 'reverse', 'reverse', 'reverse'],
	);
	assert.deepEqual(chain?.files[0]?.pointIds, [points.at(-1)]);
	await removeFile(model.repositoryPath, chain?.id ?? '', chain?.files.at(-1)?.path ?? '');
	await assertPoints(model, points.slice(1));
	assert.deepEqual(await cleanUpJob(model.repositoryPath, job), { removed: [], adopted: [] });
});

test('a forever forward chain moves its oldest increment into the full and keeps the rest', async (t) => {
	const model = openModel(t);
	const points: string[] = [];
	for (let i = 0; i < 6; i++) {
		points.push(await run(model, 'forever-forward'));
		change(model);
		if (i < 2) continue;
		const [chain] = (await listChains(model.repositoryPath)).chains;
		await runChainStep(model.repositoryPath, chain?.id ?? '', { kind: 'merge', count: 1 }, { signal });
		points.shift();
		await assertPoints(model, points);
	}
	const [chain] = (await listChains(model.repositoryPath)).chains;
	await runChainStep(model.repositoryPath, chain?.id ?? '', { kind: 'compact' }, { signal });
	await assertPoints(model, points);
});

test('a synthetic full begins a chain of its own from the chain before', async (t) => {
	const model = openModel(t);
	const points = [await run(model, 'forward')];
	change(model);
	points.push(await run(model, 'forward'));
	change(model);
	points.push(await run(model, 'forward', 'synthetic'));
	change(model);
	points.push(await run(model, 'forward'));
	await assertPoints(model, points);
	const { chains } = await listChains(model.repositoryPath);
	assert.deepEqual(
		chains.map(({ files }) => files.map(({ kind }) => kind)),
		[
			['full', 'increment'],
			['full', 'increment'],
		],
	);
});

test('JOB-04: a differential builds on the full alone, so that any other can be removed', async (t) => {
	const model = openModel(t);
	const points = [await run(model, 'forward')];
	for (let i = 0; i < 3; i++) {
		change(model);
		points.push(await run(model, 'forward', 'increment', true));
	}
	const [chain] = (await listChains(model.repositoryPath)).chains;
	await removeFile(model.repositoryPath, chain?.id ?? '', chain?.files[2]?.path ?? '');
	points.splice(2, 1);
	await assertPoints(model, points);
});
