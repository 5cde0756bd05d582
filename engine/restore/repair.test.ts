/** One flipped byte per case at every structure of a backup file: found, named, never given back as good data, mended from the source. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isEngineError } from '../base/index.ts';
import type { CheckResult, Damage } from '../contract/index.ts';
import { hashText, parseDiskMap, parseExtents, parsePage, recordHeaderBytes, slotOffset } from '../format/index.ts';
import type { BackupRun } from '../mover/index.ts';
import { ChainReader, cleanUpJob, LocalFolder, listChains, loadChain, readCommittedFile, readIndex, runChainStep } from '../repository/index.ts';
import { flip } from '../repository/testing/flip.ts';
import { checkChain } from './check-chain.ts';
import { check, disk, folder, giveBack, giveBackDisk, job, newestChain, noise, openSite, protect, type Site, seededRandom, Witness } from './testing/site.ts';
import { differences, factsOf, type TreeFacts } from './testing/tree-facts.ts';

type Point = { readonly treeId: string; readonly diskId: string; readonly facts: TreeFacts; readonly disk: Buffer };
type Chain = { readonly site: Site; readonly image: string; readonly objects: BackupRun['objects']; readonly points: Point[] };

const signal = new AbortController().signal;
const run = (chain: Chain, more: Partial<BackupRun> = {}): Partial<BackupRun> => ({
	objects: chain.objects,
	singleFile: true,
	blockSizeBytes: 262_144,
	...more,
});

/** Two points of a folder and a disk in one chain. `method` says where what is older lies. */
async function openChain(t: TestContext, method: BackupRun['method'] = 'forward'): Promise<Chain> {
	const site = await openSite(t);
	const random = seededRandom(11);
	const image = join(site.root, 'disk.raw');
	fs.writeFileSync(image, noise(random, 3_000_000));
	fs.writeFileSync(join(site.source, 'large'), noise(random, 1_500_000));
	fs.mkdirSync(join(site.source, 'folder'));
	for (let i = 0; i < 30; i++) fs.writeFileSync(join(site.source, 'folder', `small ${i}`), noise(random, 1000 + random(3000)));
	fs.writeFileSync(join(site.source, 'folder', 'text'), 'words that compress well '.repeat(9000));
	const long = new Date(Date.now() - 3_600_000); // settled: taken over by its stamp
	fs.utimesSync(image, long, long);
	const chain: Chain = { site, image, objects: [folder(site.source), disk(image)], points: [] };
	for (let round = 0; round < 2; round++) {
		fs.writeFileSync(join(site.source, 'folder', 'changing'), noise(random, 1_000_000));
		if (round === 1) await settledFiles(); // so that a directory is described the same way again
		chain.points.push(await protectBoth(chain, { method }));
	}
	return chain;
}

const settledFiles = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2200));

async function protectBoth(chain: Chain, more: Partial<BackupRun> = {}): Promise<Point> {
	const { outcomes } = await protect(chain.site, run(chain, more));
	const [treeId, diskId] = outcomes.map(({ pointId }) => pointId) as [string, string];
	return { treeId, diskId, facts: factsOf(chain.site.source), disk: fs.readFileSync(chain.image) };
}

/** The same chain in a repository of its own, so that every case begins with a whole one. */
let copies = 0;
function copyOf(chain: Chain): Chain {
	const repositoryPath = join(chain.site.root, `repository ${copies++}`);
	fs.cpSync(chain.site.repositoryPath, repositoryPath, { recursive: true });
	return { ...chain, site: { ...chain.site, repositoryPath }, points: [...chain.points] };
}

