import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isEngineError } from '../base/index.ts';
import { createMasterKey, testPasswordCost } from '../format/index.ts';
import type { BackupRun, ReachOptions, RemotePlace } from '../mover/index.ts';
import { BadProxy, connectTo, hostRepositories, runBackup } from '../mover/wire/testing.ts';
import { restoreDisk } from './restore-disk.ts';
import { restoreFiles } from './restore-files.ts';
import { changeTree, writeSparse } from './testing/seeded-tree.ts';
import { backupRun, check, disk, folder, noise, openSite, type Site, seededRandom, Witness } from './testing/site.ts';
import { factsOf } from './testing/tree-facts.ts';

const MiB = 1024 * 1024;
const mover = { name: 'the far machine', host: '127.0.0.1', port: 0, certificate: '', key: '', authority: '', peerId: 'far' };

/** The site's repository as another machine sees it. */
const farPlace = (site: Site, more: Partial<RemotePlace> = {}): RemotePlace => ({
	mover,
	path: site.repositoryPath,
	keys: site.keys ?? [],
	product: '1.0.0',
	clientId: 'tester',
	...more,
});

async function protectFar(
	site: Site,
	reach: ReachOptions,
	more: Partial<BackupRun> = {},
	signal = new AbortController().signal,
): Promise<{ pointId: string; witness: Witness; actual: string }> {
	const run = backupRun(site, { ...more });
	const witness = new Witness();
	const [outcome] = await runBackup({ ...run, repositoryPath: farPlace(site) }, [witness], { ...reach, signal });
	return { pointId: outcome?.pointId ?? '', witness, actual: outcome?.mode.actual ?? '' };
}

async function giveBackFar(site: Site, pointId: string, to: string, reach: ReachOptions): Promise<void> {
	const task = { repositoryPath: farPlace(site), pointId, paths: ['/'], to, overwrite: 'never' } as const;
	const witness = new Witness();
	await restoreFiles(task, [witness], { ...reach, signal: new AbortController().signal });
	assert.deepEqual(witness.warnings, []);
}

async function giveBackDiskFar(site: Site, pointId: string, to: string, reach: ReachOptions): Promise<void> {
	await restoreDisk({ repositoryPath: farPlace(site), pointId, disk: null, to, format: 'raw', overwrite: false }, [new Witness()], {
		...reach,
		signal: new AbortController().signal,
	});
}

function fillTree(site: Site, random: (below: number) => number): void {
	changeTree(site.source, random, 60);
	fs.writeFileSync(join(site.source, 'large'), noise(random, 9 * MiB + 5));
	writeSparse(join(site.source, 'sparse'), 6 * MiB, [[3 * MiB, noise(random, 100_000)]]);
}

/** A full, an increment and a restore of each, of a tree and of a disk. @returns how often the wire had to do something twice */
async function throughTheWire(t: TestContext, site: Site, seed: number, reach: ReachOptions): Promise<void> {
	const random = seededRandom(seed);
	fillTree(site, random);
	const image = join(site.root, 'disk.img');
	const content = Buffer.concat([noise(random, 6 * MiB), Buffer.alloc(2 * MiB), noise(random, 3 * MiB + 512)]);
	fs.writeFileSync(image, content);
	for (const round of ['full', 'increment'] as const) {
		if (round === 'increment') {
			changeTree(site.source, random, 20);
			noise(random, 300_000).copy(content, MiB);
			fs.writeFileSync(image, content);
		}
		const tree = await protectFar(site, reach, { objects: [folder(site.source)] });
		const image_ = await protectFar(site, reach, { objects: [disk(image)], blockSizeBytes: 262_144 });
		assert.deepEqual([tree.actual, image_.actual], [round, round], `seed ${seed}`);
		const to = join(site.root, `tree of the ${round}`);
		await giveBackFar(site, tree.pointId, to, reach);
		assert.deepEqual(factsOf(to), factsOf(site.source), `the tree of the ${round}, seed ${seed}`);
		const diskTo = join(site.root, `disk of the ${round}`);
		await giveBackDiskFar(site, image_.pointId, diskTo, reach);
		assert(fs.readFileSync(diskTo).equals(content), `the disk of the ${round}, seed ${seed}`);
		if (round === 'increment') assert(image_.witness.last.transferredBytes < 2 * MiB, 'what the other side knows is not sent');
	}
	t.diagnostic(`seed ${seed}`);
	assert.deepEqual((await check(site)).damaged, []);
}

