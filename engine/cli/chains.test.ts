/** Every chain method from the command line, on real files: runs with changes, retention exceeded, every listed point restored. */
import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addJob, makeFolder, makeServedPlace, noise, type Place, sameTree } from './testing/program.ts';

type Listed = { id: string; kind: string; expires: boolean };
type ListedFile = { path: string; kind: string; expires: boolean };

/** A job with changes between its runs, and a copy of the source for each point that it made. */
async function openHistory(place: Omit<Place, 'start'>, ...options: string[]) {
	const folder = join(place.root, 'documents');
	await makeFolder(folder);
	await addJob(place, 'folder:documents', '--compression', 'fast', ...options);
	const copies = new Map<string, string>();
	const points = async (): Promise<Listed[]> => (await place.json('point', 'list', '--job', 'Web')).document.points;
	const chains = async (): Promise<{ id: string; method: string; files: ListedFile[] }[]> =>
		(await place.json('chain', 'list', '--job', 'Web')).document.chains;
	return {
		points,
		chains,
		kinds: async () => (await chains()).map(({ files }) => files.map(({ kind }) => kind)),
		/** Changes something, runs, keeps a copy; gives the mode of the run. */
		async run(name: string, ...more: string[]): Promise<string> {
			await writeFile(join(folder, `new-${name}`), noise(name, 60_000));
			await writeFile(join(folder, 'changing'), noise(`changing ${name}`, 300_000));
			await appendFile(join(folder, 'text.txt'), name);
			await rm(join(folder, `new-${Number(name) - 2}`), { force: true });
			const { code, stderr, document } = await place.json('job', 'run', 'Web', ...more);
			assert.equal(code, 0, stderr);
			const copy = join(place.root, 'copies', name);
			await mkdir(join(place.root, 'copies'), { recursive: true });
			await cp(folder, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
			copies.set(document.session.points[0], copy);
			return document.session.tasks[0].mode.actual;
		},
		/** Every listed point gives back what the source was then. @returns how many there are */
		async restoreAll(label: string): Promise<number> {
			const listed = await points();
			for (const { id } of listed) {
				const to = join(place.root, 'restored', label, id);
				const { code, stderr } = await place.run('restore', 'files', id, '/', '--to', to);
				assert.equal(code, 0, stderr);
				await sameTree(copies.get(id) ?? '', to);
			}
			for (const { id } of await chains()) assert.equal((await place.json('chain', 'check', id)).code, 0);
			return listed.length;
		},
	};
}

test('reverse incremental: the newest point is the full, and the oldest go one by one', async (t) => {
	const history = await openHistory(await makeServedPlace(t), '--method', 'reverse', '--retain', '3');
	for (const name of ['1', '2', '3']) await history.run(name);
	const [before] = await history.chains();
	assert.deepEqual(
		before?.files.map(({ kind, expires }) => [kind, expires]),
		[
			['full', false],
			['reverse', false],
			['reverse', true],
		],
	);
	for (const name of ['4', '5']) assert.equal(await history.run(name), 'increment');
	assert.deepEqual(await history.kinds(), [['full', 'reverse', 'reverse']]);
	assert.equal(await history.restoreAll('end'), 3);
});

test('forever forward: the oldest increments are merged into the full, and compacting gives the room back', async (t) => {
	const place = await makeServedPlace(t);
	const history = await openHistory(place, '--method', 'forever-forward', '--retain', '3');
	for (const name of ['1', '2', '3', '4', '5']) await history.run(name);
	assert.deepEqual(await history.kinds(), [['full', 'increment', 'increment']]);
	assert.equal(await history.restoreAll('merged'), 3);
	const { sessions } = (await place.json('session', 'list', '--job', 'Web')).document;
	assert.equal(sessions[0].state, 'success');
	const size = async () => (await place.json('repository', 'show', 'Main')).document.repository.usedBytes as number;
	const before = await size();
	const [chain] = await history.chains();
	const compacted = await place.json('chain', 'compact', chain?.id ?? '');
	assert.equal(compacted.code, 0, compacted.stderr);
	assert.deepEqual([compacted.document.session.kind, compacted.document.session.state], ['compact', 'success']);
	assert.ok((await size()) < before, 'dead room was given back');
	assert.equal(await history.restoreAll('compacted'), 3);
	assert.equal(await history.run('6'), 'increment');
	assert.equal(await history.restoreAll('after'), 3);
});

test('forward incremental: a synthetic full begins a chain without reading what has not changed, the old chain goes in time', async (t) => {
	const place = await makeServedPlace(t);
	const history = await openHistory(place, '--retain', '3');
	for (const name of ['1', '2']) await history.run(name);
	assert.equal(await history.run('3', '--full', 'synthetic'), 'full');
	const { session } = (await place.json('session', 'show', (await place.json('session', 'list')).document.sessions[0].id)).document;
	assert.ok(session.readBytes < 600_000, `only changes are read, not ${session.readBytes} bytes`);
	assert.deepEqual(await history.kinds(), [['full', 'increment'], ['full']]);
	assert.equal(await history.restoreAll('synthetic'), 3);
	await history.run('4');
	assert.match((await place.run('chain', 'list')).stdout, /goes at the next run/);
	await history.run('5');
	assert.deepEqual(await history.kinds(), [['full', 'increment', 'increment']]);
	assert.equal(await history.restoreAll('end'), 3);
});

test('JOB-04: differentials go one by one, the full stays while one builds on it', async (t) => {
	const history = await openHistory(await makeServedPlace(t), '--differential', '--active-full', '0 0 1 1 *', '--retain', '2');
	for (const name of ['1', '2', '3', '4']) await history.run(name);
	assert.deepEqual(await history.kinds(), [['full', 'increment', 'increment']]);
	assert.equal(await history.restoreAll('end'), 3);
});

test('CHAIN-01: a change of the method begins a new chain and leaves the old one to retention', async (t) => {
	const place = await makeServedPlace(t);
	const history = await openHistory(place, '--retain', '3');
	for (const name of ['1', '2']) await history.run(name);
	for (const [method, name] of [
		['reverse', '3'],
		['forever-forward', '4'],
		['forward', '5'],
	]) {
		assert.equal((await place.run('job', 'edit', 'Web', '--method', method ?? '')).code, 0);
		assert.equal(await history.run(name ?? ''), 'full');
		assert.equal((await history.chains()).at(-1)?.method, method);
	}
	assert.equal(await history.restoreAll('end'), 3);
	assert.equal((await history.chains()).length, 3);
});

test('a repository whose disk is not mounted is named, keeps its points, and takes no backup until it is back or told to begin anew', async (t) => {
	const place = await makeServedPlace(t);
	const history = await openHistory(place);
	await history.run('1');
	const [backup, away] = [join(place.root, 'backup'), join(place.root, 'away')];
	await rename(backup, away);
	await mkdir(backup); // what is left of a mount point
	const run = await place.json('job', 'run', 'Web');
	assert.deepEqual([run.code, run.document.error.code], [1, 'repository.unreachable']);
	assert.match(run.document.error.message, /is there, but it is not the repository/);
	assert.match(run.document.error.hint, /Mount the disk.*repository prepare/);
	assert.equal((await place.json('repository', 'check', 'Main')).code, 1);
	const { points } = (await place.json('point', 'list')).document;
	assert.deepEqual([points.length, points[0].restorable], [1, false]);
	assert.deepEqual(await readdir(backup), []);
	const prepared = await place.json('repository', 'prepare', 'Main');
	assert.equal(prepared.code, 0, prepared.stderr);
	assert.equal(await history.run('2'), 'full');
	await rename(backup, `${backup}-new`);
	await rename(away, backup);
	assert.equal((await place.json('repository', 'check', 'Main')).code, 0);
	assert.equal(await history.run('3'), 'increment');
	assert.equal(await history.restoreAll('end'), 2);
});
