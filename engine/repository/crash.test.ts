import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createMasterKey, type MasterKey, testPasswordCost, withPassword } from '../format/index.ts';
import { type ChainStep, cleanUpJob, LocalFolder, relockChain, removeChain, removeFile, runChainStep, type Storage } from './index.ts';
import { memoryFolder } from './testing/memory-folder.ts';
import { allFiles, Model, modelJob, type RunChoice } from './testing/model.ts';
import { MortalStorage } from './testing/mortal-storage.ts';
import { seededRandom } from './testing/random.ts';

const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);
const signal = new AbortController().signal;

const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): Set<string> => new Set([...all].filter((id) => !some.has(id)));

type Scenario = {
	readonly title: string;
	/** How the chain comes about, and how the next run after the crash is made. */
	readonly choice: RunChoice;
	/** Runs before the crash. */
	readonly runs: number;
	/** Last preparation, for instance of an older choice. */
	readonly prepare?: (model: Model, storage: Storage) => Promise<void>;
	readonly act: (model: Model, storage: Storage) => Promise<unknown>;
	/** Points that need not survive, because `act` removes them. */
	readonly gone?: (model: Model) => Promise<readonly string[]>;
	readonly key?: MasterKey;
	/** Asked for again after a death, it goes on with what it had committed. */
	readonly isGoneOnWith?: boolean;
	/** What remains of a half removed chain is listed with its problem. */
	readonly mayBeIncomplete?: boolean;
	/** Kinds of changes that must have been died at. */
	readonly kinds: readonly string[];
};

const runAll = (model: Model, storage: Storage, choice: RunChoice): Promise<string[]> => model.run(storage, choice, model.objects);
const step = async (model: Model, storage: Storage, what: ChainStep, commitEveryBytes?: number): Promise<void> => {
	const chain = (await model.chains()).at(-1);
	await runChainStep(model.on(storage), chain?.id ?? '', what, { signal, commitEveryBytes });
};
const oldestPoints = async (model: Model): Promise<readonly string[]> => (await model.chains()).at(-1)?.files[0]?.pointIds ?? [];
const lastFile = async (model: Model): Promise<{ path: string; pointIds: readonly string[]; chainId: string }> => {
	const chain = (await model.chains()).at(-1);
	const file = chain?.files.at(-1);
	assert(chain && file, 'there is a file');
	return { path: file.path, pointIds: file.pointIds, chainId: chain.id };
};
const removeLastFile = async (model: Model, storage: Storage): Promise<void> => {
	const { chainId, path } = await lastFile(model);
	await removeFile(model.on(storage), chainId, path);
};
const removeOldestChain = async (model: Model, storage: Storage): Promise<void> => removeChain(storage, (await model.chains())[0]?.id ?? '');

const written = ['create', 'write', 'sync', 'truncate', 'rename', 'replace'];
/** In place, with the list of files written before the change and taking effect after it. */
const inPlace = ['create', 'write', 'copy', 'sync', 'truncate', 'rename', 'remove'];
const forward = { method: 'forward', singleFile: true } as const;
const foreverForward = { method: 'forever-forward', singleFile: true } as const;
const reverse = { method: 'reverse', singleFile: true } as const;
const differential = { method: 'forward', singleFile: true, differential: true } as const;

const { key } = await createMasterKey('model', testPasswordCost);
const changePassword = async (model: Model, storage: Storage): Promise<void> => {
	model.key = await withPassword(key, 'changed', testPasswordCost);
	await relockChain(model.on(storage), (await model.chains())[0]?.id ?? '');
};