test('PIPE-05: a tree and a disk come back identical through the wire, full and increment', async (t) => {
	const { port } = await hostRepositories(t);
	await throughTheWire(t, await openSite(t), 501, { connect: connectTo(port) });
});

test('encrypted before it leaves: an encrypted chain is written and read through the wire', async (t) => {
	const { port } = await hostRepositories(t);
	const { key } = await createMasterKey('secret', testPasswordCost);
	await throughTheWire(t, { ...(await openSite(t)), keys: [key] }, 502, { connect: connectTo(port) });
});

test('PIPE-08: connections that are cut again and again change nothing in what comes back', async (t) => {
	const { port } = await hostRepositories(t);
	const random = seededRandom(503);
	const proxy = await BadProxy.open(t, port, { cutAfter: () => MiB + random(2 * MiB), random });
	await throughTheWire(t, await openSite(t), 503, { connect: connectTo(proxy.port) });
	assert(proxy.cuts > 0, 'nothing was cut');
});

test('NET-08: bytes flipped on the wire change nothing in what comes back', async (t) => {
	const { port } = await hostRepositories(t);
	const random = seededRandom(504);
	const proxy = await BadProxy.open(t, port, { flipEvery: 4 * MiB, random });
	await throughTheWire(t, await openSite(t), 504, { connect: connectTo(proxy.port) });
	assert(proxy.flips > 0, 'nothing was flipped');
});

test('a target that ends in the middle of a run leaves nothing half committed, and the next run succeeds', async (t) => {
	const site = await openSite(t);
	const random = seededRandom(505);
	fillTree(site, random);
	const first = await hostRepositories(t);
	const before = await protectFar(site, { connect: connectTo(first.port) });
	fs.writeFileSync(join(site.source, 'more'), noise(random, 60 * MiB));
	const files = (): string[] => (fs.readdirSync(site.repositoryPath, { recursive: true }) as string[]).sort();
	const committed = files();
	const proxy = await BadProxy.open(t, first.port, { random });
	const ending = Promise.withResolvers<void>();
	const failing = protectFar(site, {
		connect: async (options) => {
			const socket = await connectTo(proxy.port)(options);
			socket.on('data', () => {
				if (proxy.bytes < 10 * MiB) return;
				void first.host[Symbol.asyncDispose]().then(ending.resolve);
			});
			return socket;
		},
	});
	await assert.rejects(failing, (error) => isEngineError(error, 'connection.lost'));
	await ending.promise;
	assert.deepEqual(files(), committed, 'nothing but what was there before');

	const second = await hostRepositories(t);
	const reach = { connect: connectTo(second.port) };
	const after = await protectFar(site, reach);
	assert.equal(after.actual, 'increment');
	for (const [{ pointId }, name] of [
		[before, 'before'],
		[after, 'after'],
	] as const)
		await giveBackFar(site, pointId, join(site.root, name), reach);
	assert.deepEqual(factsOf(join(site.root, 'after')), factsOf(site.source));
	assert.equal(fs.existsSync(join(site.root, 'before', 'more')), false);
});

test('a run that is cancelled leaves no trace on the other side', async (t) => {
	const site = await openSite(t);
	fs.writeFileSync(join(site.source, 'file'), noise(seededRandom(506), 30 * MiB));
	const { port } = await hostRepositories(t);
	const controller = new AbortController();
	const reason = new Error('cancelled by the test');
	const proxy = await BadProxy.open(t, port, { random: seededRandom(1) });
	const connect: ReachOptions['connect'] = async (options) => {
		const socket = await connectTo(proxy.port)(options);
		socket.on('data', () => proxy.bytes > 5 * MiB && controller.abort(reason));
		return socket;
	};
	await assert.rejects(protectFar(site, { connect }, {}, controller.signal), reason);
	const { actual } = await protectFar(site, { connect: connectTo(port) });
	assert.equal(actual, 'full', 'nothing was committed');
	const chains = fs.readdirSync(join(site.repositoryPath, 'Everything'));
	assert.equal(chains.filter((name) => name.endsWith('.part')).length, 0, chains.join(', '));
});
