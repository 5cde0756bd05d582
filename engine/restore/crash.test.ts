import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanUpJob } from '../repository/index.ts';
import { FolderWatch, killRun, type Phase, type Trigger } from './testing/killed-run.ts';
import { changeTree } from './testing/seeded-tree.ts';
import { backupRun, check, giveBack, job, newestChain, noise, openSite, protect, seededRandom } from './testing/site.ts';
import { differences, factsOf, type TreeFacts } from './testing/tree-facts.ts';

const seed = 6502;

for (const { method, kills } of [
	{ method: 'forward', kills: 30 },
	{ method: 'reverse', kills: 20 },
] as const) {
	test(`killed ${kills} times at seeded instants, a ${method} chain keeps every point and the next session succeeds`, async (t) => {
		const random = seededRandom(seed);
		const site = await openSite(t);
		const folder = join(site.repositoryPath, job.name);
		const tree = join(site.source, 'tree');
		fs.mkdirSync(tree);
		changeTree(tree, random, 25);
		const change = (): void => {
			changeTree(tree, random, 3);
			fs.writeFileSync(join(site.source, 'large'), noise(random, 4_000_000));
		};
		const points = new Map<string, TreeFacts>();
		const protectNow = async (): Promise<number> => {
			change();
			const facts = factsOf(site.source);
			const startedAt = performance.now();
			points.set((await protect(site, { method })).pointId, facts);
			return performance.now() - startedAt;
		};
		await protectNow();
		const durationMs = await protectNow();
		assert.equal((await newestChain(site)).points.length, 2);

		const phases = new Map<Phase, number>();
		for (let round = 0; round < kills; round++) {
			change();
			const facts = factsOf(site.source);
			const watch = new FolderWatch(folder);
			const size = random(4_000_000);
			const full = (await newestChain(site)).files[0]?.path ?? '';
			const before = fs.statSync(join(site.repositoryPath, full));
			const triggers: readonly Trigger[] = [
				{ afterMs: random(Math.ceil(durationMs * 1.2)) },
				{ afterMs: random(Math.ceil(durationMs * 1.2)) },
				// in place the full itself grows
				{
					folder,
					until: () =>
						(watch.part()?.sizeBytes ?? 0) > size || (method === 'reverse' && fs.statSync(join(site.repositoryPath, full)).size > before.size + size),
				},
				{ folder, until: () => watch.part()?.hasSuperblock === true },
				{ folder, until: () => watch.isNamed() },
			];
			const wasKilled = await killRun(backupRun(site, { method }), triggers[round % triggers.length] as Trigger);
			const phase = watch.phase();
			phases.set(phase, (phases.get(phase) ?? 0) + 1);
			const what = `round ${round}, ${phase}, seed ${seed}`;

			const { removed } = await cleanUpJob(site.repositoryPath, job);
			assert.ok(phase !== 'writing' || removed.length > 0, what);
			assert.deepEqual(
				fs.readdirSync(folder).filter((name) => /\.(part|tmp)$/.test(name)),
				[],
				what,
			);
			const listed = await newestChain(site);
			assert.deepEqual(
				listed.points.filter(({ problem }) => problem !== null),
				[],
				what,
			);
			const ids = listed.points.map(({ id }) => id);
			for (const id of points.keys()) assert.ok(ids.includes(id), `${what}: ${id} is lost`);
			const fresh = ids.filter((id) => !points.has(id));
			assert.ok(fresh.length <= 1 && (wasKilled || fresh.length === 1), what);
			for (const id of fresh) points.set(id, facts);
			const [someId, someFacts] = [...points][random(points.size)] as [string, TreeFacts];
			if (round % 4 === 0) await comesBack(someId, someFacts, what);
		}
		t.diagnostic(`phases: ${[...phases].map(([phase, count]) => `${phase} ${count}`).join(', ')}`);
		const hit = (...names: Phase[]): number => names.reduce((sum, name) => sum + (phases.get(name) ?? 0), 0);
		assert.ok(hit('nothing yet', 'no record yet') > 0, 'some kills before the first record');
		assert.ok(hit('writing', 'superblock written') > 0, 'some while writing');
		assert.ok(hit('superblock written', 'named, not listed') > 0, 'some around the commit');

		await protectNow();
		const all = [...points];
		const sample = all.filter((_, i) => i < 2 || i >= all.length - 2 || random(all.length) < 5);
		for (const [id, facts] of sample) await comesBack(id, facts, 'at the end');
		assert.deepEqual((await check(site)).damaged, []);

		async function comesBack(id: string, facts: TreeFacts, what: string): Promise<void> {
			const to = join(site.root, 'back');
			await giveBack(site, id, { to });
			assert.deepEqual(differences(factsOf(to), facts), [], what);
			fs.rmSync(to, { recursive: true });
		}
	});
}
