/** Ad-hoc fulls, quick increments, removal of chains and the check of a storage, from the command line on real files. */
import assert from 'node:assert/strict';
import { cp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addJob, makeFolder, makePlace, makeServedPlace, noise, sameTree } from './testing/program.ts';

test('JOB-08: an ad-hoc full is restored, kept beside the chain, and removed by hand with what is lost said in numbers', async (t) => {
	const place = await makeServedPlace(t);
	const folder = join(place.root, 'documents');
	await makeFolder(folder);
	await addJob(place, 'folder:documents', '--method', 'reverse', '--retain', '2');
	const run = async (...more: string[]) => (await place.json('job', 'run', 'Web', ...more)).document.session;
	await run();
	const made = await run('--ad-hoc-full', '--keep-until', '2099-12-31');
	assert.deepEqual([made.state, made.tasks[0].mode.actual], ['success', 'full']);
	const copy = join(place.root, 'copy');
	await cp(folder, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
	for (const name of ['a', 'b', 'c']) {
		await writeFile(join(folder, 'changing'), noise(name, 100_000));
		assert.equal((await run()).tasks[0].mode.actual, 'increment');
	}
	const { points } = (await place.json('point', 'list')).document;
	assert.deepEqual(
		points.map(({ isAdHoc }: { isAdHoc: boolean }) => isAdHoc),
		[false, false, true],
		'retention keeps two, and the ad-hoc full beside them',
	);
	const to = join(place.root, 'back');
	assert.equal((await place.run('restore', 'files', made.points[0], '/', '--to', to)).code, 0);
	await sameTree(copy, to);
	const { chains } = (await place.json('chain', 'list')).document;
	const adHoc = chains.find(({ adHoc }: { adHoc: unknown }) => adHoc !== null);
	assert.match((await place.run('chain', 'list')).stdout, /ad-hoc full, kept until 2099-12-31/);
	const asked = await place.json('chain', 'remove', adHoc.id);
	assert.equal(asked.code, 2);
	assert.match(asked.document.error.message, /1 restore point of Web\/folder:.*will be lost.*Nothing was deleted/);
	const { document, code } = await place.json('chain', 'remove', adHoc.id, '--yes');
	assert.deepEqual([code, document.removed.chain, document.removed.pointCount], [0, adHoc.id, 1]);
	assert.equal((await place.json('point', 'list')).document.points.length, 2);
	const current = await place.run('chain', 'remove', chains.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent).id);
	assert.match(current.stderr, /No other restore point of folder:.*next run begins a new chain/s);
});

for (const singleFile of [false, true]) {
	test(`JOB-08: a quick increment of one object${singleFile ? ' of a single-file chain' : ''} restores, as do the points of the others`, async (t) => {
		const place = await makeServedPlace(t);
		for (const name of ['one', 'two']) await makeFolder(join(place.root, name));
		await addJob(place, 'folder:one', '--source', 'folder:two');
		if (singleFile) assert.equal((await place.run('repository', 'edit', 'Main', '--single-file')).code, 0);
		assert.equal((await place.run('job', 'run', 'Web')).code, 0);
		await writeFile(join(place.root, 'two', 'new'), noise('new', 50_000));
		const { session } = (await place.json('job', 'run', 'Web', '--object', 'folder:two')).document;
		assert.deepEqual(
			session.tasks.map((task: { object: string; mode: { actual: string } }) => [task.object, task.mode.actual]),
			[[`folder:${join(place.root, 'two')}`, 'increment']],
		);
		for (const name of ['one', 'two']) {
			const to = join(place.root, `back-${name}`);
			const { code, stderr } = await place.run('restore', 'files', `Web/${join(place.root, name)}@latest`, '/', '--to', to);
			assert.equal(code, 0, stderr);
			await sameTree(join(place.root, name), to);
		}
		assert.equal((await place.json('point', 'list')).document.points.length, 3);
	});
}

test('the promises of a storage are tried out one by one, and a broken one is a failure', async (t) => {
	const place = await makePlace(t);
	await addJob(place, `folder:${place.root}`).catch(() => undefined); // the job does not matter
	const { code, document } = await place.json('repository', 'check', 'Main', '--storage');
	assert.equal(code, 0);
	assert.ok(document.storage.promises.length >= 5);
	assert.ok(document.storage.promises.every(({ kept }: { kept: boolean }) => kept));
	assert.match((await place.run('repository', 'check', 'Main', '--storage')).stdout, /keeps all \d+ promises/);
	await rename(join(place.root, 'backup'), join(place.root, 'away'));
	const broken = await place.json('repository', 'check', 'Main', '--storage');
	assert.equal(broken.code, 1);
	assert.deepEqual(new Set(broken.document.storage.promises.map(({ error }: { error: { code: string } }) => error?.code)), new Set(['repository.unreachable']));
	assert.equal(broken.document.error.code, 'repository.unreachable');
});
