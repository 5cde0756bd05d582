import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cleanUpJob, LocalFolder, listChains, markerName, prepareRepository, removeChain } from './index.ts';
import { Model, modelJob } from './testing/model.ts';
import { seededRandom } from './testing/random.ts';

const forward = { method: 'forward' } as const;
const unreachable = { code: 'repository.unreachable', data: { isUnmarked: true } };

async function openRepository(t: TestContext): Promise<{ path: string; model: Model; run: (requested?: 'full') => Promise<string[]> }> {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-marker-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const path = join(root, 'repository');
	const model = new Model(path, seededRandom(7), ['folder']);
	await prepareRepository(path);
	return { path, model, run: (requested) => model.run(new LocalFolder(path), { ...forward, ...(requested && { requested }) }, model.objects) };
}

test('a folder that is prepared holds the marker and nothing else', async (t) => {
	const { path } = await openRepository(t);
	assert.deepEqual(readdirSync(path), [markerName]);
	await prepareRepository(path);
	assert.deepEqual(readdirSync(path), [markerName]);
	assert.deepEqual(await listChains(path), { chains: [], problems: [] });
});

test('the empty mount point of a repository is not taken for it: nothing is read as gone, nothing is written', async (t) => {
	const { path, model, run } = await openRepository(t);
	await run();
	renameSync(path, `${path}-disk`);
	mkdirSync(path);
	await assert.rejects(run(), unreachable);
	await assert.rejects(run('full'), unreachable);
	await assert.rejects(listChains(path), unreachable);
	await assert.rejects(cleanUpJob(path, modelJob), unreachable);
	assert.deepEqual(readdirSync(path), []);
	mkdirSync(join(path, 'somebody else')); // what others left there makes no repository of it
	writeFileSync(join(path, 'somebody else', 'file'), 'x');
	await assert.rejects(run(), unreachable);
	rmSync(path, { recursive: true });
	renameSync(`${path}-disk`, path);
	await run();
	assert.equal((await model.verify()).size, 2);
});

test('a repository older than the marker goes on and gets one with its next run, also with a full', async (t) => {
	const { path, model, run } = await openRepository(t);
	for (const requested of [undefined, 'full'] as const) {
		await run();
		rmSync(join(path, markerName));
		assert.ok((await model.chains()).length > 0);
		assert.ok(!existsSync(join(path, markerName)), 'looking changes nothing');
		await run(requested);
		assert.ok(existsSync(join(path, markerName)));
	}
	assert.equal((await model.verify()).size, 4);
});

test('a repository older than the marker whose last chain is removed is still one', async (t) => {
	const { path, model, run } = await openRepository(t);
	await run();
	rmSync(join(path, markerName));
	for (const { id } of await model.chains()) await removeChain(path, id);
	assert.deepEqual(readdirSync(path), [markerName]);
	await run();
});
