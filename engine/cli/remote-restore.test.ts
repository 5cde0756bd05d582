import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterwards, isRootOnLinux, temporaryFolder } from '../platform/testbed.ts';
import { addMachine, openSites, openSitesApart, startMover, turn } from './testing/mover.ts';
import { makeFolder, makePlace, noise, sameTree } from './testing/program.ts';

const partsIn = (folder: string): string[] =>
	existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.includes('.holdfast-')) : [];

test('SRV-13: files and disks are given back to a managed machine from the backup server, from that machine and from a third one', async (t) => {
	const { server, far, proxy, ok } = await openSitesApart(t, { random: () => 0 });
	const third = await makePlace(t);
	await addMachine(server, third, 'Third');
	await writeFile(join(server.root, 'password'), 'correct horse');
	const source = join(server.root, 'documents');
	await makeFolder(source);
	writeFileSync(join(source, 'large'), noise('large', 4_000_000));
	const disk = join(server.root, 'disk.img');
	writeFileSync(disk, noise('disk', 3_000_000));
	const repositories = { Here: [server.root], There: [far.root, '--on', 'Vault'], Elsewhere: [third.root, '--on', 'Third'] } as const;
	for (const [name, [root, ...on]] of Object.entries(repositories)) {
		await ok('repository', 'add', name, '--path', join(root, 'backup'), ...on);
		const encryption = name === 'There' ? [] : ['--encrypt', '--password-file', 'password'];
		await ok('job', 'add', `To ${name}`, '--source', `folder:${source}`, `disk:${disk}`, '--repository', name, ...encryption);
		await ok('job', 'run', `To ${name}`);

		const to = join(far.root, `back ${name}`);
		const before = proxy.bytes;
		const restore = ['restore', 'files', `To ${name}/folder:${source}@latest`, '/', '--on', 'Vault', '--to', to];
		const { session } = await ok(...restore);
		assert.deepEqual([session.state, session.tasks[0].warnings], ['success', []]);
		await sameTree(source, to);
		await ok('restore', 'disk', `To ${name}/disk:${disk}@latest`, '--on', 'Vault', '--to', `${to}.img`);
		assert.ok(readFileSync(`${to}.img`).equals(readFileSync(disk)));
		const passed = proxy.bytes - before;
		if (name === 'Here') assert.ok(passed > 8_000_000, `it did not go straight to the machine: ${passed}`);
		else assert.ok(passed < 1_000_000, `it went through the backup server: ${passed}`);
	}
	for (const place of [far, third])
		for (const name of readdirSync(place.root, { recursive: true }) as string[])
			if (name.endsWith('.json')) assert.doesNotMatch(readFileSync(join(place.root, name), 'utf8'), /secret|payloads/, 'keys are kept nowhere');
});