const scenarios: readonly Scenario[] = [
	{ title: 'a change of the password', choice: reverse, runs: 3, key, act: changePassword, kinds: ['write', 'sync', 'replace'] },
	{
		title: 'a reverse increment of an encrypted chain',
		choice: reverse,
		runs: 2,
		key,
		act: (model, storage) => runAll(model, storage, reverse),
		kinds: inPlace,
	},
	{ title: 'the first full', choice: forward, runs: 0, act: (model, storage) => runAll(model, storage, forward), kinds: written },
	{ title: 'an increment', choice: forward, runs: 2, act: (model, storage) => runAll(model, storage, forward), kinds: written },
	{ title: 'a differential', choice: differential, runs: 2, act: (model, storage) => runAll(model, storage, differential), kinds: written },
	{
		title: 'an active full beside an older chain',
		choice: forward,
		runs: 2,
		act: (model, storage) => runAll(model, storage, { ...forward, requested: 'full' }),
		kinds: written,
	},
	{
		title: 'a synthetic full',
		choice: forward,
		runs: 3,
		act: (model, storage) => runAll(model, storage, { ...forward, requested: 'synthetic' }),
		kinds: [...written, 'copy'],
	},
	{ title: 'a reverse incremental run', choice: reverse, runs: 3, act: (model, storage) => runAll(model, storage, reverse), kinds: inPlace },
	{
		title: 'a reverse incremental run of one object of two in one chain',
		choice: reverse,
		runs: 2,
		act: (model, storage) => model.run(storage, reverse, model.objects.slice(1)),
		kinds: inPlace,
	},
	{
		title: 'a merge of the oldest increment',
		choice: foreverForward,
		runs: 4,
		act: (model, storage) => step(model, storage, { kind: 'merge', count: 1 }),
		gone: oldestPoints,
		kinds: inPlace,
	},
	{
		title: 'a merge that commits on its way',
		choice: foreverForward,
		runs: 4,
		act: (model, storage) => step(model, storage, { kind: 'merge', count: 1 }, 1),
		gone: oldestPoints,
		kinds: inPlace,
	},
	{
		title: 'a merge that commits on its way, into a full with room',
		choice: foreverForward,
		runs: 4,
		prepare: async (model, storage) => {
			for (let i = 0; i < 2; i++) await step(model, storage, { kind: 'merge', count: 1 });
			for (let i = 0; i < 2; i++) {
				model.change();
				await runAll(model, storage, foreverForward);
			}
		},
		act: (model, storage) => step(model, storage, { kind: 'merge', count: 1 }, 1),
		gone: oldestPoints,
		kinds: inPlace,
	},
	{
		title: 'compacting a chain',
		choice: foreverForward,
		runs: 5,
		prepare: (model, storage) => step(model, storage, { kind: 'merge', count: 3 }),
		act: (model, storage) => step(model, storage, { kind: 'compact' }),
		kinds: inPlace,
	},
	{
		title: 'compacting a chain that commits on its way',
		choice: foreverForward,
		runs: 5,
		prepare: (model, storage) => step(model, storage, { kind: 'merge', count: 3 }),
		act: (model, storage) => step(model, storage, { kind: 'compact' }, 1),
		isGoneOnWith: true,
		kinds: inPlace,
	},
	{
		title: 'compacting an encrypted chain that commits on its way',
		choice: reverse,
		runs: 2,
		key,
		act: (model, storage) => step(model, storage, { kind: 'compact' }, 1),
		isGoneOnWith: true,
		kinds: inPlace,
	},
	{
		title: 'compacting a reverse incremental chain',
		choice: reverse,
		runs: 3,
		act: (model, storage) => step(model, storage, { kind: 'compact' }),
		kinds: inPlace,
	},
	{
		title: 'removing the oldest reverse increment',
		choice: reverse,
		runs: 3,
		act: removeLastFile,
		gone: async (model) => (await lastFile(model)).pointIds,
		kinds: ['replace', 'remove'],
	},
	{
		title: 'removing a differential',
		choice: differential,
		runs: 3,
		act: removeLastFile,
		gone: async (model) => (await lastFile(model)).pointIds,
		kinds: ['replace', 'remove'],
	},
	{
		title: 'removing a chain',
		choice: forward,
		runs: 3,
		prepare: async (model, storage) => {
			model.change();
			await runAll(model, storage, { ...forward, requested: 'full' });
		},
		act: removeOldestChain,
		gone: async (model) => (await model.chains())[0]?.points.map(({ id }) => id) ?? [],
		mayBeIncomplete: true,
		kinds: ['remove'],
	},
];

/** What there is to be said of a repository after a clean-up, by its bytes: most deaths end in one of a few states. */
class Examined {
	readonly #listed = new Map<string, ReadonlySet<string>>();
	readonly #continued = new Set<string>();

	/** @returns ids of the points that the repository lists, each of which gives back what it should */
	async listed(scenario: Scenario, model: Model): Promise<ReadonlySet<string>> {
		const state = stateOf(model.repositoryPath);
		const known = this.#listed.get(state);
		if (known) return known;
		assert.deepEqual(await model.unowned(), [], 'every file is owned');
		const listed = await model.verify();
		if (!scenario.mayBeIncomplete)
			for (const chain of await model.chains()) for (const file of chain.files) assert.equal(file.problem, null, `${file.path} has a problem`);
		assert.deepEqual(await cleanUpJob(model.place, modelJob), { removed: [], adopted: [] }, 'nothing is left to clean up');
		this.#listed.set(state, listed);
		return listed;
	}

