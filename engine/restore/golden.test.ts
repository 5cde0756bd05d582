import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatVersion } from '../format/index.ts';
import { check, giveBack, giveBackDisk, openSite } from './testing/site.ts';
import { factsOf } from './testing/tree-facts.ts';

type Expected = { pointId: string; kind: 'folder' | 'disk'; facts: Record<string, Record<string, unknown>>; hash: string };
const golden = new URL('../format/golden/', import.meta.url).pathname;

for (let version = 1; version <= formatVersion; version++) {
	test(`backup files of format version ${version} restore byte for byte`, async (t) => {
		const folder = join(golden, `version-${version}`);
		const site = { ...(await openSite(t)), repositoryPath: join(folder, 'repository') };
		const points = JSON.parse(fs.readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected[];
		assert.ok(points.length > 0);
		for (const { pointId, kind, facts, hash } of points) {
			const to = join(site.root, pointId);
			if (kind === 'disk') {
				await giveBackDisk(site, pointId, to);
				assert.equal(createHash('sha256').update(fs.readFileSync(to)).digest('hex'), hash);
				continue;
			}
			await giveBack(site, pointId, { to });
			const back = factsOf(to);
			assert.deepEqual([...back.keys()].sort(), Object.keys(facts).sort());
			for (const [key, fact] of Object.entries(facts))
				for (const [what, value] of Object.entries(fact)) assert.equal(String(back.get(key)?.[what]), String(value), `${key}: ${what}`);
		}
		assert.deepEqual((await check(site)).damaged, []);
	});
}
