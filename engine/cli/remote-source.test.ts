import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { mountFresh } from '../platform/testbed.ts';
import { hiddenFolderName } from '../snapshot/index.ts';
import { addMachine, backupFilesIn, openSites, type Sites, startMover, turn } from './testing/mover.ts';
import { makeFolder, makePlace, noise, sameTree } from './testing/program.ts';

/** Sources on the machine Vault. */
async function openSitesWithSource(t: TestContext): Promise<Sites & { readonly source: string }> {
	const sites = await openSites(t);
	const source = join(sites.far.root, 'documents');
	await makeFolder(source);
	return { ...sites, source };
}

test('SRV-13: what lies on a managed machine is backed up to the backup server, to that machine, and to a third one', async (t) => {
	const { server, far, source, ok } = await openSitesWithSource(t);
	const third = await makePlace(t);
	await addMachine(server, third, 'Third');
	await ok('repository', 'add', 'Here', '--path', join(server.root, 'backup'));
	await ok('repository', 'add', 'There', '--path', join(far.root, 'backup'), '--on', 'Vault');
	await ok('repository', 'add', 'Elsewhere', '--path', join(third.root, 'backup'), '--on', 'Third');
	const disk = join(far.root, 'disk.img');
	writeFileSync(disk, noise('disk', 3_000_000));
	await writeFile(join(server.root, 'password'), 'correct horse');
	const repositories = { Here: join(server.root, 'backup'), There: join(far.root, 'backup'), Elsewhere: join(third.root, 'backup') };
	for (const name of Object.keys(repositories)) {
		const sources = [`folder:${source}`, ...(name === 'There' ? [] : [`disk:${disk}`])];
		const encryption = name === 'Elsewhere' ? ['--encrypt', '--password-file', 'password'] : [];
		const { job } = await ok('job', 'add', `To ${name}`, '--source', ...sources, '--on', 'Vault', '--repository', name, '--connections', '2', ...encryption);
		assert.deepEqual([job.machineId === null, job.sources], [false, sources]);
	}
	for (const round of [1, 2]) {
		await writeFile(join(source, `round-${round}`), noise(`round ${round}`, 300_000));
		writeFileSync(disk, Buffer.concat([noise(`disk ${round}`, 500_000), readFileSync(disk).subarray(500_000)]));
		for (const name of Object.keys(repositories)) {
			const { session } = await ok('job', 'run', `To ${name}`);
			const modes = session.tasks.map((task: { mode: { actual: string } }) => task.mode.actual);
			assert.deepEqual([session.state, new Set(modes)], ['success', new Set([round === 1 ? 'full' : 'increment'])], JSON.stringify(session.tasks));
			assert.equal(session.tasks[0].name, `folder:${source} on Vault`);
			if (round === 2) assert.ok(session.tasks[0].readBytes <= 300_000, `what has not changed was read again: ${session.tasks[0].readBytes}`);
		}
	}
	for (const [name, folder] of Object.entries(repositories)) {
		const kinds = ['.hbk', '.hbm', '.hib'].flatMap((kind) => (name === 'There' ? [kind] : [kind, kind]));
		assert.deepEqual(
			backupFilesIn(folder)
				.map((file) => file.slice(-4))
				.sort(),
			kinds,
			name,
		);
		await ok('restore', 'files', `To ${name}/${source}@latest`, '/', '--to', `back ${name}`);
		await sameTree(source, join(server.root, `back ${name}`));
	}
	await ok('restore', 'disk', `To Elsewhere/${disk}@latest`, '--to', join(server.root, 'disk.back'));
	assert.ok(readFileSync(join(server.root, 'disk.back')).equals(readFileSync(disk)));
	for (const { id } of (await ok('chain', 'list')).chains) assert.deepEqual((await ok('chain', 'check', id)).check.damaged, []);
});

const isWriting = (folder: string): boolean => backupFilesIn(folder).some((name) => name.endsWith('.part'));

