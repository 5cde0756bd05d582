import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blockSizes } from '../contract/index.ts';
import { listChains, prepareRepository } from '../repository/index.ts';
import { changeTree } from './testing/seeded-tree.ts';
import { check, disk, folder, giveBack, giveBackDisk, newestChain, noise, openSite, protect, seededRandom } from './testing/site.ts';
import { differences, factsOf } from './testing/tree-facts.ts';

for (const [i, compression] of (['none', 'fast', 'optimal', 'high'] as const).entries()) {
	const [name, blockSizeBytes] = Object.entries(blockSizes)[i] as [string, number];
	test(`a folder with blocks of ${name} and compression ${compression} comes back, and other settings continue its chain`, async (t) => {
		const random = seededRandom(100 + i);
		const site = await openSite(t);
		const tree = join(site.source, 'tree');
		fs.mkdirSync(tree);
		changeTree(tree, random, 50);
		fs.writeFileSync(
			join(site.source, 'large'),
			Buffer.concat([noise(random, 12_000_000), Buffer.alloc(3_000_000, 'text that shrinks '), noise(random, 70_000)]),
		);
		const first = { facts: factsOf(site.source), ...(await protect(site, { blockSizeBytes, compression })) };
		changeTree(tree, random, 10);
		fs.appendFileSync(join(site.source, 'large'), 'the end');
		const second = { facts: factsOf(site.source), ...(await protect(site, { blockSizeBytes: 524_288, compression: 'fast' })) };
		assert.equal(second.outcomes[0]?.mode.actual, 'increment');
		assert.deepEqual(second.witness.modes, [second.outcomes[0]?.mode], 'told once, as soon as it was decided');
		for (const { pointId, facts } of [first, second]) {
			const to = join(site.root, pointId);
			await giveBack(site, pointId, { to });
			assert.deepEqual(differences(factsOf(to), facts), []);
		}
		assert.deepEqual((await check(site)).damaged, []);
	});
}

test('a change in the middle of a large file costs little in the increment', async (t) => {
	const random = seededRandom(7);
	const site = await openSite(t);
	const path = join(site.source, 'large');
	const content = noise(random, 30_000_000);
	fs.writeFileSync(path, content);
	await protect(site);
	fs.writeFileSync(path, Buffer.concat([content.subarray(0, 10_000_000), Buffer.from('inserted'), content.subarray(10_000_000)]));
	const { outcomes } = await protect(site);
	assert.ok((outcomes[0]?.counters.storedBytes ?? 0) < 6_000_000, `${outcomes[0]?.counters.storedBytes} bytes stored`);
});

test('all objects of a job go into one chain where the repository keeps single files', async (t) => {
	const random = seededRandom(55);
	const site = await openSite(t);
	const second = join(site.root, 'second');
	const image = join(site.root, 'disk.img');
	for (const path of [site.source, second]) fs.mkdirSync(join(path, 'tree'), { recursive: true });
	changeTree(join(site.source, 'tree'), random, 30);
	changeTree(join(second, 'tree'), random, 30);
	fs.writeFileSync(join(second, 'twin'), noise(random, 500_000));
	fs.copyFileSync(join(second, 'twin'), join(site.source, 'twin'));
	fs.writeFileSync(image, noise(random, 5_000_000));
	const objects = [folder(site.source), folder(second), disk(image)];
	for (let round = 0; round < 3; round++) {
		const { outcomes, witnesses } = await protect(site, { objects, singleFile: true });
		assert.deepEqual(
			outcomes.map(({ mode }) => mode.actual),
			objects.map(() => (round === 0 ? 'full' : 'increment')),
		);
		assert.deepEqual(
			witnesses.flatMap(({ warnings }) => warnings),
			[],
		);
		for (const [i, path] of [site.source, second].entries()) {
			const to = join(site.root, `back-${round}-${i}`);
			await giveBack(site, outcomes[i]?.pointId ?? '', { to });
			assert.deepEqual(differences(factsOf(to), factsOf(path)), []);
		}
		const to = join(site.root, `back-${round}.img`);
		await giveBackDisk(site, outcomes[2]?.pointId ?? '', to);
		assert.ok(fs.readFileSync(to).equals(fs.readFileSync(image)));
		changeTree(join(site.source, 'tree'), random, 5);
		changeTree(join(second, 'tree'), random, 5);
		fs.writeFileSync(image, noise(random, 300_000), { flag: 'r+' });
	}
	const { chains } = await listChains(site.repositoryPath);
	assert.deepEqual(
		chains.map(({ files, points }) => [files.length, points.length]),
		[[3, 9]],
	);
	// an object that comes later joins the chain
	const third = join(site.root, 'third');
	fs.mkdirSync(third);
	fs.writeFileSync(join(third, 'file'), 'content');
	const { outcomes } = await protect(site, { objects: [...objects, folder(third)], singleFile: true });
	assert.equal((await newestChain(site)).files.length, 4);
	await giveBack(site, outcomes[3]?.pointId ?? '', { to: join(site.root, 'back-third') });
	assert.deepEqual(differences(factsOf(join(site.root, 'back-third')), factsOf(third)), []);
});

test('exclusions leave out what they name, at any depth or anchored, and nothing else', async (t) => {
	const site = await openSite(t);
	const paths = [
		'keep',
		'a.log',
		'deep/b.log',
		'deep/deeper/c.log',
		'cache/x',
		'deep/cache/y',
		'only/here',
		'deep/only/here',
		'a,b',
		'a',
		'b',
		'!odd',
		'.hidden',
		'deep/.hidden',
		'exact/file',
		'exact/other',
	];
	for (const path of paths) {
		fs.mkdirSync(join(site.source, path, '..'), { recursive: true });
		if (!fs.existsSync(join(site.source, path))) fs.writeFileSync(join(site.source, path), path);
	}
	const left = async (...exclude: string[]): Promise<string[]> => {
		const { pointId } = await protect(site, { exclude, requested: 'full' });
		const to = join(site.root, 'back');
		fs.rmSync(to, { recursive: true, force: true });
		await giveBack(site, pointId, { to });
		const back = factsOf(to);
		return paths.filter((path) => !back.has(`/${path}`)).sort();
	};
	assert.deepEqual(await left('*.log'), ['a.log', 'deep/b.log', 'deep/deeper/c.log']);
	assert.deepEqual(await left('cache', '.hidden'), ['.hidden', 'cache/x', 'deep/.hidden', 'deep/cache/y']);
	assert.deepEqual(await left('/only', 'exact/file'), ['exact/file', 'only/here']);
	assert.deepEqual(await left('a,b', '!odd'), ['!odd', 'a,b']);
	assert.deepEqual(await left('deep/**/*.log'), ['deep/b.log', 'deep/deeper/c.log']);
	await assert.rejects(protect(site, { exclude: ['/'] }), { code: 'usage.invalid' });
});

test('the repository is left out when it lies in the source', async (t) => {
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'file'), 'content');
	const inside = { ...site, repositoryPath: join(site.source, 'repository') };
	await prepareRepository(inside.repositoryPath);
	for (let round = 0; round < 2; round++) {
		const { pointId, witness } = await protect(inside);
		assert.deepEqual(witness.warnings, []);
		assert.ok(witness.infos.some((info) => info.includes('the repository itself')));
		const to = join(site.root, `back-${round}`);
		await giveBack(inside, pointId, { to });
		assert.deepEqual(fs.readdirSync(to), ['file']);
	}
});
