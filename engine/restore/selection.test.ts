import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { OverwriteRule, RestorePlan } from '../contract/index.ts';
import { Look } from './index.ts';
import { changeTree, setTime } from './testing/seeded-tree.ts';
import { giveBack, openSite, protect, type Site, seededRandom } from './testing/site.ts';
import { differences, factsOf } from './testing/tree-facts.ts';

const oldTime = 1_500_000_000_000_000_000n;
const newTime = 1_600_000_000_000_000_000n;

const write = (path: string, text: string, mtimeNs = newTime): void => {
	fs.mkdirSync(join(path, '..'), { recursive: true });
	fs.writeFileSync(path, text);
	setTime(path, mtimeNs);
};
const read = (...parts: string[]): string => fs.readFileSync(join(...parts), 'utf8');

/** A backup of a small tree; the target is a folder beside it. */
async function openSmallSite(t: TestContext): Promise<{ site: Site; pointId: string; to: string }> {
	const site = await openSite(t);
	write(join(site.source, 'a', 'one'), 'one');
	write(join(site.source, 'a', 'two'), 'two');
	write(join(site.source, 'a', 'inner', 'three'), 'three');
	write(join(site.source, 'b', 'four'), 'four');
	write(join(site.source, 'five'), 'five');
	const { pointId } = await protect(site);
	return { site, pointId, to: join(site.root, 'back') };
}

async function plan(t: TestContext, site: Site, pointId: string, to: string | null, overwrite: OverwriteRule, paths = ['/']): Promise<RestorePlan> {
	const look = new Look();
	t.after(() => look[Symbol.asyncDispose]());
	return look.plan({ repositoryPath: site.repositoryPath, pointId, paths, to, overwrite }, {});
}

test('chosen paths come back with the folders that lead to them, and nothing else', async (t) => {
	const { site, pointId, to } = await openSmallSite(t);
	await giveBack(site, pointId, { to, paths: ['/a/inner', '/a/inner/three', '/five'] });
	assert.deepEqual([...factsOf(to).keys()], ['', '/a', '/a/inner', '/a/inner/three', '/five']);
	const source = factsOf(site.source);
	for (const [key, fact] of factsOf(to)) assert.deepEqual(fact, source.get(key), key);
	await assert.rejects(giveBack(site, pointId, { to, paths: ['/a/nothing'] }), { code: 'not-found.path' });
	await assert.rejects(giveBack(site, pointId, { to, paths: ['/a/../b'] }), { code: 'usage.invalid' });
});

test('each overwrite rule keeps and replaces what it says', async (t) => {
	const { site, pointId, to } = await openSmallSite(t);
	const prepare = (): void => {
		fs.rmSync(to, { recursive: true, force: true });
		write(join(to, 'a', 'one'), 'older here', oldTime);
		write(join(to, 'a', 'two'), 'newer here', newTime + 1n);
		write(join(to, 'a', 'foreign'), 'not in the backup');
	};
	const expected = { never: ['older here', 'newer here'], newer: ['one', 'newer here'], always: ['one', 'two'] };
	for (const overwrite of ['never', 'newer', 'always'] as const) {
		prepare();
		await giveBack(site, pointId, { to, overwrite });
		assert.deepEqual([read(to, 'a', 'one'), read(to, 'a', 'two')], expected[overwrite], overwrite);
		assert.equal(read(to, 'a', 'inner', 'three'), 'three');
		assert.equal(read(to, 'a', 'foreign'), 'not in the backup');
	}
	assert.deepEqual(fs.readdirSync(join(to, 'a')).sort(), ['foreign', 'inner', 'one', 'two'], 'no temporary file is left');
});

test('the original place is where things go without a target', async (t) => {
	const { site, pointId } = await openSmallSite(t);
	const before = factsOf(site.source);
	fs.rmSync(join(site.source, 'a'), { recursive: true });
	fs.writeFileSync(join(site.source, 'five'), 'changed');
	await giveBack(site, pointId, { to: null, overwrite: 'always' });
	assert.deepEqual(differences(factsOf(site.source), before), []);
});

test('a link in the place of a folder is never followed out of the target', async (t) => {
	const { site, pointId, to: base } = await openSmallSite(t);
	const outside = join(site.root, 'outside');
	write(join(outside, 'one'), 'outside');
	const before = factsOf(outside);
	for (const overwrite of ['never', 'newer', 'always'] as const) {
		for (const paths of [['/'], ['/a/inner/three'], ['/a/inner'], ['/a/one', '/five']]) {
			const to = `${base}-${overwrite}-${paths.join().replaceAll('/', '_')}`;
			fs.mkdirSync(to);
			fs.symlinkSync(outside, join(to, 'a'));
			setTime(join(to, 'a'), oldTime);
			const witness = await giveBack(site, pointId, { to, overwrite, paths });
			const what = `${overwrite} ${paths}`;
			assert.deepEqual(differences(factsOf(outside), before), [], what);
			const isReplaced = paths[0] === '/' && overwrite !== 'never';
			assert.equal(fs.lstatSync(join(to, 'a')).isDirectory(), isReplaced, what);
			if (isReplaced) assert.deepEqual(differences(factsOf(join(to, 'a')), factsOf(join(site.source, 'a'))), [], what);
			else if (paths[0] !== '/') assert.equal(witness.warnings.filter(({ code }) => code === 'restore.target').length, 1, what);
			if (paths.includes('/five')) assert.equal(read(to, 'five'), 'five', what);
		}
	}
});