/** What lies where in the full, or in the newest file. */
async function layoutOf({ site, points }: Chain, which: 0 | -1 = 0) {
	const storage = new LocalFolder(site.repositoryPath);
	const paths = (await newestChain(site)).files.map(({ path }) => path);
	const path = paths.at(which) ?? '';
	await using file = await storage.open(path, 'read');
	const committed = await readCommittedFile(file, []);
	assert.ok(committed);
	const index = await readIndex(file, committed);
	await using reader = new ChainReader(await loadChain(storage, paths), storage);
	const manifests = committed.root.points;
	const rootOf = (id: string | undefined): Buffer => Buffer.from(manifests.find((point) => point.id === id)?.root.hash ?? '', 'hex');
	const newest = points.findLast(({ treeId }) => manifests.some(({ id }) => id === treeId));
	const [root] = [...parsePage(await reader.readChunk(rootOf(newest?.treeId)), 'root')];
	const entries = [...parsePage(await reader.readChunk(root?.pages[0]?.hash ?? new Uint8Array(32)), 'the folder')];
	const segment = parseDiskMap(await reader.readChunk(rootOf(newest?.diskId)), 'disk').segments[0] as Uint8Array;
	const recordAt = (hash: Uint8Array | undefined): number => index.find(hash ?? new Uint8Array(32))?.recordOffset ?? -1;
	const records = [...index.records()];
	const large = entries.find(({ name }) => name.toString() === 'large');
	const [extent] = parseExtents(large?.extents ?? new Uint8Array(), 'large');
	const content = records.find(({ offset }) => extent && 'hash' in extent && offset === recordAt(extent.hash));
	if (which === 0) assert.ok(content && content.storedBytes > 128 * 1024, 'a record of one chunk');
	return {
		path,
		index,
		records,
		superblock: committed.superblock,
		piece: committed.root.index[0] as { offset: number; bytes: number },
		page: recordAt(entries.find(({ name }) => name.toString() === 'folder')?.pages[0]?.hash),
		segment: recordAt(segment),
		content: content ?? (records[0] as (typeof records)[number]),
	};
}
type Layout = Awaited<ReturnType<typeof layoutOf>>;

const lookAt = ({ site: { repositoryPath } }: Chain, storage = new LocalFolder(repositoryPath)): Promise<CheckResult> =>
	listChains(storage).then(({ chains }) => checkChain({ repositoryPath: storage, chainId: chains.at(-1)?.id ?? '' }, [new Witness()], { signal }));
const suspectsOf = ({ damaged }: CheckResult): Damage[] => damaged;
const mend = async ({ site }: Chain, suspects: readonly Damage[]) =>
	(await runChainStep(site.repositoryPath, (await newestChain(site)).id, { kind: 'mend', suspects }, { signal })).mend;

/** Everything that comes back is right, and the caller is told of everything that does not. @returns whether all of a point came back */
async function givesBack({ site, points }: Chain, which: number, what: string): Promise<boolean> {
	const point = points[which] as Point;
	const to = join(site.root, `back ${copies++}`);
	let isWhole = true;
	const attempt = async (action: () => Promise<unknown>): Promise<void> => {
		try {
			await action();
		} catch (error) {
			assert.ok(isEngineError(error) && error.code.startsWith('repository.'), `${what}: ${error}`);
			isWhole = false;
		}
	};
	await attempt(() => giveBack(site, point.treeId, { to }));
	const back: TreeFacts = fs.existsSync(to) ? factsOf(to) : new Map();
	for (const [key, fact] of back) {
		const expected = point.facts.get(key);
		if ('hash' in fact && expected && 'hash' in expected) assert.equal(fact.hash, expected.hash, `${what}: ${key} came back with other content`);
	}
	const isDiskBack = isWhole;
	await attempt(async () => {
		await giveBackDisk(site, point.diskId, `${to}.raw`);
		assert.ok(fs.readFileSync(`${to}.raw`).equals(point.disk), `${what}: the disk came back with other content`);
	});
	if (isDiskBack) assert.deepEqual(differences(back, point.facts), [], what);
	return isWhole;
}

const places: readonly (readonly [string, (layout: Layout) => number, Damage['structure']])[] = [
	['the newest superblock', ({ superblock }) => slotOffset(superblock.generation) + 60, 'superblock'],
	['the other superblock', ({ superblock }) => slotOffset(superblock.generation + 1) + 2, 'superblock'],
	['the rest of a superblock', ({ superblock }) => slotOffset(superblock.generation) + 3000, 'superblock'],
	['the root record', ({ superblock }) => superblock.rootOffset + recordHeaderBytes + 20, 'root'],
	['the header of the root record', ({ superblock }) => superblock.rootOffset + 9, 'root'],
	['an index piece', ({ piece }) => piece.offset + recordHeaderBytes + 30, 'index'],
	['the header of an index piece', ({ piece }) => piece.offset + 17, 'index'],
	['the header of a record', ({ content }) => content.offset + 5, 'record'],
	['the payload of a record', ({ content }) => content.offset + recordHeaderBytes + 1000, 'record'],
	['the directory of a record', ({ content }) => content.offset + recordHeaderBytes + content.storedBytes - 20, 'record'],
	['a tree page of the newest point', ({ page }) => page + recordHeaderBytes + 7, 'record'],
	['a disk map segment', ({ segment }) => segment + recordHeaderBytes + 5, 'record'],
];