	/** The next run finds its way from here. */
	async goesOn(scenario: Scenario, model: Model, retained: ReadonlySet<string>): Promise<void> {
		const state = stateOf(model.repositoryPath);
		if (this.#continued.has(state)) return;
		this.#continued.add(state);
		model.change();
		const ids = await runAll(model, new LocalFolder(model.repositoryPath), scenario.choice);
		const listed = await model.verify();
		for (const id of [...retained, ...ids]) assert(listed.has(id), `after the next run ${id} is there`);
		assert.deepEqual(await model.unowned(), [], 'the next run leaves nothing behind');
	}
}

/** A digest of all names and bytes. */
function stateOf(path: string): string {
	const hash = createHash('sha256');
	for (const name of allFiles(path)) hash.update(JSON.stringify([name, statSync(join(path, name)).size])).update(readFileSync(join(path, name)));
	return hash.digest('hex');
}

/** One death, and what the next start makes of it. */
async function dieAndRecover(
	scenario: Scenario,
	template: Model,
	path: string,
	k: number,
	before: ReadonlySet<string>,
	examined: Examined,
): Promise<MortalStorage> {
	const storage = new MortalStorage(path, seededRandom(seed * 7919 + k), k);
	const model = template.at(path, seededRandom(seed + k));
	const retained = without(before, new Set(await scenario.gone?.(model)));
	try {
		await scenario.act(model, storage);
	} catch (error) {
		if (!storage.isDead) throw error;
	}
	if (scenario.isGoneOnWith && storage.isDead) await goOn(scenario, model, path, k, retained);
	// the clean-up dies as well, at each of its own changes, until one gets through
	const asLeft = `${path}-left`;
	cpSync(path, asLeft, { recursive: true });
	for (let j = 1; ; j++) {
		const cleaning = new MortalStorage(path, seededRandom(seed * 104_729 + k * 31 + j), j);
		await cleanUpJob(model.on(cleaning), modelJob).catch((error: unknown) => assert(cleaning.isDead, String(error)));
		if (cleaning.isDead) await cleanUpJob(model.place, modelJob);
		const listed = await examined.listed(scenario, model);
		assert.deepEqual([...without(retained, listed)], [], 'every retained point is there');
		const made = without(new Set(model.points.keys()), new Set(template.points.keys()));
		if (storage.isDead) assert.deepEqual([...without(without(listed, before), made)], [], 'nothing came back that was gone before');
		else assert.deepEqual([...listed].sort(), [...retained, ...made].sort(), 'what was reported as done is done');
		if (!cleaning.isDead) break;
		rmSync(path, { recursive: true });
		cpSync(asLeft, path, { recursive: true });
	}
	rmSync(asLeft, { recursive: true });
	await examined.goesOn(scenario, model, retained);
	return storage;
}

/** The same is asked for again in a copy, dies once more, and is then done to its end: whatever there is to go on with holds nothing but what was durable. */
async function goOn(scenario: Scenario, model: Model, path: string, k: number, retained: ReadonlySet<string>): Promise<void> {
	const copyPath = `${path}-gone-on-with`;
	cpSync(path, copyPath, { recursive: true });
	const copy = model.at(copyPath, seededRandom(seed + k));
	for (const dieAt of [1 + copy.random.below(25), Number.POSITIVE_INFINITY]) {
		await cleanUpJob(copy.place, modelJob, { keepsBegun: true });
		for (const name of await copy.unowned()) {
			assert.match(name, /\.h(bk|ib|rb)\.modeljob\.part$/, 'only what can be gone on with is left');
			goneOnWith++;
		}
		const storage = new MortalStorage(copyPath, seededRandom(seed * 31 + k), dieAt);
		await scenario.act(copy, storage).catch((error: unknown) => {
			if (!storage.isDead) throw error;
		});
	}
	assert.deepEqual(await copy.unowned(), [], 'what was begun is done');
	assert.deepEqual([...without(retained, await copy.verify())], [], 'every retained point is there');
	rmSync(copyPath, { recursive: true });
}
let goneOnWith = 0;

for (const scenario of scenarios) {
	test(`a power failure at any change of ${scenario.title} loses no retained point and leaves nothing behind`, async (t) => {
		t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
		const root = mkdtempSync(join(memoryFolder(), 'holdfast-crash-'));
		t.after(() => rmSync(root, { recursive: true, force: true }));
		const path = join(root, 'template');
		cpSync(mkdtempSync(join(root, 'empty-')), path, { recursive: true });
		const template = new Model(path, seededRandom(seed), ['disk', 'folder'], scenario.key);
		const local = new LocalFolder(path);
		for (let i = 0; i < scenario.runs; i++) {
			await runAll(template, local, scenario.choice);
			for (const object of template.objects) template.change(object);
		}
		await scenario.prepare?.(template, local);
		const before = await template.verify();
		const diedAt = new Set<string>();
		const examined = new Examined();
		for (let k = 1; ; k++) {
			const at = join(root, `at-${k}`);
			cpSync(path, at, { recursive: true });
			const storage = await dieAndRecover(scenario, template, at, k, before, examined).catch((cause: unknown) => {
				throw new Error(`Seed ${seed}, death at change ${k} of ${scenario.title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
			});
			rmSync(at, { recursive: true });
			if (!storage.isDead) break;
			diedAt.add(storage.changes.at(-1) ?? '');
		}
		assert(!scenario.isGoneOnWith || goneOnWith > 0, 'something was gone on with');
		goneOnWith = 0;
		assert.deepEqual([...diedAt].sort(), scenario.kinds.toSorted(), 'every kind of change was died at');
	});
}
