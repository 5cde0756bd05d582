import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EngineError } from '../base/index.ts';
import type { ChainMethod } from '../contract/index.ts';
import { cleanUpJob, finishChain, importChains, LocalFolder, listChains, markRepository, removeFile, runChainStep, takeOverChain } from './index.ts';
import { allFiles, Model, modelJob } from './testing/model.ts';
import { MortalStorage } from './testing/mortal-storage.ts';
import { seededRandom } from './testing/random.ts';
import { TurnStorage, Turns } from './testing/turns.ts';

const { signal } = new AbortController();
const folder = 'Model';

async function makeModel(t: TestContext, method: ChainMethod, { runs = 3, objects = 1, singleFile = false } = {}) {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-import-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const repository = join(root, 'repository');
	mkdirSync(repository);
	const model = new Model(
		repository,
		seededRandom(7),
		Array.from({ length: objects }, () => 'folder' as const),
	);
	const run = async (): Promise<void> => {
		for (const object of model.objects) model.change(object);
		const groups = singleFile ? [model.objects] : model.objects.map((object) => [object]);
		for (const group of groups) await model.run(new LocalFolder(repository), { method, singleFile }, group);
	};
	for (let i = 0; i < runs; i++) await run();
	return { root, repository, model, run, files: (ending: string) => readdirSync(join(repository, folder)).filter((name) => name.endsWith(ending)) };
}

/** Everything in the repository, by content: to see that nothing was touched. */
const contentOf = (repository: string) => new Map(allFiles(repository).map((path) => [path, readFileSync(join(repository, path)).toString('base64')]));
const reasons = (problems: readonly { reason: string }[]) => problems.map(({ reason }) => reason);

for (const method of ['forward', 'forever-forward', 'reverse'] as const) {
	test(`FILE-03: metadata that is lost or damaged is made anew from the backup files, ${method}`, async (t) => {
		const { repository, model, files } = await makeModel(t, method);
		const [hbm] = files('.hbm');
		assert(hbm);
		const path = join(repository, folder, hbm);
		const before = await model.verify();
		const [chain] = await model.chains();
		for (const spoil of [() => rmSync(path), () => writeFileSync(path, readFileSync(path).fill(1, 40, 60)), () => writeFileSync(path, '')]) {
			spoil();
			const { rebuilt, problems, unfinished } = await importChains(repository);
			// An empty file is no metadata of ours: it could be anything, and is left alone.
			if (statSync(path).size === 0) {
				assert.deepEqual([rebuilt, reasons(problems)], [[], ['foreign']]);
				rmSync(path);
				continue;
			}
			assert.deepEqual([rebuilt, problems, unfinished], [[chain?.id], [], []]);
			assert.deepEqual(await model.verify(), before);
			assert.deepEqual(await model.chains(), [chain], 'the metadata says what it said before');
		}
	});
}

test('an import writes to nothing that can be read: it is a look for who works beside it', async (t) => {
	const { repository, files } = await makeModel(t, 'reverse', { objects: 2 });
	writeFileSync(join(repository, folder, 'x.hib.otherjob.part'), 'half');
	const before = contentOf(repository);
	const { rebuilt, problems } = await importChains(repository);
	assert.deepEqual([rebuilt, reasons(problems)], [[], ['unfinished']]);
	assert.deepEqual(contentOf(repository), before);
	assert.deepEqual((await importChains(repository, { ownJobs: new Set(['otherjob']) })).problems, [], 'sessions of our own are none of its business');
	assert.equal(files('.hbm').length, 2);
});

test('clean-up never touches chains of unknown jobs, whatever their state', async (t) => {
	const { repository, files } = await makeModel(t, 'forward', { objects: 2 });
	const [first, second] = files('.hbm');
	rmSync(join(repository, folder, first ?? ''));
	writeFileSync(join(repository, folder, second ?? ''), 'spoiled');
	writeFileSync(join(repository, folder, `x.hib.${modelJob.id}.part`), 'half');
	const before = contentOf(repository);
	assert.deepEqual(await cleanUpJob(repository, { id: 'stranger', name: 'Model' }), { removed: [], adopted: [] });
	assert.deepEqual(contentOf(repository), before);
});