test('a flipped byte at every structure of a backup file is found, named, never given back, and mended from the source', async (t) => {
	const whole = await openChain(t);
	assert.deepEqual((await check(whole.site)).damaged, []);
	for (const [name, place, structure] of places) {
		await t.test(name, async () => {
			const chain = copyOf(whole);
			const isNewest = name.endsWith('newest point');
			const layout = await layoutOf(chain, isNewest ? -1 : 0);
			const at = place(layout);
			assert.ok(at >= 0);
			flip(join(chain.site.repositoryPath, layout.path), at);
			const found = await lookAt(chain);
			assert.ok(found.damaged.length > 0, 'it is found');
			assert.deepEqual(found.unreadable, []);
			assert.ok(
				found.damaged.every((damage) => damage.file === layout.path && damage.structure === structure),
				JSON.stringify(found.damaged[0]),
			);
			const isHarmless = found.damaged.every((damage) => damage.isHarmless);
			assert.equal(isHarmless, structure === 'superblock');
			assert.equal(await givesBack(chain, isNewest ? 1 : 0, name), isHarmless, 'what the check calls hurt does not come back');

			await mend(chain, suspectsOf(found));
			const { outcomes } = await protect(chain.site, run(chain, { suspects: suspectsOf(found) }));
			assert.equal(outcomes[0]?.mode.actual, 'increment', 'the chain goes on');
			await mend(chain, suspectsOf(found));
			assert.deepEqual(await lookAt(chain).then(({ damaged, unreadable }) => [damaged, unreadable]), [[], []]);
			assert.equal(await givesBack(chain, isNewest ? 1 : 0, `${name}, mended`), true);
		});
	}
});

test('damaged chain metadata is made anew from the backup files', async (t) => {
	const chain = await openChain(t);
	const directory = join(chain.site.repositoryPath, job.name);
	const name = fs.readdirSync(directory).find((entry) => entry.endsWith('.hbm')) as string;
	const before = await newestChain(chain.site);
	flip(join(directory, name), 300);
	assert.deepEqual(
		(await listChains(chain.site.repositoryPath)).problems.map(({ path, error }) => [path, error.code]),
		[[`${job.name}/${name}`, 'repository.damaged']],
	);
	await cleanUpJob(chain.site.repositoryPath, job);
	const after = await newestChain(chain.site);
	assert.deepEqual(
		after.points.map(({ id, problem }) => [id, problem]),
		before.points.map(({ id }) => [id, null]),
	);
	for (const i of [0, 1]) assert.equal(await givesBack(chain, i, 'made anew'), true);
});

test('both superblocks, root and index at once: the records are found again', async (t) => {
	const chain = await openChain(t);
	const layout = await layoutOf(chain);
	const path = join(chain.site.repositoryPath, layout.path);
	for (const offset of [60, 4096 + 60, layout.superblock.rootOffset + 50, layout.piece.offset + 50]) flip(path, offset);
	const found = await lookAt(chain);
	assert.deepEqual([...new Set(found.damaged.map(({ point }) => point))].length, 4, 'all points are hurt');
	assert.equal(await givesBack(chain, 1, 'ruined'), false);
	const outcome = await mend(chain, suspectsOf(found));
	assert.deepEqual(outcome?.left, []);
	assert.deepEqual((await lookAt(chain)).damaged, []);
	for (const i of [0, 1]) assert.equal(await givesBack(chain, i, 'rescued'), true);
});

test('what the source does not have any more stays reported as lost for the old points, and hurts no new one', async (t) => {
	const chain = await openChain(t);
	const { path, index, records } = await layoutOf(chain);
	await using reader = new ChainReader(await loadChain(chain.site.repositoryPath, [path]));
	let hurt = -1;
	for (const { hash, recordNumber } of index.chunks())
		if ((await reader.readChunk(hash)).byteLength >= 131_072 && !(await isInNewest(chain, hash))) hurt = records[recordNumber]?.offset ?? -1;
	assert.ok(hurt > 0, 'there is a chunk that only the first point needs');
	flip(join(chain.site.repositoryPath, path), hurt + recordHeaderBytes + 8);
	const found = await lookAt(chain);
	assert.deepEqual([...new Set(found.damaged.map((damage) => damage.path))], ['/folder/changing']);
	assert.deepEqual([...new Set(found.damaged.map((damage) => damage.point))], [chain.points[0]?.treeId]);
	chain.points.push(await protectBoth(chain, { suspects: suspectsOf(found) }));
	const outcome = await mend(chain, suspectsOf(found));
	assert.deepEqual(outcome?.mended, []);
	assert.equal(outcome?.left.length, 1);
	const after = await lookAt(chain);
	assert.deepEqual(after.damaged, found.damaged, 'nothing is dropped, nothing is called whole');
	assert.deepEqual([await givesBack(chain, 0, 'old'), await givesBack(chain, 1, 'next'), await givesBack(chain, 2, 'new')], [false, true, true]);
});

