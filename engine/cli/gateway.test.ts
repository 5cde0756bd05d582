import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { isRootOnLinux } from '../platform/testbed.ts';
import { addMachine, backupFilesIn, openSitesApart, startMover } from './testing/mover.ts';
import { makeFolder, makePlace, noise, program, sameTree } from './testing/program.ts';

test('GW-01 GW-02 GW-03: a repository on a share goes on through another gateway, and through none that does not see the share', async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'unshare', 'mount')) return;
	const { server, far, mover, proxy, ok } = await openSitesApart(t, { random: () => 0 });
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;
	const share = join(far.root, 'mnt');
	const folder = join(share, 'backup');
	mkdirSync(share);
	const other = await makePlace(t);
	await addMachine(server, other, 'Other');
	// where the share is not mounted; the namespace takes its mount with it
	const script = `mount --make-rprivate / && mount -t tmpfs -o size=64m none "${share}" && exec "$@"`;
	const blind = await makePlace(t, ['unshare', '--mount', 'sh', '-c', script, 'sh', process.execPath, program]);
	await addMachine(server, blind, 'Blind');
	for (const name of ['Vault', 'Other', 'Blind']) await ok('machine', 'set', name, '--role', 'gateway');

	await ok('repository', 'add', 'Share', '--path', folder, '--on', 'Vault');
	const source = join(far.root, 'documents');
	await makeFolder(source);
	writeFileSync(join(source, 'large'), noise('large', 6_000_000));
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--on', 'Vault', '--repository', 'Share', '--method', 'forever-forward', '--retain', '2');
	const before = proxy.bytes;
	assert.equal((await ok('job', 'run', 'Web')).session.state, 'success');
	assert.ok(proxy.bytes - before < 1_000_000, `it went through the backup server: ${proxy.bytes - before}`);
	const stored = backupFilesIn(folder);

	// nothing changes by what is refused: neither the settings nor a folder that is no share
	const unmounted = await refusal('repository', 'edit', 'Share', '--on', 'Blind');
	assert.match(`${unmounted.code} ${unmounted.hint}`, /repository\.unreachable .*Mount the share/);
	await ok('repository', 'add', 'Local', '--path', folder, '--on', 'Blind'); // it made none there before
	await ok('repository', 'remove', 'Local');
	const another = await refusal('repository', 'edit', 'Share', '--on', 'Blind');
	assert.match(`${another.code} ${another.message}`, /repository\.unreachable .* on “Blind” is another repository: of the chains of “Share” none is there/);
	assert.equal((await ok('repository', 'show', 'Share')).repository.machine, 'Vault');

	// its gateway is gone: through another one the chain goes on where it was
	mover.child.kill('SIGKILL');
	await mover.ended;
	await writeFile(join(source, 'more'), noise('more', 300_000));
	const { repository } = await ok('repository', 'edit', 'Share', '--on', 'Other');
	assert.deepEqual([repository.machine, repository.path, repository.chainCount, repository.state], ['Other', folder, 1, 'ready']);
	await startMover(far, 'vault', { listen: mover.address }); // for its sources
	const { session } = await ok('job', 'run', 'Web');
	assert.deepEqual([session.state, session.tasks[0].mode.actual], ['success', 'increment'], JSON.stringify(session.tasks));
	assert.ok(stored.every((name) => backupFilesIn(folder).includes(name)));
	await ok('restore', 'files', 'Web@latest', '/', '--to', 'back');
	await sameTree(source, join(server.root, 'back'));
	const [chain] = (await ok('chain', 'list')).chains;
	assert.deepEqual((await ok('chain', 'check', chain.id)).check.damaged, []);

	assert.equal((await refusal('machine', 'set', 'Other', '--role', 'proxy')).code, 'busy.machine');
	await ok('machine', 'set', 'Other', '--role', 'repository');
	for (const on of [[], ['--on', 'Other']]) {
		const address = await refusal('repository', 'add', 'Nas', '--path', 'smb://nas/backup', ...on);
		assert.match(`${address.code} ${address.message} ${address.hint}`, /usage\.invalid .*smb:\/\/nas\/backup.* no folder\. Mount the share on the machine/);
	}
	assert.deepEqual(
		readdirSync(server.root).filter((name) => name.startsWith('smb')),
		[],
	);
});
