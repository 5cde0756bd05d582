import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { isEngineError } from '../base/index.ts';
import { requireTool } from '../base/testing.ts';
import { cleanUpJob, LocalFolder, removeFile, runChainStep, type Storage } from './index.ts';
import { memoryFolder } from './testing/memory-folder.ts';
import { allFiles, Model, modelJob, type RunChoice } from './testing/model.ts';
import { NarrowStorage } from './testing/narrow-storage.ts';
import { seededRandom } from './testing/random.ts';

const signal = new AbortController().signal;
const seed = Number(process.env.HOLDFAST_TEST_SEED ?? 1);

type Scenario = {
	readonly title: string;
	readonly choice: RunChoice;
	readonly runs: number;
	readonly act: (model: Model, storage: Storage) => Promise<unknown>;
	/** `act` takes the oldest point away. */
	readonly takesOldest?: boolean;
};
const run =
	(choice: RunChoice) =>
	(model: Model, storage: Storage): Promise<unknown> =>
		model.run(storage, choice, model.objects);
const chainId = async (model: Model): Promise<string> => (await model.chains()).at(-1)?.id ?? '';
const forward = { method: 'forward', singleFile: true } as const;
const foreverForward = { method: 'forever-forward', singleFile: true } as const;
const reverse = { method: 'reverse', singleFile: true } as const;

const scenarios: readonly Scenario[] = [
	{ title: 'the first full', choice: forward, runs: 0, act: run(forward) },
	{ title: 'an increment', choice: forward, runs: 2, act: run(forward) },
	{ title: 'a synthetic full', choice: forward, runs: 3, act: run({ ...forward, requested: 'synthetic' }) },
	{ title: 'a reverse incremental run', choice: reverse, runs: 3, act: run(reverse) },
	{
		title: 'a merge',
		choice: foreverForward,
		runs: 4,
		act: async (model, storage) => runChainStep(storage, await chainId(model), { kind: 'merge', count: 1 }, { signal, commitEveryBytes: 1 }),
		takesOldest: true,
	},
	{
		title: 'compacting',
		choice: reverse,
		runs: 3,
		act: async (model, storage) => runChainStep(storage, await chainId(model), { kind: 'compact' }, { signal }),
	},
	{
		title: 'removing a file',
		choice: reverse,
		runs: 3,
		act: async (model, storage) => removeFile(storage, await chainId(model), (await model.chains()).at(-1)?.files.at(-1)?.path ?? ''),
		takesOldest: true,
	},
];

/** The operation again, as retention or the next session would, or the merge that is still to be done. */
async function repeat(scenario: Scenario, model: Model, storage: Storage, oldest: ReadonlySet<string>): Promise<void> {
	if (scenario.takesOldest) {
		await cleanUpJob(storage, modelJob);
		const isThere = (await model.chains()).some(({ points }) => points.some(({ id }) => oldest.has(id)));
		if (isThere) await scenario.act(model, storage);
	} else await scenario.act(model, storage);
}

for (const scenario of scenarios) {
	test(`no room at any step of ${scenario.title} is told, leaves the chain intact, and is over when there is room again`, async (t) => {
		t.diagnostic(`HOLDFAST_TEST_SEED=${seed}`);
		const root = mkdtempSync(join(memoryFolder(), 'holdfast-full-'));
		t.after(() => rmSync(root, { recursive: true, force: true }));
		const path = join(root, 'template');
		mkdirSync(path);
		const template = new Model(path, seededRandom(seed), ['disk', 'folder']);
		for (let i = 0; i < scenario.runs; i++) {
			await run(scenario.choice)(template, new LocalFolder(path));
			for (const object of template.objects) template.change(object);
		}
		const before = await template.verify();
		const oldest = new Set(scenario.takesOldest ? (await template.chains())[0]?.points.slice(0, template.objects.length).map(({ id }) => id) : []);
		for (let k = 1; ; k++) {
			const at = join(root, `at-${k}`);
			cpSync(path, at, { recursive: true });
			const model = template.at(at, seededRandom(seed + k));
			const storage = new NarrowStorage(new LocalFolder(at), k);
			const error = await scenario.act(model, storage).then(
				() => null,
				(cause: unknown) => cause,
			);
			const where = `seed ${seed}, full at ${k} of ${scenario.title}`;
			if (error !== null) assert(isEngineError(error, 'repository.full'), `${where}: ${error}`);
			const listed = await model.verify(oldest).catch((cause: unknown) => assert.fail(`${where}: ${cause}`));
			for (const id of before) assert(listed.has(id) || oldest.has(id), `${where}: ${id} is lost`);
			if (storage.hasFailed && error !== null) {
				storage.makeRoom();
				await repeat(scenario, model, storage, oldest);
				const now = await model.verify();
				for (const id of before) assert(now.has(id) || oldest.has(id), `${where}, then with room: ${id} is lost`);
				if (!scenario.takesOldest) assert(now.has(`p${model.now / 1000}.0`) || scenario.title === 'compacting', `${where}: the next run made its point`);
				await cleanUpJob(at, modelJob);
				assert.deepEqual(await model.unowned(), [], where);
			}
			rmSync(at, { recursive: true });
			if (!storage.hasFailed) {
				assert(k > 1, 'it failed at least once');
				break;
			}
		}
	});
}

