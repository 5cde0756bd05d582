import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
	chownSync,
	existsSync,
	linkSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statfsSync,
	statSync,
	symlinkSync,
	watch,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog } from './base/index.ts';
import { type EngineApi, isFinal, type JobSettingsInput, jobSettings, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, type FileSystem, mountFresh } from './platform/testbed.ts';
import { hiddenFolderName } from './snapshot/index.ts';
import { assertOneInstant, assertOneInstantPerFile, NumberedWriter } from './snapshot/testing.ts';

const none = {};

async function openSite(t: TestContext, kind: FileSystem) {
	const root = mountFresh(t, kind);
	if (root === null) return null;
	const place = mkdtempSync(join(tmpdir(), 'holdfast-snapshots-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	const dataFolder = join(place, 'data');
	const engine = await openEngine({ dataFolder, logger: silentLog, runSchedules: false });
	t.after(() => engine[Symbol.asyncDispose]());
	const repository = await engine.api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	const addJob = (more: Partial<JobSettingsInput> = {}) =>
		engine.api.jobs.create(jobSettings.parse({ name: 'Data', sources: [{ kind: 'folder', path: root }], repositoryId: repository.id, ...more }), none);
	return { root, place, dataFolder, engine, api: engine.api, addJob };
}

async function run(api: EngineApi, id: string): Promise<Session> {
	return ended(api, (await api.jobs.run({ id, full: null }, none)).sessionId);
}

async function ended(api: EngineApi, id: string): Promise<Session> {
	for await (const session of api.sessions.follow({ id }, none)) if (isFinal(session.state)) return session;
	throw new Error('the session was not followed to its end');
}

/** Resolves when the names in a folder are as they should be. */
async function appears(folder: string, isThere: (names: readonly string[]) => boolean): Promise<void> {
	const watcher = watch(folder);
	try {
		while (!isThere(readdirSync(folder))) await once(watcher, 'change');
	} finally {
		watcher.close();
	}
}

const logOf = async (api: EngineApi, id: string) => (await api.sessions.log({ id, afterSeq: 0, limit: 1000 }, none)).map(({ message }) => message).join('\n');

test('SNAP-01 SNAP-03 AOFO-01: a job reads from a btrfs snapshot while files change; paths and unchanged files stay what they are', async (t) => {
	const site = await openSite(t, 'btrfs');
	if (site === null) return;
	const { api, root, place } = site;
	execFileSync('btrfs', ['subvolume', 'create', join(root, 'inner')], { stdio: 'ignore' });
	writeFileSync(join(root, 'inner', 'file'), 'in a subvolume below');
	mkdirSync(join(root, 'scratch'));
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', join(root, 'scratch')]);
	afterwards(t, () => execFileSync('umount', [join(root, 'scratch')]));
	writeFileSync(join(root, 'scratch', 'file'), 'on another file system below');
	const job = await site.addJob();
	{
		await using _writer = await NumberedWriter.start(root);
		const session = await run(api, job.id);
		assert.deepEqual([session.state, session.tasks[0]?.warnings], ['success', []], await logOf(api, session.id));
		const [point] = await api.points.list({}, none);
		assert.equal(point?.consistency, 'file-system');
		assert.deepEqual({ ...point?.snapshot, createdAt: 0 }, { requested: 'auto', actual: 'btrfs', instant: 'volume', reason: '', writers: [], createdAt: 0 });
		assert.deepEqual(session.tasks[0]?.snapshot, point?.snapshot);
	}
	const to = join(place, 'restored');
	const { sessionId } = await api.restore.files({ point: 'Data@latest', paths: ['/'], to, overwrite: 'never' }, none);
	assert.equal((await ended(api, sessionId)).state, 'success');
	assertOneInstant(to);
	assert.equal(readFileSync(join(to, 'inner', 'file'), 'utf8'), 'in a subvolume below');
	assert.equal(readFileSync(join(to, 'scratch', 'file'), 'utf8'), 'on another file system below');
	assert.deepEqual(
		readdirSync(to).filter((name) => name.startsWith('.')),
		[],
	);
	assert.equal(existsSync(join(root, hiddenFolderName)), false);

	await run(api, job.id); // what was written a moment before the snapshot is read once more
	const third = await run(api, job.id);
	assert.equal(third.counters.readBytes, 0, 'nothing has changed, and nothing was read');
	assert.equal(third.counters.unchangedItems, 8);
});

test('XFS: a job reads clones of files, each of one instant; owners, links and unchanged files stay what they are', async (t) => {
	const site = await openSite(t, 'xfs');
	if (site === null) return;
	const { api, root, place } = site;
	mkdirSync(join(root, 'folder'));
	writeFileSync(join(root, 'folder', 'file'), 'x'.repeat(10_000), { mode: 0o640 });
	chownSync(join(root, 'folder', 'file'), 1234, 2345);
	linkSync(join(root, 'folder', 'file'), join(root, 'same file'));
	symlinkSync('folder/file', join(root, 'link'));
	const job = await site.addJob();
	{
		await using _writer = await NumberedWriter.start(root);
		const session = await run(api, job.id);
		assert.deepEqual([session.state, session.tasks[0]?.warnings], ['success', []], await logOf(api, session.id));
		const [point] = await api.points.list({}, none);
		assert.deepEqual([point?.consistency, point?.snapshot?.actual, point?.snapshot?.instant], ['crash', 'reflink', 'file']);
	}
	const to = join(place, 'restored');
	const { sessionId } = await api.restore.files({ point: 'Data@latest', paths: ['/'], to, overwrite: 'never' }, none);
	assert.equal((await ended(api, sessionId)).state, 'success');
	assertOneInstantPerFile(to);
	const { uid, gid, mode, nlink, mtimeMs } = statSync(join(to, 'folder', 'file'));
	assert.deepEqual([uid, gid, mode & 0o777, nlink, mtimeMs], [1234, 2345, 0o640, 2, statSync(join(root, 'folder', 'file')).mtimeMs]);
	assert.equal(readlinkSync(join(to, 'link')), 'folder/file');
	assert.equal(existsSync(join(root, hiddenFolderName)), false);
	await run(api, job.id);
	const third = await run(api, job.id);
	assert.equal(third.counters.readBytes, 0, 'nothing has changed, and nothing was read');
	await api.jobs.update({ id: job.id, revision: job.revision, settings: { ...job.settings, snapshot: 'none' } }, none);
	assert.equal((await run(api, job.id)).counters.readBytes, 0, 'nor when it is read live from now on');
});

test('SNAP-05 SNAP-06 without a provider auto reads live and says so; a provider that was asked for by name fails instead', async (t) => {
	const site = await openSite(t, 'ext4');
	if (site === null) return;
	const { api } = site;
	writeFileSync(join(site.root, 'file'), 'x');
	const job = await site.addJob();
	const session = await run(api, job.id);
	assert.equal(session.tasks[0]?.snapshot?.actual, 'none');
	assert.match(session.tasks[0]?.snapshot?.reason ?? '', /No provider can make a snapshot of/);
	assert.equal((await api.points.list({}, none))[0]?.consistency, 'crash');
	const volume = (await api.volumes.list({ rescan: true, machineId: null }, none)).find(({ id }) => id === site.root);
	assert.deepEqual([volume?.choice, volume?.provider, volume?.maxSnapshots], ['auto', null, 4]);
	const { bsize, blocks } = statfsSync(site.root);
	assert.equal(volume?.sizeBytes, bsize * blocks);
	assert.ok((volume?.freeBytes ?? 0) > 0);
	await assert.rejects(api.volumes.change({ machineId: null, id: site.root, provider: 'btrfs' }, none), { code: 'usage.invalid' });
	assert.equal((await api.volumes.change({ machineId: null, id: site.root, provider: 'none', maxSnapshots: 2 }, none)).maxSnapshots, 2);
	assert.match((await run(api, job.id)).tasks[0]?.snapshot?.reason ?? '', /is to be read live/);
	const asked = await run(api, (await site.addJob({ name: 'Asked', snapshot: 'btrfs' })).id);
	assert.deepEqual([asked.state, asked.tasks[0]?.error?.code], ['failed', 'snapshot.unsupported']);
	assert.match(asked.tasks[0]?.error?.message ?? '', /not a btrfs/);
	const required = await run(api, (await site.addJob({ name: 'Required', requireConsistent: true })).id);
	assert.equal(required.tasks[0]?.error?.code, 'snapshot.unsupported');
});

test('an engine that was killed while it read from a snapshot leaves none after the next start', async (t) => {
	const site = await openSite(t, 'btrfs');
	if (site === null) return;
	const { root } = site;
	writeFileSync(join(root, 'file'), 'x'.repeat(1000));
	for (let i = 0; i < 40; i++) writeFileSync(join(root, `large ${i}`), crypto.getRandomValues(new Uint8Array(65_536)));
	await site.addJob();
	const [repository] = await site.api.repositories.list(none);
	if (repository === undefined) throw new Error('the repository is there');
	const settings = { ...repository.settings, writeLimit: 10_000 };
	await site.api.repositories.update({ id: repository.id, revision: repository.revision, settings }, none);
	await site.engine[Symbol.asyncDispose]();

	const child = spawn(process.execPath, [join(import.meta.dirname, 'cli', 'holdfast.js'), '--data', site.dataFolder, 'job', 'run', 'Data'], {
		stdio: 'ignore',
	});
	const exited = once(child, 'exit');
	await appears(root, (names) => names.includes(hiddenFolderName));
	await appears(join(root, hiddenFolderName), (names) => names.length > 0);
	child.kill('SIGKILL');
	await exited;
	assert.equal(readdirSync(join(root, hiddenFolderName)).length, 1);

	const again = await openEngine({ dataFolder: site.dataFolder, logger: silentLog, runSchedules: false });
	await again[Symbol.asyncDispose](); // waits for the clean-up
	assert.equal(existsSync(join(root, hiddenFolderName)), false);
});