test('what an import cannot use it names, with the reason and what to do', async (t) => {
	const { repository, files } = await makeModel(t, 'forward', { runs: 4 });
	const at = (name: string): string => join(repository, folder, name);
	const [hbm = ''] = files('.hbm');
	const [, middle = '', last = ''] = files('.hib').sort();
	const [full = ''] = files('.hbk');
	rmSync(at(hbm));
	rmSync(at(middle));
	writeFileSync(at('notes.hib'), 'these are the notes of somebody, and no backup file'.repeat(500));
	const newer = readFileSync(at(full));
	for (const slot of [0, 4096]) newer.writeUInt32LE(0x8000_0000, slot + 12); // a flag that nobody knows
	writeFileSync(at('newer.hbk'), reseal(newer));
	const damaged = readFileSync(at(full));
	damaged.fill(7, 8, 100).fill(7, 4104, 4200);
	writeFileSync(at('damaged.hbk'), damaged);
	cpSync(at(full), at('copy.hbk'));
	const { rebuilt, problems } = await importChains(repository);
	assert.equal(rebuilt.length, 1);
	const byPath = new Map(problems.map(({ path, reason }) => [path.slice(folder.length + 1), reason]));
	const copies = [full, 'copy.hbk'].filter((name) => byPath.get(name) === 'duplicate');
	assert.equal(copies.length, 1, 'one of two equal files is the chain’s');
	for (const name of copies) byPath.delete(name);
	assert.deepEqual(Object.fromEntries(byPath), { 'notes.hib': 'foreign', 'newer.hbk': 'newer', 'damaged.hbk': 'damaged', [last]: 'incomplete' });
	assert.ok(problems.every(({ message, hint }) => message.length > 0 && hint !== null));
});

/** The checksums of both superblocks, made right again. */
function reseal(bytes: Buffer): Buffer {
	const { crc32 } = process.getBuiltinModule('node:zlib');
	for (const slot of [0, 4096]) bytes.writeUInt32LE(crc32(bytes.subarray(slot, slot + 120)), slot + 120);
	return bytes;
}

test('a chain without its full cannot be used, and is told as one', async (t) => {
	const { repository, files } = await makeModel(t, 'forward');
	for (const name of [...files('.hbm'), ...files('.hbk')]) rmSync(join(repository, folder, name));
	const { rebuilt, problems } = await importChains(repository);
	assert.deepEqual([rebuilt, reasons(problems)], [[], ['incomplete']]);
	assert.match(problems[0]?.message ?? '', /full of a chain of “Model” is missing.*2 restore points in 2 files/);
});

test('the same chain twice in a repository counts once, and runs go on with the one that counts', async (t) => {
	const { repository, model, run } = await makeModel(t, 'forward');
	cpSync(join(repository, folder), join(repository, 'Model copy'), { recursive: true });
	await run();
	const { chains, problems } = await listChains(repository);
	assert.deepEqual(
		chains.map(({ points, files }) => [points.length, files[0]?.path.split('/')[0]]),
		[[4, folder]],
	);
	assert.deepEqual(
		problems.map(({ path, error }) => [path.split('/')[0], error.code]),
		[['Model copy', 'repository.duplicate']],
	);
	const before = contentOf(repository);
	const imported = await importChains(repository);
	assert.deepEqual([imported.rebuilt, reasons(imported.problems)], [[], ['duplicate']]);
	await cleanUpJob(repository, modelJob);
	assert.deepEqual(contentOf(repository), before);
	// The copy has lost its metadata: that does not make it another chain.
	for (const name of readdirSync(join(repository, 'Model copy'))) if (name.endsWith('.hbm')) rmSync(join(repository, 'Model copy', name));
	await cleanUpJob(repository, modelJob);
	const again = await importChains(repository);
	assert.deepEqual([again.rebuilt, new Set(reasons(again.problems)), again.problems.length], [[], new Set(['duplicate']), 3]);
	rmSync(join(repository, 'Model copy'), { recursive: true });
	assert.equal((await model.verify()).size, 4);
});

test('a chain that was moved to another folder goes on there, with or without its metadata', async (t) => {
	const { repository, model, run } = await makeModel(t, 'reverse');
	renameSync(join(repository, folder), join(repository, 'Elsewhere'));
	await run();
	assert.equal((await model.chains())[0]?.points.length, 4);
	mkdirSync(join(repository, 'Third'));
	for (const name of readdirSync(join(repository, 'Elsewhere')))
		if (!name.endsWith('.hbm')) renameSync(join(repository, 'Elsewhere', name), join(repository, 'Third', name));
	const { rebuilt, problems } = await importChains(repository);
	assert.deepEqual([rebuilt.length, reasons(problems)], [1, ['duplicate']], 'the metadata that stayed behind lists what is not there');
	for (const name of readdirSync(join(repository, 'Elsewhere'))) rmSync(join(repository, 'Elsewhere', name));
	assert.equal((await model.verify()).size, 4);
	await run();
	assert.deepEqual(
		(await model.chains()).map(({ points }) => points.length),
		[5],
	);
});

