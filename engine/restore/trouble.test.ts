import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { createShare, noShares, type TaskShares } from '../mover/index.ts';
import { afterwards, isRootOnLinux, temporaryFolder } from '../platform/testbed.ts';
import { cleanUpJob, listChains, prepareRepository, removeChain } from '../repository/index.ts';
import { changeTree, setTime } from './testing/seeded-tree.ts';
import { backupRun, check, folder, giveBack, job, newestChain, noise, openSite, protect, type Site, seededRandom, Witness } from './testing/site.ts';
import { differences, factsOf } from './testing/tree-facts.ts';

/** Slow enough that the test comes in between. */
const writeShare = (bytesPerSec: number): TaskShares => ({ ...noShares, write: createShare(bytesPerSec) });

const repositoryFiles = ({ repositoryPath }: Site): string[] =>
	fs
		.readdirSync(repositoryPath, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => entry.name);
const halfWritten = (site: Site): string[] => repositoryFiles(site).filter((name) => /\.(part|tmp)$/.test(name));

/** A file system of the given size, mounted for as long as the test runs. */
function mountSmall(t: TestContext, sizeBytes: number): { mountPoint: string; unmount: () => void } | null {
	if (!isRootOnLinux(t) || !requireTool(t, 'mount', 'mkfs.ext4')) return null;
	const root = temporaryFolder(t, 'small');
	const image = join(root, 'image');
	const mountPoint = join(root, 'mounted');
	fs.mkdirSync(mountPoint);
	fs.writeFileSync(image, '');
	fs.truncateSync(image, sizeBytes);
	execFileSync('mkfs.ext4', ['-q', '-m', '0', image], { stdio: 'ignore' });
	execFileSync('mount', ['-o', 'loop', image, mountPoint]);
	let isMounted = true;
	const unmount = (): void => {
		if (isMounted) execFileSync('umount', [mountPoint]);
		isMounted = false;
	};
	afterwards(t, unmount);
	return { mountPoint, unmount };
}

test('a full repository stops the run in words, keeps the chain, and works again when there is room', async (t) => {
	const small = mountSmall(t, 24 * 1024 * 1024);
	if (!small) return;
	const site = await openSite(t);
	const random = seededRandom(9);
	fs.rmSync(site.repositoryPath, { recursive: true });
	const onSmall = { ...site, repositoryPath: join(small.mountPoint, 'repository') };
	await prepareRepository(onSmall.repositoryPath);
	fs.writeFileSync(join(site.source, 'first'), noise(random, 4_000_000));
	const first = await protect(onSmall);
	const facts = factsOf(site.source);

	fs.writeFileSync(join(site.source, 'too much'), noise(random, 30_000_000));
	const ballast = join(small.mountPoint, 'ballast');
	for (let attempt = 0; attempt < 2; attempt++) {
		await assert.rejects(protect(onSmall), { code: 'repository.full' });
		assert.deepEqual(halfWritten(onSmall), []);
		assert.deepEqual(
			(await newestChain(onSmall)).points.map(({ id, problem }) => [id, problem]),
			[[first.pointId, null]],
		);
	}
	fs.rmSync(join(site.source, 'too much'));
	fs.writeFileSync(join(site.source, 'little'), noise(random, 3_000_000));
	// a little less room than the run needs: the wall is met at its end, not in its middle
	for (const missing of [40_000, 12_000, 4096]) {
		const { bavail, bsize } = fs.statfsSync(small.mountPoint);
		fs.writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 3_000_000 + missing)));
		await assert.rejects(protect(onSmall), { code: 'repository.full' });
		assert.deepEqual(halfWritten(onSmall), []);
		assert.equal((await newestChain(onSmall)).points.length, 1);
		assert.equal(repositoryFiles(onSmall).filter((name) => name.endsWith('.hib')).length, 0, 'what was not committed takes no room');
		fs.rmSync(ballast);
	}

	const later = await protect(onSmall);
	assert.equal(later.outcomes[0]?.mode.actual, 'increment');
	for (const [pointId, expected] of [
		[first.pointId, facts],
		[later.pointId, factsOf(site.source)],
	] as const) {
		const to = join(site.root, pointId);
		await giveBack(onSmall, pointId, { to });
		assert.deepEqual(differences(factsOf(to), expected), []);
	}
});

test('a full target stops the restore in words and leaves no half file', async (t) => {
	const small = mountSmall(t, 16 * 1024 * 1024);
	if (!small) return;
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'little'), 'little');
	fs.writeFileSync(join(site.source, 'much'), noise(seededRandom(1), 40_000_000));
	const { pointId } = await protect(site);
	const to = join(small.mountPoint, 'back');
	await assert.rejects(giveBack(site, pointId, { to }), { code: 'restore.target' });
	assert.deepEqual(
		fs.readdirSync(to).filter((name) => name.startsWith('.holdfast')),
		[],
	);
	assert.ok(!fs.existsSync(join(to, 'much')));
});