test('SRV-07 VAL-29: what is refused of a restore on a managed machine', async (t) => {
	const { server, far, mover, ok } = await openSites(t);
	const refusal = async (...args: string[]) => {
		const { document, code } = await server.json('restore', ...args);
		assert.notEqual(code, 0, args.join(' '));
		return document.error ?? document.session.error;
	};
	const [here, there] = [join(server.root, 'documents'), join(far.root, 'documents')];
	for (const folder of [here, there]) await makeFolder(folder);
	const disk = join(server.root, 'disk.img');
	writeFileSync(disk, noise('disk', 3_000_000));
	await ok('repository', 'add', 'Main', '--path', join(server.root, 'backup'));
	await ok('job', 'add', 'Near', '--source', `folder:${here}`, `disk:${disk}`, '--repository', 'Main');
	await ok('job', 'add', 'Far', '--source', `folder:${there}`, '--on', 'Vault', '--repository', 'Main');
	for (const job of ['Near', 'Far']) await ok('job', 'run', job);
	const near = `Near/folder:${here}@latest`;

	assert.equal((await refusal('files', near, '/', '--on', 'Nobody', '--to', '/back')).code, 'not-found.machine');
	const relative = await refusal('files', near, '/', '--on', 'Vault', '--to', 'back');
	assert.match(`${relative.code} ${relative.message}`, /usage\.invalid .*not an absolute path/);
	assert.equal((await refusal('disk', `Near/disk:${disk}@latest`, '--on', 'Vault', '--to', 'back.img')).code, 'usage.invalid');
	for (const more of [[], ['--dry-run']]) {
		const notItsOwn = await refusal('files', near, '/', '--original', '--on', 'Vault', ...more);
		assert.match(`${notItsOwn.code} ${notItsOwn.message}`, /usage\.conflict .*machine of the backup server/);
		const notHere = await refusal('files', 'Far@latest', '/', '--original', ...more);
		assert.match(`${notHere.code} ${notHere.hint}`, /usage\.conflict .*--on Vault/);
	}
	assert.equal((await refusal('files', near, '/nothing', '--on', 'Vault', '--to', join(far.root, 'back'))).code, 'not-found.path');

	writeFileSync(join(there, 'text.txt'), 'newer');
	await ok('restore', 'files', 'Far@latest', '/text.txt', '--original', '--on', 'Vault', '--overwrite', 'always');
	assert.match(readFileSync(join(there, 'text.txt'), 'utf8'), /^hello/);

	// the rules for what is there hold there
	const back = join(far.root, 'back');
	const restore = ['restore', 'files', near, '/', '--on', 'Vault', '--to', back];
	const { plan: first } = await ok(...restore, '--dry-run');
	assert.deepEqual([first.files, first.overwritten, first.fits, existsSync(back)], [3, 0, true, false], 'it only says what would be');
	mkdirSync(back);
	writeFileSync(join(back, 'text.txt'), 'mine');
	await ok(...restore);
	assert.equal(readFileSync(join(back, 'text.txt'), 'utf8'), 'mine');
	const { plan: second } = await ok(...restore, '--overwrite', 'always', '--dry-run');
	assert.ok(second.overwrittenPaths.includes(join(back, 'text.txt')));

	writeFileSync(join(far.root, 'there.img'), 'something');
	const target = ['disk', `Near/disk:${disk}@latest`, '--on', 'Vault', '--to', join(far.root, 'there.img')];
	assert.equal((await refusal(...target)).code, 'exists.target');
	await ok('restore', ...target, '--overwrite');
	if (isRootOnLinux(t)) {
		const small = join(temporaryFolder(t), 'small');
		mkdirSync(small);
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]);
		afterwards(t, () => execFileSync('umount', [small]));
		const { plan } = await ok('restore', 'files', near, '/', '--on', 'Vault', '--to', join(small, 'back'), '--dry-run');
		assert.deepEqual([plan.fits, plan.freeBytes < 2 ** 20 + 1], [false, true], 'the room of that machine');
		const full = await refusal('files', near, '/', '--on', 'Vault', '--to', join(small, 'back'));
		assert.match(`${full.code} ${full.hint}`, /restore\.target .*Free some space/);
		assert.deepEqual(partsIn(small), []);
	}

	mover.child.kill('SIGKILL');
	await mover.ended;
	const lost = await refusal('files', near, '/', '--on', 'Vault', '--to', join(far.root, 'back'));
	assert.match(`${lost.code} ${lost.hint}`, /connection\.refused .*mover start/);
});

test('PIPE-08: a restore on a machine goes on after cuts; cancelled or with the data mover killed it ends, and the next one completes it', async (t) => {
	const { server, far, mover, proxy, ok } = await openSitesApart(t, { random: () => 0 });
	const source = join(server.root, 'documents');
	await makeFolder(source);
	for (let i = 0; i < 4; i++) writeFileSync(join(source, `large-${i}`), noise(`large ${i}`, 3_000_000));
	await ok('repository', 'add', 'Main', '--path', join(server.root, 'backup'));
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--repository', 'Main');
	await ok('job', 'run', 'Web');
	const limit = (rate: string) => ok('repository', 'edit', 'Main', '--read-limit', rate);
	const restoring = (to: string): string[] => ['restore', 'files', 'Web@latest', '/', '--on', 'Vault', '--to', join(far.root, to)];

	await limit('6');
	const cut = server.json(...restoring('cut'));
	for (let cuts = 0; cuts < 3; cuts++) {
		const until = proxy.bytes + 2_000_000;
		while (proxy.bytes < until) await turn();
		proxy.cutAll();
	}
	const { document } = await cut;
	assert.deepEqual([document.session.state, proxy.cuts >= 3], ['success', true], JSON.stringify(document));
	await sameTree(source, join(far.root, 'cut'));

	const cancelled = far.start('--data', join(server.root, 'data'), ...restoring('cancelled'));
	while (partsIn(join(far.root, 'cancelled')).length === 0) await turn();
	cancelled.child.kill('SIGINT');
	assert.equal((await cancelled.ended).code, 130);
	assert.deepEqual(partsIn(join(far.root, 'cancelled')), [], 'nothing that is not whole is left');

	const killed = server.json(...restoring('killed'));
	while (partsIn(join(far.root, 'killed')).length === 0) await turn();
	mover.child.kill('SIGKILL');
	await mover.ended;
	const revived = await startMover(far, 'vault', { listen: mover.address });
	const { session } = (await killed).document;
	assert.deepEqual([session.state, session.error.code], ['failed', 'connection.lost'], JSON.stringify(session));
	await limit('0');
	for (const to of ['cancelled', 'killed']) {
		await ok(...restoring(to), '--overwrite', 'always');
		for (const part of partsIn(join(far.root, to))) execFileSync('rm', [join(far.root, to, part)]); // what the killed one could not remove
		await sameTree(source, join(far.root, to));
	}
	revived.child.kill('SIGTERM');
	assert.equal((await revived.ended).code, 0);
});
