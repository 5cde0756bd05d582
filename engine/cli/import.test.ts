/** The disaster: only the repository's disk is left. And what else happens to chains that this installation does not know. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addJob, makeFolder, makeServedPlace, noise, type Place, sameTree } from './testing/program.ts';

/** A repository with some points of a folder, on another disk than the one of the installation that made them. */
async function makeDisaster(t: TestContext, runs: number, ...options: string[]): Promise<{ place: ServedPlace; folder: string; repository: string }> {
	const lost = await makeServedPlace(t);
	const folder = join(lost.root, 'documents');
	await makeFolder(folder);
	await addJob(lost, 'folder:documents', ...options);
	for (let i = 0; i < runs; i++) {
		await writeFile(join(folder, 'changing'), noise(`${i}`, 100_000));
		assert.equal((await lost.run('job', 'run', 'Web')).code, 0);
	}
	const place = await makeServedPlace(t);
	const repository = join(place.root, 'disk');
	await cp(join(lost.root, 'backup'), repository, { recursive: true });
	return { place, folder, repository };
}
type ServedPlace = Omit<Place, 'start'>;

test('REPO-09: with nothing but the repository left, its points are found, restored, and gone on with by a new job', async (t) => {
	const { place, folder, repository } = await makeDisaster(t, 3, '--method', 'reverse', '--retain', '2');
	const [hbm = ''] = (await readdir(join(repository, 'Web'))).filter((name) => name.endsWith('.hbm'));
	await rm(join(repository, 'Web', hbm));
	const added = await place.json('repository', 'add', 'Rescued', '--path', 'disk');
	assert.equal(added.code, 0, added.stderr);
	const [chain] = added.document.import.chains;
	assert.deepEqual([chain.job, chain.origin, chain.state, chain.pointCount, chain.restorableCount], ['Web', 'elsewhere', 'rebuilt', 2, 2]);
	const again = await place.run('repository', 'import', 'Rescued');
	assert.match(again.stdout, /1 chain of 1 job that this installation does not run, with 2 restore points that can be restored now/);
	assert.match(again.stdout, /Web \(imported\).*job map NAME --chain/s);
	const listed = (await place.json('point', 'list', '--job', 'Web')).document.points;
	assert.deepEqual(
		listed.map(({ origin, job, restorable }: Record<string, unknown>) => [origin, job, restorable]),
		[
			['elsewhere', 'Web', true],
			['elsewhere', 'Web', true],
		],
	);
	const to = join(place.root, 'back');
	const restored = await place.run('restore', 'files', 'Web@latest', '/', '--to', to);
	assert.equal(restored.code, 0, restored.stderr);
	await sameTree(folder, to);
	assert.equal((await place.run('point', 'verify', listed[1].id)).code, 0);
	assert.ok((await place.json('point', 'browse', 'Web@latest')).document.entries.length > 0);

	// A new job: of another method, then of the right one.
	const job = ['job', 'add', 'Fresh', '--source', `folder:${folder}`, '--repository', 'Rescued'];
	assert.equal((await place.run(...job)).code, 0);
	const refused = await place.json('job', 'map', 'Fresh', '--chain', chain.id);
	assert.equal(refused.code, 2);
	assert.match(refused.document.error.message, /grows by the method reverse, and the job “Fresh” uses forward/);
	assert.equal((await place.run('job', 'edit', 'Fresh', '--method', 'reverse', '--retain', '2')).code, 0);
	const planned = (await place.json('job', 'map', 'Fresh', '--chain', chain.id, '--dry-run')).document.mapped;
	assert.deepEqual([planned.next.mode, planned.expiringCount, planned.isDryRun], ['increment', 1, true]);
	assert.equal((await place.json('point', 'list', '--job', 'Fresh')).document.points.length, 0, 'a dry run maps nothing');
	const mapped = await place.run('job', 'map', 'Fresh', '--chain', chain.id);
	assert.equal(mapped.code, 0, mapped.stderr);
	assert.match(mapped.stdout, /goes on with the chain of "Web": 2 restore points.*next run is an increment/s);
	await writeFile(join(folder, 'changing'), noise('4', 100_000));
	const { session } = (await place.json('job', 'run', 'Fresh')).document;
	assert.deepEqual([session.state, session.tasks[0].mode.actual], ['success', 'increment']);
	const chains = (await place.json('chain', 'list')).document.chains;
	assert.deepEqual([chains.length, chains[0].id, chains[0].job, chains[0].isCurrent], [1, chain.id, 'Fresh', true]);
	const now = join(place.root, 'now');
	assert.equal((await place.run('restore', 'files', 'Fresh@latest', '/', '--to', now)).code, 0);
	await sameTree(folder, now);
	assert.equal((await place.run('job', 'map', 'Fresh', '--chain', chain.id)).code, 2, 'it is its own by now');
});

