import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isEngineError } from '../base/index.ts';
import { FileIndex, parseSuperblocks, recordHeaderBytes, slotOffset } from '../format/index.ts';
import { cleanUpJob, LocalFolder, listChains, readCommittedFile, readRecord } from '../repository/index.ts';
import { flip } from '../repository/testing/flip.ts';
import { check, giveBack, job, newestChain, noise, openSite, protect, type Site, seededRandom, verify, Witness } from './testing/site.ts';
import { differences, factsOf, type TreeFacts } from './testing/tree-facts.ts';

type Damaged = { readonly site: Site; readonly path: string; readonly points: readonly { readonly pointId: string; readonly facts: TreeFacts }[] };

/** A full and two increments of a small tree; `path` is the full's. */
async function openChain(t: TestContext): Promise<Damaged> {
	const site = await openSite(t);
	const random = seededRandom(5);
	fs.writeFileSync(join(site.source, 'large'), noise(random, 3_000_000));
	fs.mkdirSync(join(site.source, 'folder'));
	for (let i = 0; i < 40; i++) fs.writeFileSync(join(site.source, 'folder', `small ${i}`), noise(random, 1000 + random(3000)));
	const points: { pointId: string; facts: TreeFacts }[] = [];
	for (let round = 0; round < 3; round++) {
		fs.writeFileSync(join(site.source, 'folder', `new ${round}`), noise(random, 200_000));
		points.push({ pointId: (await protect(site)).pointId, facts: factsOf(site.source) });
	}
	const [full] = (await newestChain(site)).files;
	return { site, path: join(site.repositoryPath, full?.path ?? ''), points };
}

/** What lies where in the full, found with the format's own parsers. */
async function layoutOf(site: Site, path: string) {
	const storage = new LocalFolder(site.repositoryPath);
	await using file = await storage.open(path.slice(site.repositoryPath.length + 1), 'read');
	const committed = await readCommittedFile(file, []);
	assert.ok(committed);
	const { superblock, root } = committed;
	const piece = root.index[0] as { offset: number; bytes: number };
	const { raw } = await readRecord(file, piece, null);
	const records = [...FileIndex.parse(Uint8Array.from(raw), path, superblock.committedEnd).records()];
	return { superblock, piece, records };
}

let restoreCount = 0;

/** Everything that comes back without an error must be right; what does not must be named. @returns names that came back */
async function restoreWhatCan(
	{ site, points }: Damaged,
	round: number,
	what: string,
): Promise<{ complete: boolean; error: unknown; named: readonly (string | null)[] }> {
	const { pointId, facts } = points[round] as Damaged['points'][number];
	const to = join(site.root, `back-${restoreCount++}`);
	const witness = new Witness();
	let error: unknown = null;
	try {
		await giveBack(site, pointId, { to, witness });
	} catch (thrown) {
		error = thrown;
		assert.ok(isEngineError(thrown) && thrown.code.startsWith('repository.'), `${what}: ${thrown}`);
	}
	const back = fs.existsSync(to) ? factsOf(to) : new Map();
	for (const [key, fact] of back) {
		if (!('hash' in fact)) continue;
		assert.equal(fact.hash, facts.get(key)?.hash, `${what}: ${key} came back with other content`);
	}
	const missing = [...facts.keys()].filter((key) => !back.has(key));
	assert.equal(error === null, missing.length === 0, `${what}: ${missing.length} missing, but ${error}`);
	return { complete: missing.length === 0 && differences(back, facts).length === 0, error, named: witness.warnings.map(({ path }) => path) };
}

