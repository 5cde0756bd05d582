import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { compileExclusions, systemClock } from '../base/index.ts';
import type { Bottleneck } from '../contract/index.ts';
import { openPlatform } from '../platform/index.ts';
import { LocalFolder, prepareRepository, type Storage } from '../repository/index.ts';
import { memoryFolder } from '../repository/testing/memory-folder.ts';
import { seededRandom } from '../repository/testing/random.ts';
import { Reading } from '../source/index.ts';
import { Pipe } from './pipe.ts';
import { FolderTask } from './protect-folder.ts';
import { LocalRun } from './target-run.ts';
import { noCounters, type TaskObserver } from './task.ts';
import { slowMs } from './testing/slow.ts';
import { Bandwidth, localTraffic, type TaskShares, underLimits } from './throttle/index.ts';

const MB = 1_000_000;
const fileCount = 12;
const fileBytes = 100_000;

const observer: TaskObserver = { mode() {}, counters() {}, activity() {}, warning: ({ message }) => assert.fail(message), info() {}, bottleneck() {} };

type Slowness = { readonly workerModule?: URL; readonly slowStorage?: boolean; readonly shares?: TaskShares };

/** A pipe as a backup runs it, over a folder whose files fit together into one chunk each. */
async function runPipe(t: TestContext, slowness: Slowness, opened: Root | null = null): Promise<Bottleneck> {
	const { source, repository } = opened ?? (await openRoot(t));
	const local = new LocalFolder(repository);
	const object = { kind: 'folder' as const, path: source };
	await using target = await LocalRun.begin(
		{
			repositoryPath: repository,
			job: { id: 'stages0000000001', name: 'Stages' },
			objects: [object],
			method: 'forward',
			differential: false,
			singleFile: false,
			requested: 'full',
			renewAfterPoints: null,
			keyId: null,
			now: systemClock.now(),
		},
		{ shares: slowness.shares },
		slowness.slowStorage ? slowWrites(local) : local,
	);
	await using pipe = new Pipe({
		target,
		blockSizeBytes: 262_144,
		effort: null,
		signal: t.signal,
		workerModule: slowness.workerModule,
	});
	const counters = { ...noCounters };
	const skip = [{ device: -1n, inode: -1n }];
	const platform = openPlatform();
	const reading = new Reading([], platform);
	const nothing = { exclude: compileExclusions([]), databases: null, previous: null, doubts: null };
	await new FolderTask({ pipe, path: source, reading, ...nothing, platform, skip, counters, observer }).run();
	await pipe.flush();
	assert.equal(counters.readBytes, fileCount * fileBytes);
	return pipe.bottleneck(counters);
}

type Root = { readonly source: string; readonly repository: string };

async function openRoot(t: TestContext): Promise<Root> {
	const root = mkdtempSync(join(memoryFolder(), 'holdfast-stages-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const source = join(root, 'source');
	mkdirSync(source);
	const random = seededRandom(9);
	for (let i = 0; i < fileCount; i++) writeFileSync(join(source, `file ${i}`), random.bytes(fileBytes));
	const repository = join(root, 'repository');
	await prepareRepository(repository);
	return { source, repository };
}

/** Each write takes so long that all the rest is short beside it. */
const slowWrites = (inner: Storage): Storage => ({
	properties: inner.properties,
	list: (folder) => inner.list(folder),
	replace: (path, bytes) => inner.replace(path, bytes),
	rename: (from, to, options) => inner.rename(from, to, options),
	remove: (path) => inner.remove(path),
	space: () => inner.space(),
	async open(path, mode) {
		const file = await inner.open(path, mode);
		return {
			path: file.path,
			sizeBytes: () => file.sizeBytes(),
			read: (target, offset) => file.read(target, offset),
			write: async (bytes, offset) => {
				await systemClock.sleep(slowMs * fileCount);
				await file.write(bytes, offset);
			},
			copyFrom: async () => false,
			truncate: (sizeBytes) => file.truncate(sizeBytes),
			sync: () => file.sync(),
			[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
		};
	},
});

test('BOTTL-01, BOTTL-03: a pipe whose source is slow names the source', async (t) => {
	const { stage, busyPercent } = await runPipe(t, { workerModule: new URL('./testing/slow-source-worker.ts', import.meta.url) });
	assert.equal(stage, 'source', JSON.stringify(busyPercent));
});

test('BOTTL-01, BOTTL-03: a pipe whose processing is slow names the proxy', async (t) => {
	const { stage, busyPercent } = await runPipe(t, { workerModule: new URL('./testing/slow-process-worker.ts', import.meta.url) });
	assert.equal(stage, 'proxy', JSON.stringify(busyPercent));
});

test('BOTTL-01, BOTTL-03: a pipe whose repository is slow names the target', async (t) => {
	const { stage, busyPercent } = await runPipe(t, { slowStorage: true });
	assert.equal(stage, 'target', JSON.stringify(busyPercent));
});

test('BOTTL-04: a pipe under the write limit of its repository names throttling and the limit', async (t) => {
	const root = await openRoot(t);
	const { repository } = root;
	using bandwidth = new Bandwidth();
	bandwidth.setRepositories([{ name: 'Main', path: repository, machineId: null, readLimit: null, writeLimit: 2 * MB }]);
	const { stage, reason, throttledPercent } = await underLimits(bandwidth, [localTraffic('write', repository)], [observer], async (shares, _, named) =>
		named(await runPipe(t, { shares }, root)),
	);
	assert.equal(stage, 'throttling', `${throttledPercent} %`);
	assert.match(reason, /write limit of the repository “Main” \(2 MB\/s\)/);
});

test('BOTTL-04: a pipe under a throttling rule names throttling and the rule', async (t) => {
	const root = await openRoot(t);
	using bandwidth = new Bandwidth();
	bandwidth.setRepositories([{ name: 'Main', path: root.repository, machineId: null, readLimit: null, writeLimit: 500 * MB }]);
	const settings = { name: 'Office hours', from: '127.0.0.0/8', to: '127.0.0.0/8', bytesPerSec: 2 * MB, windows: [], enabled: true };
	bandwidth.setRules([{ id: 'rule', settings }]);
	const { stage, reason, throttledPercent } = await underLimits(bandwidth, [localTraffic('write', root.repository)], [observer], async (shares, _, named) =>
		named(await runPipe(t, { shares }, root)),
	);
	assert.equal(stage, 'throttling', `${throttledPercent} %`);
	assert.match(reason, /throttling rule “Office hours” \(2 MB\/s\)/);
});