test('SRV-07 VAL-29 DEPLOY-05: what is refused when a job is saved, and what depends on a machine', async (t) => {
	const { server, far, mover, source, ok } = await openSitesWithSource(t);
	await ok('repository', 'add', 'Here', '--path', join(server.root, 'backup'));
	await ok('repository', 'add', 'There', '--path', join(far.root, 'backup'), '--on', 'Vault');
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;
	const add = (spec: string, on: string, repository = 'Here') => refusal('job', 'add', 'Web', '--source', spec, '--on', on, '--repository', repository);
	assert.equal((await add(`folder:${source}`, 'Nobody')).code, 'not-found.machine');
	assert.equal((await add('folder:documents', 'Vault')).code, 'usage.invalid');
	assert.equal((await add(`folder:${join(far.root, 'nothing')}`, 'Vault')).code, 'source.missing');
	assert.equal((await add(`folder:${join(source, 'text.txt')}`, 'Vault')).code, 'source.unsupported');
	assert.match((await add(`folder:${join(far.root, 'backup')}`, 'Vault', 'There')).message, /its own backup files/);
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--on', 'Vault', '--repository', 'Here');
	const removal = await refusal('machine', 'remove', 'Vault');
	assert.equal(removal.code, 'busy.machine');
	await ok('repository', 'remove', 'There');
	const removalOfSource = await refusal('machine', 'remove', 'Vault');
	assert.match(`${removalOfSource.code} ${removalOfSource.message}`, /busy\.machine .*“Web” protect/);
	await ok('job', 'run', 'Web');
	assert.equal((await ok('point', 'show', 'Web@latest')).point.machine.name, 'Vault');
	for (const more of [[], ['--dry-run']]) {
		const original = await refusal('restore', 'files', 'Web@latest', '/', '--original', ...more);
		assert.match(`${original.code} ${original.message}`, /usage\.conflict .*was on the machine “Vault”/, 'another folder has that path here');
	}

	// the machine of the backup server has a folder of the same path: the chain of the other machine is not gone on with
	const here = await ok('job', 'edit', 'Web', '--no-on');
	assert.deepEqual([here.job.machineId, here.job.machine], [null, null]);
	const { session } = await ok('job', 'run', 'Web');
	assert.equal(session.tasks[0].mode.actual, 'full');
	assert.match(session.tasks[0].mode.reason, /another machine than before \(Vault\)/);

	await ok('job', 'edit', 'Web', '--on', 'Vault');
	mover.child.kill('SIGKILL');
	await mover.ended;
	const offline = (await server.json('job', 'run', 'Web')).document.session.error;
	assert.match(`${offline.code} ${offline.hint}`, /connection\.refused .*mover start/);
	await ok('job', 'edit', 'Web', '--retain', '5');
	assert.equal((await refusal('job', 'edit', 'Web', '--source', 'folder:/elsewhere')).code, 'connection.refused');
});