test('a repository that was copied to another disk holds the same points', async (t) => {
	const { root, repository, model } = await makeModel(t, 'forever-forward', { objects: 2 });
	const copy = join(root, 'copy');
	cpSync(repository, copy, { recursive: true });
	rmSync(repository, { recursive: true });
	const moved = model.at(copy, seededRandom(1));
	assert.deepEqual((await importChains(copy)).problems, []);
	assert.equal((await moved.verify()).size, 6);
});

test('a folder too deep or too high is recognised', async (t) => {
	const { root, repository } = await makeModel(t, 'forward');
	for (const place of [root, join(repository, folder)]) await markRepository(new LocalFolder(place)); // as adding it does
	const high = await importChains(root);
	assert.deepEqual([reasons(high.problems), high.problems[0]?.hint?.includes(repository)], [['misplaced'], true]);
	const deep = await importChains(join(repository, folder));
	assert.deepEqual([reasons(deep.problems), /folder above/.test(deep.problems[0]?.hint ?? '')], [['misplaced'], true]);
	assert.deepEqual((await importChains(join(root, 'repository'))).problems, []);
});

for (const [step, method] of [
	['merge', 'forever-forward'],
	['run', 'reverse'],
	['run', 'forward'],
	['compact', 'forever-forward'],
] as const) {
	test(`what a died session left is reported, and put right only when the import is told to finish: ${step}, ${method}`, async (t) => {
		const { repository, model, run } = await makeModel(t, method, { runs: 4 });
		const [{ id = '' } = {}] = await model.chains();
		if (step === 'compact') await runChainStep(repository, id, { kind: 'merge', count: 2 }, { signal }); // so that there is dead room
		const [chain] = await model.chains();
		assert(chain);
		let seen = 0;
		for (let dieAt = 1; ; dieAt++) {
			const path = `${repository}-${dieAt}`;
			cpSync(repository, path, { recursive: true });
			const dying = model.at(path, seededRandom(dieAt));
			const storage = new MortalStorage(path, seededRandom(dieAt), dieAt);
			const act = async (): Promise<unknown> => {
				if (step === 'merge') return runChainStep(storage, chain.id, { kind: 'merge', count: 1 }, { signal });
				if (step === 'compact') return runChainStep(storage, chain.id, { kind: 'compact' }, { signal });
				for (const object of dying.objects) dying.change(object);
				return dying.run(storage, { method }, dying.objects);
			};
			await act().catch((error: unknown) => {
				if (!storage.isDead) throw error;
			});
			if (!storage.isDead) break;
			const { unfinished } = await importChains(path);
			if (unfinished.length > 0) {
				seen++;
				await finishChain(path, chain.id);
			}
			assert.deepEqual((await importChains(path)).unfinished, []);
			const retained = await dying.verify();
			const mustStay = chain.points.slice(step === 'merge' ? 1 : 0);
			for (const { id } of mustStay) assert(retained.has(id), `${id} is lost, death at ${dieAt}`);
			rmSync(path, { recursive: true });
		}
		assert(seen > 0, 'some death left something unfinished');
		await run();
	});
}

test('REPO-09: a chain that is taken over goes on with increments of the new job; the job before finds it taken', async (t) => {
	for (const method of ['forward', 'forever-forward', 'reverse'] as const) {
		const { repository, model, run } = await makeModel(t, method);
		const [chain] = await model.chains();
		assert(chain);
		const next = { id: 'nextjob', name: 'Next' };
		writeFileSync(join(repository, folder, `x.hib.${modelJob.id}.part`), 'left by the one before');
		await takeOverChain(repository, chain.id, next);
		assert.deepEqual(await model.unowned(), [], 'what the job before left has nobody any more');
		model.job = next;
		await run();
		const [taken] = await model.chains();
		assert.deepEqual([taken?.id, taken?.job, taken?.points.length], [chain.id, next, 4]);
		assert.equal((await model.verify()).size, 4);
		// The newest file says whose it is, so that lost metadata does not give it back.
		rmSync(join(repository, folder, readdirSync(join(repository, folder)).find((name) => name.endsWith('.hbm')) ?? ''));
		await importChains(repository);
		assert.deepEqual((await model.chains())[0]?.job, next);
		model.job = modelJob;
		await run();
		assert.deepEqual(
			(await model.chains()).map(({ job, points }) => [job.name, points.length]),
			[
				['Next', 4],
				['Model', 1],
			],
			'the job before begins a new chain',
		);
	}
});

