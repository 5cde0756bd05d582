import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { changeTree, listenOn, makeEverything } from './testing/seeded-tree.ts';
import { check, giveBack, openSite, protect, seededRandom, verify } from './testing/site.ts';
import { differences, factsOf, type TreeFacts } from './testing/tree-facts.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

test('every kind of entry comes back with content, metadata and holes', { skip: isRoot ? false : 'needs root on Linux' }, async (t) => {
	if (!requireTool(t, 'setfacl', 'setcap')) return;
	const site = await openSite(t);
	makeEverything(site.source, seededRandom(1));
	t.after(await listenOn(join(site.source, 'special', 'socket')));
	const expected = new Map(factsOf(site.source));
	expected.delete('/special/socket');

	const { witness, pointId } = await protect(site);
	assert.deepEqual(witness.warnings, []);
	assert.equal(witness.infos.filter((info) => info.includes('special/socket')).length, 1, 'the socket is told');
	const to = join(site.root, 'back');
	const restored = await giveBack(site, pointId, { to });
	assert.deepEqual(restored.warnings, []);
	assert.deepEqual(differences(factsOf(to), expected), []);
	assert.deepEqual((await check(site)).damaged, []);

	// an increment of what did not change takes everything over, and gives the same
	const second = await protect(site);
	assert.equal(second.outcomes[0]?.mode.actual, 'increment');
	assert.equal(second.witness.last.readBytes, 0);
	const again = join(site.root, 'again');
	assert.deepEqual((await giveBack(site, second.pointId, { to: again })).warnings, []);
	assert.deepEqual(differences(factsOf(again), expected), []);
});

test('after ten rounds of change every point is still what its source was', async (t) => {
	const seed = 20_240;
	const site = await openSite(t);
	const random = seededRandom(seed);
	changeTree(site.source, random, 60);
	const points: { pointId: string; facts: TreeFacts }[] = [];
	for (let round = 0; round <= 10; round++) {
		if (round > 0) changeTree(site.source, random, 12);
		const facts = factsOf(site.source);
		const { pointId, witness, outcomes } = await protect(site, { blockSizeBytes: 262_144 });
		assert.deepEqual(witness.warnings, []);
		assert.equal(outcomes[0]?.mode.actual, round === 0 ? 'full' : 'increment');
		points.push({ pointId, facts });
	}
	for (const [round, { pointId, facts }] of points.entries()) {
		const to = join(site.root, `back-${round}`);
		assert.deepEqual((await giveBack(site, pointId, { to })).warnings, []);
		assert.deepEqual(differences(factsOf(to), facts), [], `round ${round}, seed ${seed}`);
	}
	assert.deepEqual((await verify(site, points[0]?.pointId ?? '')).damaged, []);
	assert.deepEqual((await check(site)).damaged, []);
});

test('a file that is written within the same tick as its backup is read again at the next run', async (t) => {
	const site = await openSite(t);
	const path = join(site.source, 'hasty');
	for (let round = 0; round < 4; round++) {
		fs.writeFileSync(path, `content ${round}`);
		const { pointId } = await protect(site);
		const to = join(site.root, `back-${round}`);
		await giveBack(site, pointId, { to });
		assert.equal(fs.readFileSync(join(to, 'hasty'), 'utf8'), `content ${round}`);
	}
});