test('SNAP-01 SNAP-07 TASK-04: a machine makes the snapshots, and works on as many tasks as it may; killed in the middle it leaves nothing, and the retry succeeds', async (t) => {
	const { server, far, mover, ok } = await openSites(t);
	const volume = mountFresh(t, 'btrfs');
	if (volume === null) return;
	const folder = join(server.root, 'backup');
	await ok('repository', 'add', 'Here', '--path', folder, '--max-tasks', '4', '--write-limit', '4');
	const sources = ['one', 'two'].map((name) => join(volume, name));
	for (const source of sources) {
		await makeFolder(source);
		for (let i = 0; i < 2; i++) await writeFile(join(source, `${i}`), noise(`${source} ${i}`, 6_000_000));
	}
	await writeFile(join(server.root, 'password'), 'correct horse');
	await ok('machine', 'set', 'Vault', '--max-tasks', '1');
	await ok(
		'job',
		...['add', 'Web', '--source', ...sources.map((source) => `folder:${source}`), '--on', 'Vault', '--repository', 'Here'],
		...['--snapshot', 'btrfs', '--encrypt', '--password-file', 'password'],
	);
	// what was chosen for its volumes is kept there
	const choose = (id: string, ...args: string[]) => server.json('volume', 'set', id, '--on', 'Vault', ...args);
	assert.deepEqual((await choose('/none', '--provider', 'btrfs')).document.error.code, 'not-found.volume');
	assert.match((await choose(volume, '--provider', 'xfs-none')).document.error.message, /xfs-none/);
	const { document: chosen } = await choose(volume, '--provider', 'btrfs', '--max-snapshots', '2');
	assert.deepEqual([chosen.volume.choice, chosen.volume.maxSnapshots], ['btrfs', 2]);
	assert.equal((await ok('volume', 'list')).volumes.find(({ id }: { id: string }) => id === volume).choice, 'auto', 'here nothing was chosen');
	const heldSnapshots = (): string[] => (readdirSync(volume).includes(hiddenFolderName) ? readdirSync(join(volume, hiddenFolderName)) : []);

	// cancelled in the middle: an outcome, and nothing is left on either side
	const running = server.json('job', 'run', 'Web');
	while (!isWriting(folder)) await turn();
	assert.equal(heldSnapshots().length, 1);
	const [active] = (await ok('session', 'list', '--job', 'Web')).sessions;
	const { session: live } = await ok('session', 'show', active.id);
	assert.deepEqual(live.tasks.map(({ state }: { state: string }) => state).sort(), ['queued', 'running'], 'one at a time');
	await ok('job', 'cancel', 'Web');
	assert.equal((await running).code, 130);
	assert.deepEqual([backupFilesIn(folder), heldSnapshots()], [[], []]);

	const again = server.json('job', 'run', 'Web');
	while (!isWriting(folder)) await turn();
	mover.child.kill('SIGKILL');
	await mover.ended;
	assert.equal(heldSnapshots().length, 1, 'nobody was left to remove it');
	const revived = await startMover(far, 'vault', { listen: mover.address });
	const { document } = await again;
	assert.deepEqual([document.session.state, document.session.tasks[0].error.code], ['failed', 'connection.lost'], JSON.stringify(document.session));
	assert.deepEqual([backupFilesIn(folder), heldSnapshots()], [[], []]);

	const { volumes } = await ok('volume', 'list', '--on', 'Vault');
	assert.deepEqual(
		volumes.flatMap(({ id, choice, maxSnapshots }: Record<string, unknown>) => (id === volume ? [choice, maxSnapshots] : [])),
		['btrfs', 2],
	);

	await ok('repository', 'edit', 'Here', '--write-limit', '0');
	const { session } = await ok('job', 'run', 'Web');
	assert.deepEqual([session.state, heldSnapshots()], ['success', []]);
	const { points } = await ok('point', 'list', '--job', 'Web');
	assert.deepEqual(
		points.map(({ consistency }: { consistency: string }) => consistency),
		['file-system', 'file-system'],
	);
	await ok('restore', 'files', `Web/${sources[1]}@latest`, '/', '--to', 'back');
	await sameTree(sources[1] ?? '', join(server.root, 'back'));
	await choose(volume, '--provider', 'none');
	await ok('job', 'edit', 'Web', '--snapshot', 'auto');
	const read = (await ok('job', 'run', 'Web')).session.tasks[0].snapshot;
	assert.deepEqual([read.requested, read.actual], ['auto', 'none']);
	for (const name of readdirSync(join(far.root, 'vault')))
		assert.doesNotMatch(readFileSync(join(far.root, 'vault', name), 'utf8'), /secret|names|payloads/, 'keys are kept nowhere');
	revived.child.kill('SIGTERM');
	assert.equal((await revived.ended).code, 0);
});