test('one superblock is enough to open a file, and the check tells; without both the file is damaged', async (t) => {
	const chain = await openChain(t);
	const { superblock } = await layoutOf(chain.site, chain.path);
	const head = fs.readFileSync(chain.path).subarray(0, 8192);
	assert.equal(parseSuperblocks(head, 'full').length, 2);
	flip(chain.path, slotOffset(superblock.generation) + 60);
	assert.equal((await restoreWhatCan(chain, 2, 'newest superblock')).complete, true);
	assert.deepEqual(
		(await check(chain.site)).damaged.map(({ structure, offset, point, isHarmless }) => [structure, offset, point, isHarmless]),
		[['superblock', slotOffset(superblock.generation), null, true]],
	);
	flip(chain.path, slotOffset(superblock.generation + 1) + 60);
	const { error } = await restoreWhatCan(chain, 0, 'both superblocks');
	assert.ok(isEngineError(error, 'repository.damaged'));
	assert.match(error.message, /superblock/);
	const { damaged } = await check(chain.site);
	assert.equal(damaged[0]?.file, (await newestChain(chain.site)).files[0]?.path);
	const next = await protect(chain.site);
	assert.equal(next.outcomes[0]?.mode.actual, 'full', 'the next run begins a new chain');
	assert.match(next.outcomes[0]?.mode.reason ?? '', /superblock/);
});

for (const [name, place] of [
	['the root', (layout: Layout) => layout.superblock.rootOffset + recordHeaderBytes + 20],
	['the header of the root', (layout: Layout) => layout.superblock.rootOffset + 9],
	['the index', (layout: Layout) => layout.piece.offset + recordHeaderBytes + 30],
	['the header of the index', (layout: Layout) => layout.piece.offset + 17],
] as const) {
	test(`a flipped byte in ${name} is detected and named, and the next run begins a new chain`, async (t) => {
		const chain = await openChain(t);
		flip(chain.path, place(await layoutOf(chain.site, chain.path)));
		const { error } = await restoreWhatCan(chain, 2, name);
		assert.ok(isEngineError(error, 'repository.damaged'));
		assert.ok(error.message.includes((await newestChain(chain.site)).files[0]?.path ?? '?'), error.message);
		assert.ok((await verify(chain.site, chain.points[1]?.pointId ?? '')).damaged.length > 0);
		assert.ok((await check(chain.site)).damaged.some(({ file }) => chain.path.endsWith(file)));
		const { outcomes, pointId } = await protect(chain.site);
		assert.equal(outcomes[0]?.mode.actual, 'full');
		assert.deepEqual((await verify(chain.site, pointId)).damaged, []);
	});
}

test('a flipped byte in the header or payload of any record costs only the files in it, and they are named', async (t) => {
	const chain = await openChain(t);
	const { records } = await layoutOf(chain.site, chain.path);
	assert.ok(records.length >= 4);
	for (const [i, record] of records.entries()) {
		for (const offset of [record.offset + 5, record.offset + recordHeaderBytes + Math.floor(record.storedBytes / 2)]) {
			flip(chain.path, offset);
			const what = `record ${i} at ${offset}`;
			const { complete, error, named } = await restoreWhatCan(chain, 0, what);
			assert.equal(complete, false, what);
			assert.ok(isEngineError(error, 'repository.damaged'), what);
			if (offset === record.offset + 5) {
				flip(chain.path, offset);
				continue;
			}
			const { damaged, unreadable } = await check(chain.site);
			assert.ok(
				damaged.some(({ file }) => chain.path.endsWith(file)),
				`${what}: the check names the file`,
			);
			assert.deepEqual(unreadable, []);
			const isRoot = named.length === 0;
			if (!isRoot)
				assert.ok(
					damaged.some(({ path }) => path !== null && named.includes(path)),
					`${what}: check and restore name the same`,
				);
			flip(chain.path, offset);
		}
	}
	assert.deepEqual((await check(chain.site)).damaged, []);
});

test('a record that was replaced by another sound one is damage', async (t) => {
	const chain = await openChain(t);
	const { records } = await layoutOf(chain.site, chain.path);
	const bySize = Map.groupBy(records, ({ storedBytes }) => storedBytes);
	const whole = fs.readFileSync(chain.path);
	const [a, b] = [...bySize.values()].find((same) => same.length > 1) ?? [...records].sort((x, y) => y.storedBytes - x.storedBytes);
	assert.ok(a && b);
	whole.copy(whole, a.offset, b.offset, b.offset + recordHeaderBytes + Math.min(a.storedBytes, b.storedBytes));
	fs.writeFileSync(chain.path, whole);
	assert.ok((await check(chain.site)).damaged.length > 0);
	assert.equal((await restoreWhatCan(chain, 0, 'replaced')).complete, false);
});

