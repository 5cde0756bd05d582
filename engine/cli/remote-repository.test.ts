import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { backupFilesIn, openSites, type Sites, startMover, turn } from './testing/mover.ts';
import { makeFolder, noise, sameTree } from './testing/program.ts';

/** Sources on the backup server, and a folder for a repository on the machine Vault. */
async function openSitesWithFolders(t: TestContext): Promise<Sites & { readonly source: string; readonly folder: string }> {
	const sites = await openSites(t);
	const source = join(sites.server.root, 'documents');
	await makeFolder(source);
	return { ...sites, source, folder: join(sites.far.root, 'backup') };
}

test('SRV-13 GW-01: a repository on a managed machine does all that a local one does', async (t) => {
	const { server, source, folder, ok } = await openSitesWithFolders(t);
	const { repository } = await ok('repository', 'add', 'Far', '--path', folder, '--on', 'Vault');
	assert.deepEqual([repository.machine, repository.path, repository.state], ['Vault', folder, 'ready']);
	const local = (await ok('repository', 'add', 'Near', '--path', 'near')).repository; // on the same disk
	assert.equal(repository.medium, local.medium);
	assert.match((await server.run('repository', 'show', 'Far')).stdout, /Storage: +(rotating disk|flash|network share|unknown)\n/);
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Far', '--method', 'forever-forward', '--retain', '2', '--connections', '3');
	for (let run = 0; run < 3; run++) {
		await writeFile(join(source, `run-${run}`), noise(`run ${run}`, 300_000));
		const { session } = await ok('job', 'run', 'Web');
		assert.equal(session.state, 'success', JSON.stringify(session));
		assert.equal(session.tasks[0].mode.actual, run === 0 ? 'full' : 'increment');
	}
	const files = backupFilesIn(folder);
	assert.deepEqual(
		[files.filter((name) => name.endsWith('.hbk')).length, files.filter((name) => name.endsWith('.hib')).length],
		[1, 1],
		'retention merged there',
	);
	const { entries } = await ok('point', 'browse', 'Web@latest', '/');
	assert.ok(entries.some(({ name }: { name: string }) => name === 'run-2'));
	await ok('restore', 'files', 'Web@latest', '/', '--to', 'back');
	await sameTree(source, join(server.root, 'back'));
	await ok('point', 'verify', 'Web@latest');

	const [chain] = (await ok('chain', 'list')).chains;
	const { check } = await ok('chain', 'check', chain.id);
	assert.deepEqual([check.damaged, check.unreadable], [[], []]);
	await ok('chain', 'compact', chain.id);
	await ok('repository', 'check', 'Far', '--storage');
	await ok('job', 'run', 'Web', '--full', 'active');

	const [full] = backupFilesIn(folder).filter((name) => name.endsWith('.hbk'));
	const path = join(folder, full ?? '');
	const bytes = readFileSync(path);
	bytes.writeUInt8(bytes.readUInt8(bytes.byteLength >> 1) ^ 1, bytes.byteLength >> 1);
	writeFileSync(path, bytes);
	const damaged = await server.json('chain', 'check', chain.id);
	assert.equal(damaged.code, 1, JSON.stringify(damaged.document));
	await ok('chain', 'repair', chain.id);
	assert.deepEqual((await ok('chain', 'check', chain.id)).check.damaged, [], 'mended there, from the newer chain');

	// a server that knows nothing of it takes it over
	await ok('job', 'remove', 'Web');
	await ok('repository', 'remove', 'Far');
	const again = await ok('repository', 'add', 'Again', '--path', folder, '--on', 'Vault');
	assert.ok(again.import.chains.length > 0);
	await ok('chain', 'remove', chain.id, '--yes');
});

test('encrypted chains, reverse and synthetic fulls, and disks lie on a managed machine as they lie here', async (t) => {
	const { server, source, folder, ok } = await openSitesWithFolders(t);
	await writeFile(join(server.root, 'password'), 'correct horse');
	await ok('repository', 'add', 'Far', '--path', folder, '--on', 'Vault', '--write-limit', '500');
	const image = join(server.root, 'disk.img');
	writeFileSync(image, noise('disk', 3_000_000));
	await ok('job', 'add', 'Reverse', '--source', `disk:${image}`, '--repository', 'Far', '--method', 'reverse');
	await ok('job', 'add', 'Private', '--source', `folder:${source}`, '--repository', 'Far', '--encrypt', '--password-file', 'password');
	for (const round of [1, 2]) {
		writeFileSync(image, Buffer.concat([noise(`disk ${round}`, 500_000), readFileSync(image).subarray(500_000)]));
		await ok('job', 'run', 'Reverse');
		await writeFile(join(source, `round-${round}`), `round ${round}`);
		await ok('job', 'run', 'Private', ...(round === 2 ? ['--full', 'synthetic'] : []));
	}
	assert.ok(backupFilesIn(folder).some((name) => name.endsWith('.hrb')));
	assert.equal(backupFilesIn(folder).filter((name) => name.startsWith('Private') && name.endsWith('.hbk')).length, 2);
	await ok('restore', 'disk', 'Reverse@latest', '--to', join(server.root, 'disk.back'));
	assert.ok(readFileSync(join(server.root, 'disk.back')).equals(readFileSync(image)));
	await ok('restore', 'files', 'Private@latest', '/', '--to', 'back');
	await sameTree(source, join(server.root, 'back'));
	for (const { id } of (await ok('chain', 'list')).chains) assert.deepEqual((await ok('chain', 'check', id)).check.damaged, []);
});