async function isInNewest({ site, points }: Chain, hash: Uint8Array): Promise<boolean> {
	const { chains } = await listChains(site.repositoryPath);
	const files = chains.at(-1)?.files.map(({ path }) => path) ?? [];
	const handle = await loadChain(site.repositoryPath, files);
	await using reader = new ChainReader(handle);
	const seen = new Set<string>();
	const storage = new LocalFolder(site.repositoryPath);
	await using file = await storage.open(files.at(-1) ?? '', 'read');
	const newest = (await readCommittedFile(file, []))?.root.points.filter(({ id }) => id === points.at(-1)?.treeId || id === points.at(-1)?.diskId) ?? [];
	const visit = async (page: Uint8Array): Promise<void> => {
		for (const entry of parsePage(await reader.readChunk(page), 'page')) {
			for (let at = 0; at + 32 <= entry.extents.byteLength; at++) seen.add(hashText(entry.extents.subarray(at, at + 32)));
			for (const child of entry.pages) {
				seen.add(hashText(child.hash));
				await visit(child.hash);
			}
		}
	};
	for (const { root } of newest) {
		seen.add(root.hash);
		if (root.kind === 'folder') await visit(Buffer.from(root.hash, 'hex'));
		else
			for (const segment of parseDiskMap(await reader.readChunk(Buffer.from(root.hash, 'hex')), 'disk').segments) {
				seen.add(hashText(segment));
				const blocks = await reader.readChunk(segment);
				for (let at = 0; at < blocks.byteLength; at += 32) seen.add(hashText(blocks.subarray(at, at + 32)));
			}
	}
	return seen.has(hashText(hash));
}

test('reverse incremental: a run mends the full as it changes it, and leaves what it cannot mend where it is', async (t) => {
	const chain = await openChain(t, 'reverse');
	const layout = await layoutOf(chain);
	flip(join(chain.site.repositoryPath, layout.path), layout.content.offset + recordHeaderBytes + 100);
	flip(join(chain.site.repositoryPath, layout.path), layout.page + recordHeaderBytes + 3);
	const found = await lookAt(chain);
	assert.ok(found.damaged.length > 1);
	// one of the damaged files is gone from the source by now
	fs.rmSync(join(chain.site.source, 'large'));
	chain.points.push(await protectBoth(chain, { method: 'reverse', suspects: suspectsOf(found) }));
	await mend(chain, suspectsOf(found));
	assert.equal(await givesBack(chain, 2, 'the new point'), true);
	chain.points.push(await protectBoth(chain, { method: 'reverse', suspects: suspectsOf(await lookAt(chain)) }));
	assert.equal(await givesBack(chain, 3, 'the point after it'), true);
});

test('a lost chunk is taken from another chain of the job', async (t) => {
	const chain = await openChain(t);
	const layout = await layoutOf(chain);
	const first = (await newestChain(chain.site)).id;
	await protect(chain.site, run(chain, { requested: 'full' }));
	flip(join(chain.site.repositoryPath, layout.path), layout.content.offset + recordHeaderBytes + 1000);
	const lookAtFirst = () => checkChain({ repositoryPath: chain.site.repositoryPath, chainId: first }, [new Witness()], { signal });
	const found = await lookAtFirst();
	assert.ok(found.damaged.length > 0);
	const { mend: outcome } = await runChainStep(chain.site.repositoryPath, first, { kind: 'mend', suspects: found.damaged }, { signal });
	assert.deepEqual([outcome?.mended.length, outcome?.left], [1, []]);
	assert.deepEqual((await lookAtFirst()).damaged, []);
	assert.equal(await givesBack(chain, 0, 'mended'), true);
});