test('the damaged metadata of a chain of this installation is told wherever the chain is missed, and made anew by an import', async (t) => {
	const place = await makeServedPlace(t);
	await makeFolder(join(place.root, 'documents'));
	await addJob(place, 'folder:documents');
	assert.equal((await place.run('job', 'run', 'Web')).code, 0);
	const [hbm = ''] = (await readdir(join(place.root, 'backup', 'Web'))).filter((name) => name.endsWith('.hbm'));
	const metadata = join(place.root, 'backup', 'Web', hbm);
	const bytes = await readFile(metadata);
	bytes[bytes.byteLength - 2] = (bytes[bytes.byteLength - 2] as number) ^ 1;
	await writeFile(metadata, bytes);
	assert.equal((await place.run('repository', 'check', 'Main')).code, 1);
	for (const list of ['chain', 'point']) {
		const { code, stderr } = await place.run(list, 'list');
		assert.equal(code, 0, stderr);
		assert.match(stderr, /\.hbm is damaged.*holdfast repository import/s);
	}
	const check = await place.run('repository', 'check', 'Main', '--read-data');
	assert.match(check.stderr, /no chain in the repository that could be checked.*\.hbm is damaged.*holdfast repository import/s);
	const imported = await place.run('repository', 'import', 'Main');
	assert.match(imported.stdout, /1 chain of 1 job, with 1 restore point .*\.hbm made anew/s);
	assert.doesNotMatch(imported.stdout, /does not run|job map/);
	assert.equal((await place.run('point', 'list')).stderr, '');
});

test('points of jobs with one name from two installations are told apart, and a job of this one goes first', async (t) => {
	const { place, repository } = await makeDisaster(t, 1);
	const { repository: second } = await makeDisaster(t, 1);
	await cp(join(second, 'Web'), join(repository, 'Web of the other'), { recursive: true });
	const { document } = await place.json('repository', 'add', 'Rescued', '--path', 'disk');
	assert.equal(document.import.chains.length, 2);
	const ambiguous = await place.json('point', 'show', 'Web@latest');
	assert.equal(ambiguous.code, 2);
	assert.match(ambiguous.document.error.message, /2 jobs named “Web”/);
	const [{ originJobId }] = document.import.chains;
	assert.equal((await place.json('point', 'show', `${originJobId}@latest`)).document.point.originJobId, originJobId);
	await makeFolder(join(place.root, 'own'));
	assert.equal((await place.run('job', 'add', 'Web', '--source', 'folder:own', '--repository', 'Rescued')).code, 0);
	assert.equal((await place.run('job', 'run', 'Web')).code, 0);
	assert.equal((await place.json('point', 'show', 'Web@latest')).document.point.object, `folder:${join(place.root, 'own')}`);
	// What a job leaves that is removed here did not come from elsewhere.
	assert.equal((await place.run('job', 'remove', 'Web')).code, 0);
	const origins = (await place.json('point', 'list')).document.points.map(({ origin }: { origin: string }) => origin);
	assert.deepEqual(origins.toSorted(), ['elsewhere', 'elsewhere', 'removed-job']);
});

test('a repository of which a copy was added, too: its points count once, and its chains are named with the repository', async (t) => {
	const { place, repository } = await makeDisaster(t, 1);
	await cp(repository, join(place.root, 'copy'), { recursive: true });
	for (const name of ['disk', 'copy']) assert.equal((await place.run('repository', 'add', name, '--path', name)).code, 0);
	const [{ id: chain }] = (await place.json('chain', 'list')).document.chains;
	const unclear = await place.json('chain', 'check', chain);
	assert.equal(unclear.code, 2);
	assert.match(unclear.document.error.message, /lies in the repositories “disk” and “copy”/);
	assert.equal((await place.run('chain', 'check', chain, '--repository', 'copy')).code, 0);
	const [{ id: point }] = (await place.json('point', 'list')).document.points;
	await rm(repository, { recursive: true });
	await place.run('repository', 'check', 'disk');
	assert.equal((await place.run('restore', 'files', point, '/', '--to', join(place.root, 'back'))).code, 0, 'the copy gives it back');
});