test('a session that runs while its chain is taken over fails without a trace in the chain', async (t) => {
	for (const method of ['forward', 'forever-forward', 'reverse'] as const) {
		const { repository, model } = await makeModel(t, method);
		const [chain] = await model.chains();
		assert(chain);
		const before = await model.verify();
		for (const object of model.objects) model.change(object);
		const storage = new LocalFolder(repository);
		model.beforeCommit = () => takeOverChain(repository, chain.id, { id: 'nextjob', name: 'Next' });
		await assert.rejects(model.run(storage, { method }, model.objects), { code: 'busy.chain', message: /taken over by the job “Next”/ });
		assert.deepEqual(await model.verify(), before);
		assert.deepEqual((await importChains(repository)).unfinished, []);
		assert.equal((await model.chains())[0]?.job.name, 'Next');
	}
});

test('of two sessions that commit into one chain at the same time at most one does, the other is told, and no point is lost', async (t) => {
	const seeds = 40;
	let refused = 0;
	for (let seed = 1; seed <= seeds; seed++) {
		const { repository, model } = await makeModel(t, 'forward', { runs: 1 });
		const turns = new Turns(seededRandom(seed), 2);
		const sessions = [0, 1].map((who) => {
			const session = model.at(repository, seededRandom(seed + who));
			session.now += 500 * who;
			for (const object of session.objects) session.change(object);
			session.beforeCommit = () => turns.meet();
			return session;
		});
		const results = await Promise.allSettled(
			sessions.map((session, who) =>
				session.run(new TurnStorage(new LocalFolder(repository), turns, who), { method: 'forward' }, session.objects).finally(() => turns.leave(who)),
			),
		);
		for (const session of sessions) for (const [id, content] of session.points) model.points.set(id, content);
		const retained = await model.verify();
		for (const result of results) {
			if (result.status === 'fulfilled')
				assert.ok(
					result.value.every((id) => retained.has(id)),
					`seed ${seed}: a run that succeeded has its point`,
				);
			else assert.equal(result.reason.code, 'busy.chain', `seed ${seed}: ${result.reason.stack}`);
		}
		refused += results.filter(({ status }) => status === 'rejected').length;
		assert.equal(retained.size, 1 + results.filter(({ status }) => status === 'fulfilled').length, `seed ${seed}`);
		assert.deepEqual(await model.unowned(), [], `seed ${seed}: nothing lies about`);
	}
	assert.ok(refused >= seeds, `in each case somebody is told: ${refused} of ${seeds}`);
});

test('a file that nothing lists is never taken for a chain’s own, and a removed one does not come back', async (t) => {
	const { repository, model } = await makeModel(t, 'forward');
	const [chain] = await model.chains();
	const last = chain?.files.at(-1);
	assert(chain && last);
	const kept = join(repository, 'kept.hib');
	cpSync(join(repository, last.path), kept);
	await removeFile(repository, chain.id, last.path);
	assert.equal((await model.verify()).size, 2);
	renameSync(kept, join(repository, last.path));
	const { unfinished } = await importChains(repository);
	assert.deepEqual(unfinished, [chain.id], 'it fits behind the last file: its job, or an import that finishes, takes it in');
	assert.equal((await model.verify()).size, 2);
});

test('two imports at once make lost metadata once, and leave nothing else behind', async (t) => {
	const { repository, model, files } = await makeModel(t, 'forward', { objects: 3 });
	for (const name of files('.hbm')) rmSync(join(repository, folder, name));
	const both = await Promise.all([importChains(repository), importChains(repository)]);
	assert.equal(new Set(both.flatMap(({ rebuilt }) => rebuilt)).size, 3);
	assert.ok(both.every(({ problems }) => problems.length === 0));
	assert.equal((await model.verify()).size, 9);
	assert.deepEqual(await model.unowned(), []);
});

test('a repository that cannot be written to is imported as far as its metadata goes, and what is lost is named', async (t) => {
	const { repository, files } = await makeModel(t, 'forward', { objects: 2 });
	rmSync(join(repository, folder, files('.hbm')[0] ?? ''));
	class WriteProtected extends LocalFolder {
		override async open(path: string, mode: 'read' | 'update' | 'create') {
			if (mode === 'create') throw new EngineError('repository.not-writable', `${path}: no permission to create.`, { hint: 'Give the account permission.' });
			return super.open(path, mode);
		}
	}
	const { rebuilt, problems } = await importChains(new WriteProtected(repository));
	assert.deepEqual([rebuilt, problems.length], [[], 1]);
	assert.match(problems[0]?.message ?? '', /list of a chain of “Model” cannot be written/);
	assert.equal((await listChains(repository)).chains.length, 1);
});