test('a repository folder that is not there is told, and never made silently', async (t) => {
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'file'), 'content');
	const { pointId } = await protect(site);
	fs.renameSync(site.repositoryPath, `${site.repositoryPath}-away`);
	const unreachable = { code: 'repository.unreachable' };
	await assert.rejects(protect(site), unreachable);
	await assert.rejects(protect(site, { requested: 'full' }), unreachable);
	await assert.rejects(giveBack(site, pointId, { to: join(site.root, 'back') }), unreachable);
	await assert.rejects(listChains(site.repositoryPath), unreachable);
	await assert.rejects(cleanUpJob(site.repositoryPath, job), unreachable);
	assert.ok(!fs.existsSync(site.repositoryPath));
	fs.renameSync(`${site.repositoryPath}-away`, site.repositoryPath);
	assert.equal((await protect(site)).outcomes[0]?.mode.actual, 'increment');
});

test('a repository that goes away midway ends the run in words', async (t) => {
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'file'), noise(seededRandom(2), 60_000_000));
	const witness = new Witness();
	let fired = false;
	witness.onReport = () => {
		if (fired || witness.last.readBytes === 0) return;
		fired = true;
		fs.rmSync(site.repositoryPath, { recursive: true });
	};
	await assert.rejects(protect(site, { shares: writeShare(40_000_000) }, { witness }), { code: 'repository.unreachable' });
	assert.ok(fired);
	assert.ok(!fs.existsSync(site.repositoryPath));
});

test('a repository that may only be read gives back and refuses to take', async (t) => {
	const small = mountSmall(t, 32 * 1024 * 1024);
	if (!small) return;
	const site = await openSite(t);
	const onSmall = { ...site, repositoryPath: join(small.mountPoint, 'repository') };
	await prepareRepository(onSmall.repositoryPath);
	fs.writeFileSync(join(site.source, 'file'), 'content');
	const { pointId } = await protect(onSmall);
	execFileSync('mount', ['-o', 'remount,ro', small.mountPoint]);
	await assert.rejects(protect(onSmall), { code: 'repository.not-writable' });
	await assert.rejects(removeChain(onSmall.repositoryPath, (await newestChain(onSmall)).id), { code: 'repository.not-writable' });
	await giveBack(onSmall, pointId, { to: join(site.root, 'back') });
	assert.deepEqual((await check(onSmall)).damaged, []);
	assert.deepEqual(differences(factsOf(join(site.root, 'back')), factsOf(site.source)), []);
});

test('foreign files in the repository are named or ignored, and never touched', async (t) => {
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'file'), 'content');
	await protect(site);
	const jobFolder = join(site.repositoryPath, job.name);
	const foreign = ['notes.hbk', 'notes.hib', 'notes.hbm', 'notes.tmp', 'notes.part', 'notes.txt', 'x.hbm.abc.tmp'];
	for (const name of foreign) {
		fs.writeFileSync(join(jobFolder, name), `not ours: ${name}`);
		fs.writeFileSync(join(site.repositoryPath, name), `not ours: ${name}`);
	}
	fs.mkdirSync(join(site.repositoryPath, 'somebody', 'else'), { recursive: true });
	fs.symlinkSync('/', join(site.repositoryPath, 'a link'));
	const { chains, problems } = await listChains(site.repositoryPath);
	assert.equal(chains.length, 1);
	assert.deepEqual(
		problems.map(({ path, error }) => [path, error.code]),
		[[`${job.name}/notes.hbm`, 'repository.foreign']],
	);
	assert.deepEqual(await cleanUpJob(site.repositoryPath, job), { removed: [], adopted: [] });
	assert.equal((await protect(site)).outcomes[0]?.mode.actual, 'increment');
	await removeChain(site.repositoryPath, chains[0]?.id ?? '');
	for (const name of foreign)
		for (const place of [jobFolder, site.repositoryPath]) assert.equal(fs.readFileSync(join(place, name), 'utf8'), `not ours: ${name}`);
});