test('the target itself may be a link to a folder', async (t) => {
	const { site, pointId, to } = await openSmallSite(t);
	const real = join(site.root, 'real');
	fs.mkdirSync(real);
	fs.symlinkSync(real, to);
	for (const overwrite of ['never', 'always'] as const) {
		await giveBack(site, pointId, { to, overwrite });
		assert.ok(fs.lstatSync(to).isSymbolicLink());
		assert.equal(read(real, 'a', 'one'), 'one');
	}
});

test('a file where a folder should be, and a folder where a file should be', async (t) => {
	const { site, pointId, to } = await openSmallSite(t);
	write(join(to, 'a'), 'a file', oldTime);
	write(join(to, 'five', 'precious'), 'precious', oldTime);
	setTime(join(to, 'five'), oldTime);
	const kept = await giveBack(site, pointId, { to, overwrite: 'never' });
	assert.equal(read(to, 'a'), 'a file');
	assert.equal(read(to, 'b', 'four'), 'four');
	assert.ok(kept.infos.some((info) => info.includes('was kept')));

	const replaced = await giveBack(site, pointId, { to, overwrite: 'always' });
	assert.equal(read(to, 'a', 'inner', 'three'), 'three');
	assert.equal(read(to, 'five', 'precious'), 'precious', 'a folder with all that is in it is never removed for a file');
	assert.deepEqual(
		replaced.warnings.map(({ code, path }) => [code, path]),
		[['restore.target', '/five']],
	);
});

test('hard links replace what is there, and stay one file', async (t) => {
	const site = await openSite(t);
	write(join(site.source, 'a'), 'linked');
	fs.linkSync(join(site.source, 'a'), join(site.source, 'b'));
	fs.linkSync(join(site.source, 'a'), join(site.source, 'c'));
	const { pointId } = await protect(site);
	const to = join(site.root, 'back');
	write(join(to, 'b'), 'in the way');
	await giveBack(site, pointId, { to, overwrite: 'always' });
	assert.deepEqual(differences(factsOf(to), factsOf(site.source)), []);
	await giveBack(site, pointId, { to, overwrite: 'always' });
	assert.deepEqual(differences(factsOf(to), factsOf(site.source)), [], 'a second time');
	await giveBack(site, pointId, { to: join(site.root, 'one'), paths: ['/c'] });
	assert.equal(read(site.root, 'one', 'c'), 'linked');
});

test('what the target folder hands down to new files does not stay on restored ones', async (t) => {
	const { site, pointId, to } = await openSmallSite(t);
	fs.mkdirSync(to);
	const { openPlatform } = await import('../platform/index.ts');
	const { requireTool } = await import('../base/testing.ts');
	if (!requireTool(t, 'setfacl')) return;
	const { execFileSync } = await import('node:child_process');
	execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', to]);
	await giveBack(site, pointId, { to });
	assert.deepEqual(openPlatform().metadata.listXattrs(Buffer.from(join(to, 'five'))), []);
	assert.deepEqual(openPlatform().metadata.listXattrs(Buffer.from(join(to, 'a', 'inner'))), []);
});

test('a dry run counts what the restore then does', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(77);
	changeTree(site.source, random, 80);
	const { pointId } = await protect(site);
	for (const overwrite of ['never', 'newer', 'always'] as const) {
		const to = join(site.root, `back-${overwrite}`);
		await giveBack(site, pointId, { to });
		changeTree(to, random, 40);
		fs.symlinkSync(site.root, join(to, 'a-link'));
		const before = factsOf(to);
		const counted = await plan(t, site, pointId, to, overwrite);
		assert.deepEqual(differences(factsOf(to), before), [], 'a dry run changes nothing');
		const witness = await giveBack(site, pointId, { to, overwrite });
		const after = factsOf(to);
		const kept =
			witness.infos.filter((info) => info.includes('was kept')).length + witness.warnings.filter(({ message }) => message.includes('was kept')).length;
		assert.equal(counted.kept, kept, `${overwrite}: kept`);
		const isChanged = (key: string): boolean =>
			!before.has(key) || differences(new Map([[key, before.get(key) ?? {}]]), new Map([[key, after.get(key) ?? {}]])).length > 0;
		const isDirectory = (fact: Readonly<Record<string, unknown>> | undefined): boolean => String(fact?.mode).startsWith('40');
		const created = [...after].filter(([key, fact]) => isDirectory(fact) && !isDirectory(before.get(key))).length;
		assert.equal(counted.directories, created, `${overwrite}: directories`);
		const written = [...after].filter(([key, fact]) => !isDirectory(fact) && isChanged(key)).length;
		assert.ok(written <= counted.files + counted.links, `${overwrite}: ${written} written, ${counted.files} counted`);
		if (overwrite === 'never') {
			assert.equal(written, counted.files + counted.links, `${overwrite}: files and links`);
			assert.equal(counted.overwritten, 0);
		}
	}
});
