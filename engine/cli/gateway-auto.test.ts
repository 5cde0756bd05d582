/** Repositories on shares whose gateway is chosen for each run: here a folder that several machines see at the same path, and one machine that does not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { markerName } from '../repository/index.ts';
import { addFarMachine } from './testing/far-machine.ts';
import { addMachine, backupFilesIn, openSitesApart } from './testing/mover.ts';
import { makeFolder, makePlace, noise, sameTree } from './testing/program.ts';

test('GW-01 GW-02 GW-04 GW-07 PIPE-07 SRV-13 REPO-08 DEPLOY-05: who works on a job writes to the share and reads from it; who does not see the repository is passed over, or refused', async (t) => {
	if (!requireTool(t, 'mount', 'nsenter')) return;
	const machine = addFarMachine(t, 83);
	if (machine === null) return;
	const { server, far: web, proxy, ok } = await openSitesApart(t, { random: () => 0 });
	const share = join(web.root, 'mnt');
	const folder = join(share, 'backup');
	mkdirSync(share);
	const db = await makePlace(t, machine.command);
	const dbMover = await addMachine(server, db, 'Db', { listen: `${machine.far}:0` });
	/** The namespace of Db, which takes its mounts with it. */
	const onDb = (...command: string[]): void => void execFileSync('nsenter', [`--mount=/proc/${dbMover.child.pid}/ns/mnt`, ...command]);
	onDb('mount', '--make-rprivate', '/');
	onDb('mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', share);
	for (const name of ['Vault', 'Db']) await ok('machine', 'set', name, '--role', 'proxy');
	const megabytes = 3_000_000;
	let files = 0;
	const grow = (source: string): void => writeFileSync(join(source, `large-${files}`), noise(`large ${files++}`, megabytes));
	/** Runs a job or a restore. @returns what its log says, and how much went between the backup server and each machine meanwhile */
	const follow = async (...args: string[]): Promise<{ readonly log: string; readonly web: number; readonly db: number }> => {
		const before = { web: proxy.bytes, db: machine.carriedBytes() };
		const { session } = await ok(...args);
		const log = (await server.run('session', 'show', session.id)).stdout;
		assert.equal(session.state, 'success', log);
		return { log, web: proxy.bytes - before.web, db: machine.carriedBytes() - before.db };
	};
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;

	// added on the backup server; each of two machines is the gateway of its own job, and payload stays off the network
	const added = (await ok('repository', 'add', 'Share', '--path', folder, '--gateway', 'auto')).repository;
	assert.deepEqual([added.gateway, added.machine, added.path], ['auto', null, folder]);
	assert.match((await server.run('repository', 'show', 'Share')).stdout, /Gateway: +whoever works on the objects/);
	const sources = { web: join(web.root, 'documents'), more: join(web.root, 'more'), db: join(db.root, 'tables') };
	for (const source of Object.values(sources)) await makeFolder(source);
	const both = ['--source', `folder:${sources.web}`, `folder:${sources.more}`, '--on', 'Vault'];
	const password = join(server.root, 'password');
	writeFileSync(password, 'nine herons came back\n');
	await ok('job', 'add', 'Web', ...both, '--repository', 'Share', '--method', 'forever-forward', '--retain', '1', '--encrypt', '--password-file', password);
	await ok('job', 'add', 'Db', '--source', `folder:${sources.db}`, '--on', 'Db', '--repository', 'Share');
	for (let i = 0; i < 2; i++) {
		grow(sources.web);
		const run = await follow('job', 'run', 'Web');
		assert.match(run.log, /documents.*: Written through “Vault”, which has the share of the repository mounted/);
		assert.match(run.log, /more.*: Written through “Vault”/);
		assert.ok(run.web < 1_000_000, `it went through the backup server: ${run.web}`);
		if (i === 1) assert.match(run.log, /[Mm]erged|Removed/, 'what the backup server does in the chain goes on where the gateway has written');
	}
	const chains = (await ok('chain', 'list')).chains;
	assert.equal(chains.length, 2);
	for (const { id } of chains) assert.deepEqual((await ok('chain', 'check', id)).check.damaged, []);

	// a machine that does not see the share is passed over: for the backup server only while there is no gateway
	grow(sources.db);
	const passed = await follow('job', 'run', 'Db');
	assert.match(passed.log, /Written through the backup server, because “Db” does not see the repository: .*mnt\/backup is not the repository here/);
	assert.ok(passed.db > megabytes, `it cannot have got there: ${passed.db}`);
	const gate = await makePlace(t);
	let gatePort = '';
	await addMachine(server, gate, 'Gate', {
		listen: '0.0.0.0:0',
		addressOf: async ({ address }) => {
			gatePort = address.split(':').at(-1) ?? '';
			return `${machine.near}:${gatePort}`;
		},
	});
	await ok('machine', 'set', 'Gate', '--role', 'gateway');
	onDb('mkdir', folder);
	onDb('sh', '-c', `echo "Identity: ${'0'.repeat(32)}" > '${join(folder, markerName)}'`);
	assert.match(
		(await follow('job', 'run', 'Db')).log,
		/Written through “Gate”, because “Db” does not see the repository: .*mnt\/backup is another repository here/,
	);

	// one that has the share mounted goes on with the same chain by itself
	onDb('umount', share);
	grow(sources.db);
	const seen = await follow('job', 'run', 'Db');
	assert.match(seen.log, /Written through “Db”, which has the share/);
	assert.ok(seen.db < 1_000_000, `it went through the network: ${seen.db}`);
	const stored = backupFilesIn(folder);
	assert.equal(stored.filter((name) => name.includes('tables') && name.endsWith('.hbk')).length, 1, `one chain, whoever wrote: ${stored}`);

	// restores read where they write
	const away = await follow('restore', 'files', 'Db@latest', '/', '--on', 'Vault', '--to', join(web.root, 'back'));
	assert.match(away.log, /Read through “Vault”, which has the share/);
	assert.ok(away.web < 1_000_000 && away.db < 1_000_000, `it went through the network: ${away.web}, ${away.db}`);
	await sameTree(sources.db, join(web.root, 'back'));

	// a gateway that is out of reach is none: added on one, whose address Db has no way to
	await ok('machine', 'set', 'Gate', '--address', `127.0.0.1:${gatePort}`);
	await ok('repository', 'edit', 'Share', '--on', 'Gate');
	onDb('mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', share);
	const none = await server.json('job', 'run', 'Db');
	const [task] = (await ok('session', 'show', none.document.session.id)).session.tasks;
	assert.equal(task.error.code, 'infra.no-gateway');
	assert.match(
		task.error.message,
		/No machine gives “Db” a way to the repository in \S+mnt\/backup. “Db”: .* is not the repository here.* “Gate”: “Db” cannot connect to it at 127/,
	);
	assert.match(task.error.hint, /Mount the share that holds it at \S+ on “Db”/);

	// the backup server sees the share itself: it reads what it gives back there, although everything else goes through Gate
	const here = await follow('restore', 'files', `Web/folder:${sources.more}@latest`, '/', '--to', 'back');
	assert.match(here.log, /Read through the backup server, which has the share/);
	assert.equal(here.web, 0);
	await sameTree(sources.more, join(server.root, 'back'));
	const fixed = (await ok('repository', 'edit', 'Share', '--no-on', '--gateway', 'fixed')).repository;
	assert.deepEqual([fixed.gateway, fixed.machine], ['fixed', null]);
	grow(sources.web);
	const through = await follow('job', 'run', 'Web');
	assert.ok(through.web > megabytes && !through.log.includes('Written through'), through.log);

	// files that are changed in place are changed by one machine
	await ok('repository', 'edit', 'Share', '--gateway', 'auto');
	await ok('job', 'edit', 'Web', '--method', 'reverse');
	const reverse = await follow('job', 'run', 'Web');
	assert.match(reverse.log, /Reverse increments change backup files in place, which one machine does/);
	assert.ok(reverse.web > megabytes && !reverse.log.includes('Written through'), reverse.log);

	// one chain for all objects of a job has one gateway
	await ok('repository', 'add', 'One', '--path', join(share, 'one'), '--gateway', 'auto', '--single-file');
	await ok('job', 'add', 'Whole', ...both, '--repository', 'One');
	const whole = await follow('job', 'run', 'Whole');
	assert.equal(whole.log.match(/Written through “Vault”/g)?.length, 2);
	assert.ok(whole.web < 1_000_000);
	assert.equal((await ok('chain', 'list')).chains.filter((chain: { repository: string }) => chain.repository === 'One').length, 1);
	assert.match(readFileSync(join(folder, markerName), 'utf8'), /^Identity: [0-9a-f]{32}$/m);
	assert.equal((await refusal('repository', 'edit', 'Share', '--gateway', 'best')).code, 'usage.invalid');
});