test('damaged metadata of a chain is named, and made anew from the backup files', async (t) => {
	const chain = await openChain(t);
	const before = await newestChain(chain.site);
	const folder = join(chain.site.repositoryPath, job.name);
	const name = fs.readdirSync(folder).find((entry) => entry.endsWith('.hbm')) as string;
	for (const destroy of [() => flip(join(folder, name), 300), () => fs.truncateSync(join(folder, name), 100), () => fs.rmSync(join(folder, name))]) {
		destroy();
		const { chains, problems } = await listChains(chain.site.repositoryPath);
		assert.deepEqual(chains, []);
		if (fs.existsSync(join(folder, name)))
			assert.deepEqual(
				problems.map(({ path }) => path),
				[`${job.name}/${name}`],
			);
		const { adopted } = await cleanUpJob(chain.site.repositoryPath, job);
		assert.equal(adopted.length, 3);
		const after = await newestChain(chain.site);
		assert.deepEqual(
			after.points.map(({ id, problem }) => [id, problem]),
			before.points.map(({ id }) => [id, null]),
		);
		assert.equal((await restoreWhatCan(chain, 2, 'adopted')).complete, true);
	}
	assert.equal((await protect(chain.site)).outcomes[0]?.mode.actual, 'increment');
});

test('metadata of a newer version is left as it is', async (t) => {
	const chain = await openChain(t);
	const folder = join(chain.site.repositoryPath, job.name);
	const path = join(folder, fs.readdirSync(folder).find((entry) => entry.endsWith('.hbm')) as string);
	const bytes = fs.readFileSync(path);
	bytes.writeUInt32LE(99, 8);
	fs.writeFileSync(path, bytes);
	assert.equal((await listChains(chain.site.repositoryPath)).problems[0]?.error.code, 'repository.newer-format');
	await cleanUpJob(chain.site.repositoryPath, job);
	assert.deepEqual(fs.readFileSync(path), bytes);
});

test('a missing file of a chain is named, hurts only what builds on it, and the next run begins a new chain', async (t) => {
	const chain = await openChain(t);
	const { files } = await newestChain(chain.site);
	fs.renameSync(join(chain.site.repositoryPath, files[1]?.path ?? ''), join(chain.site.root, 'taken away'));
	const hurt = await newestChain(chain.site);
	assert.deepEqual(
		hurt.points.map(({ problem }) => problem !== null),
		[false, true, true],
	);
	assert.ok(hurt.points[2]?.problem?.includes('missing'));
	assert.equal((await restoreWhatCan(chain, 0, 'before the gap')).complete, true);
	for (const round of [1, 2]) {
		const { error } = await restoreWhatCan(chain, round, 'behind the gap');
		assert.ok(isEngineError(error) && error.message.includes(files[1]?.path ?? '?'));
	}
	assert.ok((await check(chain.site)).damaged.some(({ file }) => file === files[1]?.path));
	const { outcomes } = await protect(chain.site);
	assert.equal(outcomes[0]?.mode.actual, 'full');
	assert.match(outcomes[0]?.mode.reason ?? '', /missing/);

	fs.renameSync(join(chain.site.root, 'taken away'), join(chain.site.repositoryPath, files[1]?.path ?? ''));
	assert.equal((await restoreWhatCan(chain, 2, 'put back')).complete, true);
});

test('a truncated file is named before it is read', async (t) => {
	const chain = await openChain(t);
	const { files } = await newestChain(chain.site);
	fs.truncateSync(join(chain.site.repositoryPath, files[2]?.path ?? ''), (files[2]?.sizeBytes ?? 0) - 1);
	assert.match((await newestChain(chain.site)).points[2]?.problem ?? '', /shorter/);
	assert.equal((await restoreWhatCan(chain, 1, 'before')).complete, true);
});

type Layout = Awaited<ReturnType<typeof layoutOf>>;
