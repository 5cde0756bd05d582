import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createMasterKey, type MasterKey, testPasswordCost, withPassword } from '../format/index.ts';
import {
	cleanUpJob,
	importChains,
	openVault,
	type RepositoryPlace,
	relockChain,
	removeChain,
	removeFile,
	runChainStep,
	takeOverChain,
	type Vault,
} from './index.ts';
import { memoryFolder } from './testing/memory-folder.ts';
import { allFiles, Model, type RunChoice } from './testing/model.ts';
import { MortalStorage } from './testing/mortal-storage.ts';
import { type Random, seededRandom } from './testing/random.ts';

/** More by hand: HOLDFAST_TEST_SEEDS=5000 and HOLDFAST_TEST_STEPS=60; one again: HOLDFAST_TEST_SEED=17. */
const seeds = Number(process.env.HOLDFAST_TEST_SEEDS ?? 200);
const steps = Number(process.env.HOLDFAST_TEST_STEPS ?? 6);
const only = process.env.HOLDFAST_TEST_SEED;
const signal = new AbortController().signal;

/** What is done next: `gone` are the points that it takes away. */
type Step = { readonly what: string; readonly gone?: readonly string[]; readonly act: (vault: Vault) => Promise<unknown> };

/** One site: a model, the choices of its job, which change on the way, and the points that must be there. */
class Site {
	readonly model: Model;
	readonly random: Random;
	readonly path: string;
	#singleFile: boolean;
	#method: RunChoice['method'];
	#differential = false;
	retained = new Set<string>();
	readonly history: string[] = [];
	deaths = 0;
	goneOnWith = 0;
	disasters = 0;

	constructor(path: string, random: Random, key: MasterKey | null) {
		this.path = path;
		this.random = random;
		const kinds = Array.from({ length: 1 + random.below(3) }, () => random.pick(['disk', 'folder'] as const));
		this.model = new Model(path, random, kinds, key);
		this.#singleFile = random.chance(0.5);
		this.#method = random.pick(['forward', 'forever-forward', 'reverse'] as const);
	}

	async #runStep(): Promise<Step> {
		const { model, random } = this;
		if (random.chance(0.08)) this.#method = random.pick(['forward', 'forever-forward', 'reverse'] as const);
		if (random.chance(0.06)) this.#singleFile = !this.#singleFile;
		if (random.chance(0.2)) this.#differential = random.chance(0.5);
		if (this.#method !== 'forward') this.#differential = false; // a way of forward incremental: jobs refuse anything else
		const isAdHoc = random.chance(0.1);
		const requested = isAdHoc ? 'full' : random.pick(['increment', 'increment', 'increment', 'increment', 'increment', 'synthetic', 'full'] as const);
		const choice = {
			method: this.#method,
			differential: this.#differential,
			singleFile: this.#singleFile,
			requested,
			...(isAdHoc && { adHoc: { keepUntil: null } }),
		};
		const some = random.chance(0.3) ? [random.pick(model.objects)] : model.objects;
		for (const object of some) if (random.chance(0.8)) model.change(object);
		const groups = this.#singleFile ? [some] : some.map((object) => [object]);
		return {
			what: `${requested} run, ${JSON.stringify(choice)} of ${some.length}`,
			act: async ({ storage }) => {
				for (const objects of groups) await model.run(storage, choice, objects);
			},
		};
	}

	/** Everything that may be done to the chains as they are. */
	async #chainSteps(): Promise<Step[]> {
		const chains = await this.model.chains();
		const choices: Step[] = [];
		for (const chain of chains) {
			const leaves = chain.files.filter(({ path, kind }) => kind !== 'full' && chain.files.every(({ dependsOn }) => dependsOn !== path));
			const [full, ...rest] = chain.files;
			if (chain.method === 'forever-forward' && rest.length > 0) {
				const count = 1 + this.random.below(rest.length);
				const gone = [full, ...rest].slice(0, count).flatMap((file) => file?.pointIds ?? []);
				const commitEveryBytes = this.random.chance(0.5) ? 1 + this.random.below(5000) : undefined;
				choices.push({
					what: `merge ${count}`,
					gone,
					act: (vault) => runChainStep(vault, chain.id, { kind: 'merge', count }, { signal, commitEveryBytes }),
				});
			}
			for (const { path, pointIds } of leaves) choices.push({ what: `remove ${path}`, gone: pointIds, act: (vault) => removeFile(vault, chain.id, path) });
			const compactBytes = this.random.chance(0.5) ? 1 + this.random.below(5000) : undefined;
			choices.push({ what: 'compact', act: (vault) => runChainStep(vault, chain.id, { kind: 'compact' }, { signal, commitEveryBytes: compactBytes }) });
			if (chains.length > 1) choices.push({ what: 'remove a chain', gone: chain.points.map(({ id }) => id), act: (vault) => removeChain(vault, chain.id) });
			const { key } = this.model;
			if (key) {
				const act = async ({ storage }: Vault): Promise<void> => {
					this.model.key = await withPassword(key, `${this.random.below(1000)}`, testPasswordCost);
					await relockChain(this.model.on(storage), chain.id);
				};
				choices.push({ what: 'change the password', act });
			}
		}
		choices.push({ what: 'clean up', act: (vault) => cleanUpJob(vault, this.model.job) });
		if (chains.length > 0) choices.push(this.#disaster(), this.#disaster());
		return choices;
	}

