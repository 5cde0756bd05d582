import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { listChains, runChainStep } from '../repository/index.ts';
import { browse } from './browse.ts';
import { KeptViews } from './kept-views.ts';
import { openSite, protect } from './testing/site.ts';

const { signal } = new AbortController();

test('a point that is looked into again after its chain was changed in place is seen as it is, by every method', async (t) => {
	for (const method of ['reverse', 'forever-forward'] as const) {
		const site = await openSite(t);
		await using views = new KeptViews();
		const points: { readonly id: string; readonly files: number }[] = [];
		for (let run = 0; run < 4; run++) {
			await writeFile(join(site.source, `file-${run}`), 'x'.repeat(1000 * (run + 1)));
			points.push({ id: (await protect(site, { method })).pointId, files: run + 1 });
			if (run === 3 && method === 'forever-forward') {
				const [chain] = (await listChains(site.repositoryPath)).chains;
				await runChainStep(site.repositoryPath, chain?.id ?? '', { kind: 'merge', count: 1 }, { signal });
				const merged = points.shift();
				await assert.rejects(
					views.use(site.repositoryPath, merged?.id ?? '', async () => 'the point that was merged away'),
					{ code: 'not-found.point' },
				);
			}
			for (const { id, files } of points) {
				const { entries } = await views.use(site.repositoryPath, id, (view) => browse(view, '/', 0, 100));
				assert.equal(entries.length, files, `${method}: the point of ${files} files after run ${run + 1}`);
			}
		}
	}
});

test('a change between asking and reading is not taken for damage', async (t) => {
	const site = await openSite(t);
	await using views = new KeptViews();
	await writeFile(join(site.source, 'one'), 'first');
	const { pointId: first } = await protect(site, { method: 'reverse' });
	let isChanged = false;
	const { entries } = await views.use(site.repositoryPath, first, async (view) => {
		if (!isChanged) {
			isChanged = true;
			// Two runs: the first one moves the chunks of the point away, the second one writes over where they were.
			for (const name of ['two', 'three']) {
				await writeFile(join(site.source, name), name.repeat(500));
				await protect(site, { method: 'reverse' });
			}
		}
		return browse(view, '/', 0, 100);
	});
	assert.ok(isChanged);
	assert.deepEqual(
		entries.map(({ name }) => name),
		['one'],
	);
});

test('more points than are kept can be looked into at the same time', async (t) => {
	const site = await openSite(t);
	await using views = new KeptViews();
	const points: string[] = [];
	for (let run = 0; run < 6; run++) {
		await writeFile(join(site.source, `file-${run}`), 'x');
		points.push((await protect(site)).pointId);
	}
	const pages = await Promise.all(points.map((point) => views.use(site.repositoryPath, point, (view) => browse(view, '/', 0, 100))));
	assert.deepEqual(
		pages.map(({ entries }) => entries.length),
		[1, 2, 3, 4, 5, 6],
	);
});
