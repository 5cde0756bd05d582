import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatVersion, type KeyRing, type MasterKey, openLock } from '../format/index.ts';
import { readLocks } from '../repository/index.ts';
import { check, giveBack, giveBackDisk, openSite } from './testing/site.ts';
import { factsOf } from './testing/tree-facts.ts';

type Expected = { pointId: string; kind: 'folder' | 'disk'; facts: Record<string, Record<string, unknown>>; hash: string };
const golden = new URL('../format/golden/', import.meta.url).pathname;

/** The keys of a golden repository, opened with one of the secrets that lie beside it. */
async function keysOf(folder: string, what: 'password' | 'recoveryKey'): Promise<KeyRing> {
	const secrets = JSON.parse(fs.readFileSync(join(folder, 'secrets.json'), 'utf8')) as { password: string; recoveryKey: string };
	const secret = what === 'password' ? { password: secrets.password } : { recoveryKey: secrets.recoveryKey };
	const keys: MasterKey[] = [];
	for (const { lock } of await readLocks(join(folder, 'repository'))) {
		const key = await openLock(lock, secret);
		if (key) keys.push(key);
	}
	assert.ok(keys.length > 0);
	return keys;
}

const versions = Array.from({ length: formatVersion }, (_, i) => i + 1);
const cases = versions.flatMap(
	(version) =>
		[
			{ title: `backup files of format version ${version}`, name: `version-${version}`, secret: null },
			{ title: `encrypted backup files of format version ${version}, opened with the password,`, name: `version-${version}-encrypted`, secret: 'password' },
			{
				title: `encrypted backup files of format version ${version}, opened with the recovery key,`,
				name: `version-${version}-encrypted`,
				secret: 'recoveryKey',
			},
			{ title: `encrypted backup files of format version ${version} with fingerprints of blocks`, name: `version-${version}-fingerprints`, secret: 'password' },
		] as const,
);

for (const { title, name, secret } of cases) {
	test(`${title} restore byte for byte`, async (t) => {
		const folder = join(golden, name);
		const keys = secret === null ? [] : await keysOf(folder, secret);
		const site = { ...(await openSite(t)), repositoryPath: join(folder, 'repository'), keys };
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