	/** The installation is lost, and some metadata with it: another one imports what is there and goes on with it. */
	#disaster(): Step {
		const { path, random, model } = this;
		const metadata = allFiles(path).filter((name) => name.endsWith('.hbm'));
		const lost = metadata.filter(() => random.chance(0.7));
		const isDamage = random.chance(0.3);
		return {
			what: `${isDamage ? 'damage' : 'lose'} ${lost.length} of ${metadata.length} .hbm, import, take over`,
			act: async (vault) => {
				this.disasters++;
				for (const name of lost) {
					if (isDamage) writeFileSync(join(path, name), readFileSync(join(path, name)).fill(0xff, 33, 60));
					else rmSync(join(path, name));
				}
				model.job = { id: `job${this.disasters}`, name: 'Model' };
				await this.#adopt(vault);
			},
		};
	}

	/** What the installation of today does with a repository that it finds. */
	async #adopt(place: RepositoryPlace): Promise<void> {
		await importChains(place);
		for (const { id, job } of await this.model.chains()) if (job.id !== this.model.job.id) await takeOverChain(place, id, this.model.job);
	}

	async step(): Promise<void> {
		const { what, gone = [], act } = this.random.chance(0.6) ? await this.#runStep() : this.random.pick(await this.#chainSteps());
		const dieAt = this.random.chance(0.3) ? 1 + this.random.below(30) : Number.POSITIVE_INFINITY;
		const storage = new MortalStorage(this.path, this.random, dieAt);
		const known = new Set(this.model.points.keys());
		this.history.push(what);
		const isDone = await act(this.model.on(storage)).then(
			() => true,
			(error: unknown) => {
				if (!storage.isDead) throw error;
				return false;
			},
		);
		if (storage.isDead && !isDone && what === 'compact') await this.#goOn(act);
		if (storage.isDead) await this.#recover(storage);
		const listed = await this.model.verify();
		const made = [...this.model.points.keys()].filter((id) => !known.has(id));
		const mustStay = [...this.retained].filter((id) => !gone.includes(id));
		for (const id of mustStay) assert(listed.has(id), `${id} is lost`);
		for (const id of listed) assert(made.includes(id) || this.retained.has(id), `${id} came back`);
		if (!storage.isDead) assert.deepEqual([...listed].sort(), [...mustStay, ...made].sort(), 'what was reported as done is done');
		this.retained = listed;
		assert.deepEqual(await this.model.unowned(), [], 'every file is owned');
		for (const { adHoc, files } of await this.model.chains()) assert(!adHoc || files.length === 1, 'nothing builds on an ad-hoc full');
	}

	/** A compaction that died is asked for again, with what it had committed still there. */
	async #goOn(act: Step['act']): Promise<void> {
		await cleanUpJob(this.model.place, this.model.job, { keepsBegun: true });
		this.goneOnWith += (await this.model.unowned()).length;
		this.history.push('and again');
		await act(openVault(this.model.place));
	}

	async #recover(storage: MortalStorage): Promise<void> {
		this.deaths++;
		this.history.push(`death at ${storage.changes.length}, ${storage.changes.at(-1)}`);
		const cleaning = new MortalStorage(this.path, this.random, 1 + this.random.below(6));
		await cleanUpJob(this.model.on(cleaning), this.model.job).catch((error: unknown) => {
			if (!cleaning.isDead) throw error;
		});
		if (this.disasters > 0) await this.#adopt(this.model.place); // it may have died over an import
		if (this.disasters > 0 || cleaning.isDead) await cleanUpJob(this.model.place, this.model.job);
	}

	/** A removal that died half way is asked for again by retention. */
	async removeIncomplete(): Promise<void> {
		for (const chain of await this.model.chains()) {
			const listed = chain.files.filter(({ problem }) => problem !== null);
			if (listed.length === 0) continue;
			assert(
				this.history.some((what) => what === 'remove a chain'),
				`${listed[0]?.problem}`,
			);
			await removeChain(this.model.place, chain.id);
			for (const { id } of chain.points) this.retained.delete(id);
		}
	}
}

test(`CHAIN-01: ${only === undefined ? seeds : 1} seeded sequences of runs, ad-hoc fulls, changes of the method and of chains per object, merges, removals, compactions, changed passwords, lost installations and power failures keep every retained point`, async (t) => {
	const root = mkdtempSync(join(memoryFolder(), 'holdfast-model-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const { key } = await createMasterKey('model', testPasswordCost);
	let deaths = 0;
	let goneOnWith = 0;
	let points = 0;
	let disasters = 0;
	for (let seed = only === undefined ? 1 : Number(only); seed <= (only === undefined ? seeds : Number(only)); seed++) {
		const path = mkdtempSync(join(root, 'site-'));
		const site = new Site(path, seededRandom(seed), seed % 2 === 0 ? key : null);
		try {
			for (let i = 0; i < steps; i++) {
				await site.step();
				await site.removeIncomplete();
			}
		} catch (cause) {
			throw new Error(`HOLDFAST_TEST_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}\n${site.history.join('\n')}`, { cause });
		}
		deaths += site.deaths;
		goneOnWith += site.goneOnWith;
		disasters += site.disasters;
		points += site.retained.size;
		rmSync(path, { recursive: true });
	}
	t.diagnostic(`${deaths} deaths, ${goneOnWith} compactions gone on with, ${disasters} disasters, ${points} points at the end`);
	if (only === undefined) assert(disasters > seeds / 10, `only ${disasters} installations were lost`);
	if (only === undefined) assert(deaths > seeds / 2, `only ${deaths} of the deaths happened`);
});