test('cancelling at any time leaves the chain as it was and no thread behind', async (t) => {
	const seed = 99;
	const site = await openSite(t);
	const random = seededRandom(seed);
	changeTree(site.source, random, 60);
	fs.writeFileSync(join(site.source, 'large'), noise(random, 30_000_000));
	await protect(site); // the first run also starts the threads
	const startedAt = performance.now();
	const { pointId } = await protect(site, { requested: 'full' });
	const durationMs = performance.now() - startedAt;
	const facts = factsOf(site.source);
	const outcomes = { cancelled: 0, finished: 0 };
	const rounds = 12;
	for (let round = 0; round < rounds; round++) {
		const later = new Date(Date.now() + round * 1000);
		fs.utimesSync(join(site.source, 'large'), later, later);
		const controller = new AbortController();
		const reason = new Error('enough');
		const timer = setTimeout(() => controller.abort(reason), (durationMs * 1.1 * round) / rounds + random(10));
		try {
			await protect(site, { requested: 'full' }, { signal: controller.signal });
			outcomes.finished++;
		} catch (error) {
			assert.equal(error, reason, `round ${round}, seed ${seed}: ${error}`);
			outcomes.cancelled++;
			assert.deepEqual(halfWritten(site), [], `round ${round}`);
		}
		clearTimeout(timer);
	}
	assert.ok(outcomes.cancelled > 0, JSON.stringify(outcomes));
	assert.deepEqual(
		process.getActiveResourcesInfo().filter((name) => name === 'MessagePort' || name === 'Worker'),
		[],
	);
	const to = join(site.root, 'back');
	await giveBack(site, pointId, { to });
	const withoutTouched = (list: string[]): string[] => list.filter((line) => !line.startsWith('/large: mtimeNs'));
	assert.deepEqual(withoutTouched(differences(factsOf(to), facts)), []);
});

test('a cancelled restore leaves whole files only', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(4);
	for (let i = 0; i < 30; i++) fs.writeFileSync(join(site.source, `file ${i}`), noise(random, 3_000_000));
	const { pointId } = await protect(site, { compression: 'none' });
	const facts = factsOf(site.source);
	let cancelled = 0;
	for (let round = 0; round < 4; round++) {
		const to = join(site.root, `back-${round}`);
		const controller = new AbortController();
		const witness = new Witness();
		const after = random(80_000_000);
		witness.onReport = () => {
			if (witness.last.doneBytes >= after) controller.abort(new Error('enough'));
		};
		await giveBack(site, pointId, { to, signal: controller.signal, witness }).catch((error: unknown) => {
			assert.equal(error, controller.signal.reason);
			cancelled++;
		});
		if (!fs.existsSync(to)) continue;
		for (const name of fs.readdirSync(to)) assert.ok(facts.has(`/${name}`), `${name} is left`);
		for (const [key, fact] of factsOf(to)) if ('hash' in fact) assert.equal(fact.hash, facts.get(key)?.hash, key);
	}
	assert.ok(cancelled > 0);
});

test('two jobs run into one repository at the same time', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(8);
	const jobs = await Promise.all(
		['a-b/c', 'a/b-c', 'other'].map(async (name, i) => {
			const source = join(site.root, 'sources', name);
			fs.mkdirSync(source, { recursive: true });
			changeTree(source, random, 20);
			return { site: { ...site, source }, job: { id: `job${i < 2 ? 0 : 1}`, name: i < 2 ? 'One' : 'Two' } };
		}),
	);
	for (let round = 0; round < 2; round++) {
		const points = await Promise.all(jobs.map((each) => protect(each.site, { job: each.job, objects: [folder(each.site.source)] })));
		for (const [i, { pointId, outcomes }] of points.entries()) {
			const to = join(site.root, 'back', `${round}-${i}`);
			await giveBack(site, pointId, { to });
			assert.deepEqual(differences(factsOf(to), factsOf(jobs[i]?.site.source ?? '')), []);
			assert.equal(outcomes[0]?.mode.actual, round === 0 ? 'full' : 'increment');
		}
	}
	assert.equal((await listChains(site.repositoryPath)).chains.length, 3);
});

test('a source that goes away midway is no point', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(12);
	for (let i = 0; i < 60; i++) {
		fs.mkdirSync(join(site.source, `folder ${i}`));
		fs.writeFileSync(join(site.source, `folder ${i}`, 'file'), noise(random, 2_000_000));
	}
	await protect(site, { compression: 'none' });
	const witness = new Witness();
	let fired = false;
	witness.onReport = () => {
		if (fired || witness.last.readBytes < 1_000_000) return;
		fired = true;
		fs.renameSync(site.source, `${site.source}-away`);
	};
	await assert.rejects(protect(site, { requested: 'full', compression: 'none', shares: writeShare(60_000_000) }, { witness }), { code: 'source.missing' });
	assert.ok(fired);
	assert.deepEqual(halfWritten(site), []);
	await assert.rejects(protect(site), { code: 'source.missing' });
	fs.renameSync(`${site.source}-away`, site.source);
	assert.equal((await protect(site)).outcomes[0]?.mode.actual, 'increment');
});