test('VAL-29 CONSOLE-09: who may hold a repository, and what depends on a machine', async (t) => {
	const { server, far, mover, source, folder, ok } = await openSitesWithFolders(t);
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;
	const unmanaged = await refusal('repository', 'add', 'Far', '--path', folder, '--on', 'Nobody');
	assert.equal(unmanaged.code, 'not-found.machine');
	await ok('machine', 'set', 'Vault', '--role', 'proxy');
	const wrongRole = await refusal('repository', 'add', 'Far', '--path', folder, '--on', 'Vault');
	assert.match(`${wrongRole.code} ${wrongRole.hint}`, /usage\.conflict .*machine set Vault --role proxy,repository/);
	await ok('machine', 'set', 'Vault', '--role', 'repository');
	assert.equal((await refusal('repository', 'add', 'Far', '--path', 'backup', '--on', 'Vault')).code, 'usage.invalid');
	assert.equal((await refusal('repository', 'add', 'Far', '--path', join(far.root, 'no', 'where'), '--on', 'Vault')).code, 'repository.unreachable');
	assert.equal((await refusal('repository', 'add', 'Far', '--path', join(far.root, 'vault'), '--on', 'Vault')).code, 'usage.conflict');

	await ok('repository', 'add', 'Far', '--path', folder, '--on', 'Vault');
	assert.equal((await refusal('repository', 'add', 'Inside', '--path', join(folder, 'inside'), '--on', 'Vault')).code, 'usage.conflict');
	assert.equal((await refusal('repository', 'add', 'Twice', '--path', folder, '--on', 'Vault')).code, 'usage.conflict');
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Far');
	const removal = await refusal('machine', 'remove', 'Vault');
	assert.equal(removal.code, 'busy.machine');
	assert.match(removal.message, /“Far”.*“Web”/);
	assert.equal((await refusal('machine', 'set', 'Vault', '--role', 'proxy')).code, 'busy.machine');

	const moved = await ok('repository', 'edit', 'Far', '--no-on', '--path', 'near');
	assert.deepEqual([moved.repository.machine, moved.repository.path], [null, join(server.root, 'near')]);
	await ok('repository', 'edit', 'Far', '--on', 'Vault', '--path', folder);
	mover.child.kill('SIGKILL');
	await mover.ended;
	const offline = (await server.json('job', 'run', 'Web')).document.session.error;
	assert.equal(offline.code, 'connection.refused');
	assert.match(offline.hint, /mover start/);
	assert.equal((await ok('repository', 'show', 'Far')).repository.state, 'unreachable');
	await ok('job', 'remove', 'Web');
	await ok('repository', 'remove', 'Far');
	await ok('machine', 'remove', 'Vault');
});

test('a data mover that is killed in the middle of a run has nothing half committed, and the retry succeeds', async (t) => {
	const { server, far, mover, source, folder, ok } = await openSitesWithFolders(t);
	await ok('repository', 'add', 'Far', '--path', folder, '--on', 'Vault');
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Far');
	await ok('job', 'run', 'Web');
	const committed = backupFilesIn(folder);
	await mkdir(join(source, 'more'));
	for (let i = 0; i < 4; i++) await writeFile(join(source, 'more', `${i}`), noise(`more ${i}`, 8_000_000));
	await ok('repository', 'edit', 'Far', '--write-limit', '8');
	const running = server.json('job', 'run', 'Web');
	const isWriting = (): boolean => backupFilesIn(folder).some((name) => name.endsWith('.part'));
	while (!isWriting()) await turn();
	mover.child.kill('SIGKILL');
	await mover.ended;
	const again = await startMover(far, 'vault', { listen: mover.address });
	const { document } = await running;
	assert.deepEqual([document.session.state, document.session.error.code], ['failed', 'connection.lost'], JSON.stringify(document.session));
	assert.deepEqual(
		backupFilesIn(folder).filter((name) => !name.endsWith('.part')),
		committed,
	);
	await ok('repository', 'edit', 'Far', '--write-limit', '0');
	const { session } = await ok('job', 'run', 'Web');
	assert.deepEqual([session.state, session.tasks[0].mode.actual], ['success', 'increment']);
	assert.deepEqual(
		backupFilesIn(folder).filter((name) => name.endsWith('.part')),
		[],
	);
	await ok('restore', 'files', 'Web@latest', '/', '--to', 'back');
	await sameTree(source, join(server.root, 'back'));
	again.child.kill('SIGTERM');
	assert.equal((await again.ended).code, 0);
});
