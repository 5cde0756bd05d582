import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EngineError } from '../base/index.ts';
import { cleanUpJob, LocalFolder, listChains, markerName, markRepository, prepareRepository, removeChain, requireIdentity } from './index.ts';
import { Model, modelJob } from './testing/model.ts';
import { MortalStorage } from './testing/mortal-storage.ts';
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

test('a marker that another account made, and this one may neither read nor replace, is one', async (t) => {
	const { path, model } = await openRepository(t);
	const refused = () => Promise.reject(new EngineError('repository.not-writable', 'no permission'));
	class Foreign extends LocalFolder {
		override open(name: string, mode: 'read' | 'update' | 'create') {
			return name === markerName ? refused() : super.open(name, mode);
		}
		override replace(name: string, bytes: Uint8Array) {
			return name === markerName ? refused() : super.replace(name, bytes);
		}
	}
	await model.run(new Foreign(path), forward, model.objects);
	assert.equal((await model.verify()).size, 1);
	assert.ok((await listChains(path)).chains.length > 0);
});

const identityIn = (path: string): string => /^Identity: ([0-9a-f]{32})$/m.exec(readFileSync(join(path, markerName), 'utf8'))?.[1] ?? '';

test('GW-02: a repository keeps the identity that it got when it was prepared; one with an older marker gets its own with its next run', async (t) => {
	const [one, other] = [await openRepository(t), await openRepository(t)];
	const identity = identityIn(one.path);
	assert.match(identity, /^[0-9a-f]{32}$/);
	assert.notEqual(identity, identityIn(other.path));
	await one.run();
	await prepareRepository(one.path); // by another installation
	assert.equal(identityIn(one.path), identity);
	await requireIdentity(one.path, identity);
	await assert.rejects(requireIdentity(other.path, identity), { code: 'repository.unreachable', message: /is another repository here/ });
	for (const older of ['', 'This folder is a repository of Holdfast.\n', 'x'.repeat(100_000), 'Identity: 12\n']) {
		writeFileSync(join(one.path, markerName), older);
		assert.equal((await one.model.chains()).length, 1);
		assert.equal(readFileSync(join(one.path, markerName), 'utf8'), older, 'looking changes nothing');
		await assert.rejects(requireIdentity(one.path, identity), { message: /is another repository here/ });
		await one.run();
		assert.match(identityIn(one.path), /^[0-9a-f]{32}$/);
	}
	rmSync(other.path, { recursive: true });
	for (const make of [() => undefined, () => mkdirSync(other.path)]) {
		make();
		await assert.rejects(requireIdentity(other.path, identity), {
			code: 'repository.unreachable',
			message: /is not the repository here/,
			hint: /^Mount the share/,
		});
	}
	assert.deepEqual(readdirSync(other.path), []);
});

/** A folder as a client of a network file system may show it: opening asks the server, listings are those of the moment when it was remembered. */
class Remembering extends LocalFolder {
	readonly #listings = new Map<string, Awaited<ReturnType<LocalFolder['list']>>>();

	override async list(folder: string): ReturnType<LocalFolder['list']> {
		const listing = this.#listings.get(folder) ?? (await super.list(folder));
		this.#listings.set(folder, listing);
		return listing;
	}
}

test('PIPE-07: a client of a share that is shown a folder as it was goes on with the chain that another one has written to since', async (t) => {
	const { path, model, run } = await openRepository(t);
	await run();
	const late = new Remembering(path);
	await listChains(late);
	await run(); // elsewhere
	const { chains, problems } = await listChains(late);
	assert.deepEqual(problems, []);
	assert.deepEqual(
		chains.flatMap(({ files }) => files).map(({ problem }) => problem),
		[null, null],
	);
	await model.run(late, forward, model.objects);
	assert.equal((await model.chains()).length, 1, 'and begins no other');
	assert.equal((await model.verify()).size, 3);
	rmSync(join(path, (await model.chains())[0]?.files.at(-1)?.path ?? ''));
	assert.match((await listChains(late)).chains[0]?.files.at(-1)?.problem ?? '', /is missing/, 'what is gone is still found to be gone');
});

test('a power failure at any change while a marker is renewed leaves the old one or the new one, and nothing that a clean-up does not remove', async (t) => {
	const { path } = await openRepository(t);
	for (let k = 1; ; k++) {
		writeFileSync(join(path, markerName), 'A marker of before.');
		const storage = new MortalStorage(path, seededRandom(k), k);
		await markRepository(storage).catch((error: unknown) => assert(storage.isDead, String(error)));
		await cleanUpJob(path, modelJob);
		assert.deepEqual(readdirSync(path), [markerName]);
		assert.match(await markRepository(new LocalFolder(path)), /^[0-9a-f]{32}$/);
		if (!storage.isDead) return assert.ok(k > 1);
	}
});
