/** Health from the command line, on real files: damage is found, named, told by exit codes, and repaired. */
import assert from 'node:assert/strict';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addJob, makeFolder, makeServedPlace, sameTree } from './testing/program.ts';

type Damage = { file: string; point: string | null; path: string | null; structure: string; isHarmless?: boolean };

async function flip(path: string, offset: number): Promise<void> {
	await using file = await open(path, 'r+');
	const byte = Buffer.alloc(1);
	assert.equal((await file.read(byte, 0, 1, offset)).bytesRead, 1, 'the fault must fire');
	await file.write(Buffer.of((byte[0] as number) ^ 0x20), 0, 1, offset);
}

test('a flipped byte is found by a check, repaired from the source, and every point restores again', async (t) => {
	const place = await makeServedPlace(t);
	await makeFolder(join(place.root, 'documents'));
	await addJob(place, 'folder:documents');
	const first = (await place.json('job', 'run', 'Web')).document.session.points[0] as string;
	await place.json('job', 'run', 'Web');
	const [chain] = (await place.json('chain', 'list')).document.chains;
	assert.deepEqual([chain.provenAt, typeof chain.unreadSince], [null, 'string']);
	assert.equal((await place.run('chain', 'repair', chain.id)).code, 2, 'nothing is known to be damaged');
	const full = join(place.root, 'backup', chain.files[0].path);
	await flip(full, Math.floor((await stat(full)).size / 3));

	const found = await place.json('repository', 'check', 'Main', '--read-data');
	assert.equal(found.code, 1);
	const damaged = found.document.check.damaged as Damage[];
	assert.deepEqual([...new Set(damaged.map(({ path }) => path))], ['/deep/noise.bin']);
	assert.deepEqual(found.document.check.unreadable, []);
	assert.equal(damaged.length, 2, 'both points are hurt');
	const broken = await place.run('restore', 'files', first, '/', '--to', join(place.root, 'broken'));
	assert.equal(broken.code, 1);

	const repaired = await place.json('chain', 'repair', chain.id);
	assert.equal(repaired.code, 0, repaired.stderr);
	assert.deepEqual([repaired.document.session.kind, repaired.document.check.damaged], ['repair', []]);
	assert.equal((await place.json('chain', 'check', chain.id)).code, 0);
	for (const { id } of (await place.json('point', 'list')).document.points as { id: string }[]) {
		const to = join(place.root, 'back', id);
		assert.equal((await place.run('restore', 'files', id, '/', '--to', to)).code, 0);
		await sameTree(join(place.root, 'documents'), to);
	}
	assert.equal((await readdir(join(place.root, 'backup', 'Web'))).filter((name) => /\.(part|tmp)$/.test(name)).length, 0);
});

test('a lost superblock hurts nobody: the check ends with a warning, and a repair renews it', async (t) => {
	const place = await makeServedPlace(t);
	await makeFolder(join(place.root, 'documents'));
	await addJob(place, 'folder:documents');
	await place.json('job', 'run', 'Web');
	const [chain] = (await place.json('chain', 'list')).document.chains;
	await flip(join(place.root, 'backup', chain.files[0].path), 70);
	const found = await place.json('chain', 'check', chain.id);
	assert.equal(found.code, 3);
	assert.deepEqual(
		(found.document.check.damaged as Damage[]).map(({ structure, point, isHarmless }) => [structure, point, isHarmless]),
		[['superblock', null, true]],
	);
	assert.equal((await place.json('chain', 'repair', chain.id)).code, 0);
	assert.equal((await place.json('chain', 'check', chain.id)).code, 0);
});

test('the schedule of checks is set with the repository; what cannot be kept is refused with the field', async (t) => {
	const place = await makeServedPlace(t);
	const added = await place.json('repository', 'add', 'Main', '--path', 'backup', '--check', '0 4 * * 0', '--check-days', '14');
	assert.equal(added.document.repository.checkSchedule.cron, '0 4 * * 0');
	assert.equal(added.document.repository.checkDays, 14);
	const refused = await place.json('repository', 'edit', 'Main', '--check-days', '5');
	assert.deepEqual([refused.code, refused.document.error.code], [2, 'usage.conflict']);
	assert.match(refused.document.error.message, /7 days apart/);
	assert.equal((await place.json('repository', 'edit', 'Main', '--check', 'off')).document.repository.checkSchedule, null);
	assert.equal((await place.json('repository', 'edit', 'Main', '--check', 'sometimes')).document.error.code, 'usage.invalid');
	assert.equal((await place.run('repository', 'check', 'Main', '--read-data', 'some')).code, 2);
});