/** Room in steps of one block, on a file system that is really full. */
test('a file system that is really full fails runs, merges and compactions with a clear error and loses nothing', async (t) => {
	if (!requireTool(t, 'mkfs.ext4', 'mount', 'umount')) return;
	if (process.getuid?.() !== 0) return t.skip('needs root to mount a file system');
	const root = mkdtempSync(join(tmpdir(), 'holdfast-ext4-'));
	let isMounted = false;
	t.after(() => {
		if (isMounted) execFileSync('umount', [mount]);
		rmSync(root, { recursive: true, force: true });
	});
	const image = join(root, 'image');
	const mount = join(root, 'mount');
	mkdirSync(mount);
	writeFileSync(image, Buffer.alloc(6 * 1024 * 1024));
	execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', image]);
	execFileSync('mount', ['-o', 'loop', image, mount]);
	isMounted = true;
	const path = join(mount, 'repository');
	mkdirSync(path);
	const storage = new LocalFolder(path);
	const ballast = join(mount, 'ballast');
	for (const choice of [forward, foreverForward, reverse]) {
		const random = seededRandom(seed);
		const model = new Model(path, random, ['disk', 'folder']);
		model.now += { forward: 0, 'forever-forward': 1e9, reverse: 2e9 }[choice.method];
		const retained = new Set(await run(choice)(model, storage).then((ids) => ids as string[]));
		let failures = 0;
		for (let round = 0; round < 8; round++) {
			for (const object of model.objects) model.change(object);
			if (model.objects[0]?.content.kind === 'disk') {
				const blocks = [...model.objects[0].content.blocks];
				blocks[0] = random.bytes(262_144);
				model.objects[0].content = { kind: 'disk', blocks };
			}
			const { freeBytes } = await storage.space();
			const leave = random.below(24) * 16_384;
			writeFileSync(ballast, Buffer.alloc(Math.max(0, Math.floor((freeBytes - leave) / 4096) * 4096 - 16_384)));
			const isStep = round % 4 === 3;
			const act = async (): Promise<void> => {
				if (!isStep) for (const id of (await run(choice)(model, storage)) as string[]) retained.add(id);
				else if (choice.method === 'forever-forward') {
					const gone = (await model.chains()).at(-1)?.files[0]?.pointIds ?? [];
					await runChainStep(storage, await chainId(model), { kind: 'merge', count: 1 }, { signal });
					for (const id of gone) retained.delete(id);
				} else await runChainStep(storage, await chainId(model), { kind: 'compact' }, { signal });
			};
			await act().catch((error: unknown) => {
				assert(isEngineError(error, 'repository.full'), `${error}`);
				failures++;
			});
			rmSync(ballast);
			await cleanUpJob(storage, modelJob);
			const listed = await model.verify();
			for (const id of retained) assert(listed.has(id), `seed ${seed}, ${choice.method}, round ${round}: ${id} is lost`);
			assert.deepEqual(await model.unowned(), []);
			await act();
			for (const id of retained) assert((await model.verify()).has(id), `seed ${seed}, ${choice.method}, round ${round}, with room: ${id} is lost`);
		}
		assert(failures > 2, `only ${failures} of the runs met a full disk`);
		t.diagnostic(`${choice.method}: ${failures} failures`);
		for (const name of allFiles(path)) rmSync(join(path, name));
	}
});