test('files that vanish or change while they are read are told, and the rest is protected', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(21);
	fs.writeFileSync(join(site.source, '0 first'), noise(random, 10_000_000));
	fs.writeFileSync(join(site.source, '5 growing'), noise(random, 50_000_000));
	fs.writeFileSync(join(site.source, '6 shrinking'), noise(random, 75_000_000));
	for (let i = 0; i < 30; i++) fs.writeFileSync(join(site.source, `7 vanishing ${i}`), noise(random, 500_000));
	fs.writeFileSync(join(site.source, '8 quiet'), 'quiet');
	for (const name of fs.readdirSync(site.source)) setTime(join(site.source, name), 1_600_000_000_000_000_000n);
	const witness = new Witness();
	let fired = false;
	witness.onReport = () => {
		if (fired || witness.last.readBytes === 0) return;
		fired = true;
		fs.appendFileSync(join(site.source, '5 growing'), 'more');
		fs.truncateSync(join(site.source, '6 shrinking'), 5_000_000);
		for (let i = 0; i < 30; i++) fs.rmSync(join(site.source, `7 vanishing ${i}`));
	};
	const { pointId } = await protect(site, { compression: 'none', shares: writeShare(25_000_000) }, { witness });
	assert.ok(fired);
	const codes = Map.groupBy(witness.warnings, ({ code }) => code);
	assert.deepEqual(
		[...codes.keys()].filter((code) => !['source.vanished', 'source.changed'].includes(code)),
		[],
	);
	assert.ok((codes.get('source.vanished') ?? []).length > 0);
	assert.ok((codes.get('source.changed') ?? []).length > 0);
	const to = join(site.root, 'back');
	await giveBack(site, pointId, { to });
	assert.equal(fs.readFileSync(join(to, '8 quiet'), 'utf8'), 'quiet');
	const changed = new Set((codes.get('source.changed') ?? []).map(({ path }) => path));
	for (const name of ['5 growing', '6 shrinking'])
		if (!changed.has(join(site.source, name)))
			assert.deepEqual(fs.readFileSync(join(to, name)), fs.readFileSync(join(site.source, name)), `${name} changed untold`);

	// the next run sees everything as it is now
	const next = await protect(site);
	await giveBack(site, next.pointId, { to: join(site.root, 'next') });
	assert.deepEqual(differences(factsOf(join(site.root, 'next')), factsOf(site.source)), []);
});

test('an account without permission is told what it cannot read, and protects the rest', async (t) => {
	if (!isRootOnLinux(t)) return;
	const site = await openSite(t);
	const nobody = 65_534;
	fs.chmodSync(site.root, 0o755);
	fs.chownSync(site.repositoryPath, nobody, nobody);
	fs.writeFileSync(join(site.source, 'open'), 'open');
	fs.writeFileSync(join(site.source, 'closed'), 'closed', { mode: 0o600 });
	fs.mkdirSync(join(site.source, 'closed folder'), { mode: 0o700 });
	fs.writeFileSync(join(site.source, 'closed folder', 'inside'), 'inside');
	const script = new URL('./testing/run-child.ts', import.meta.url).pathname;
	execFileSync(process.execPath, [...process.execArgv, script, JSON.stringify(backupRun(site))], { uid: nobody, gid: nobody });
	const [point] = (await newestChain(site)).points;
	assert.equal(point?.warningCount, 2, 'the file and the folder');
	await giveBack(site, point?.id ?? '', { to: join(site.root, 'back') });
	assert.deepEqual([...factsOf(join(site.root, 'back')).keys()], ['', '/closed folder', '/open']);
});

test('a time beyond what can be stored is kept as the nearest one, with a warning', async (t) => {
	const site = await openSite(t);
	const file = join(site.source, 'from the future');
	fs.writeFileSync(file, 'content');
	const year2400 = 13_569_465_600;
	fs.utimesSync(file, year2400, year2400);
	if (fs.lstatSync(file, { bigint: true }).mtimeNs < 2n ** 63n) return t.skip('the file system knows no such times');
	const { witness, pointId } = await protect(site);
	assert.deepEqual(
		witness.warnings.map(({ code, path }) => [code, path]),
		[['source.metadata', file]],
	);
	assert.match(witness.warnings[0]?.message ?? '', /outside of the years 1677 to 2262/);
	const to = join(site.root, 'back');
	await giveBack(site, pointId, { to });
	assert.equal(fs.readFileSync(join(to, 'from the future'), 'utf8'), 'content');
	assert.equal(fs.lstatSync(join(to, 'from the future'), { bigint: true }).mtimeNs / 1_000_000_000n, (2n ** 63n - 1n) / 1_000_000_000n);
});
