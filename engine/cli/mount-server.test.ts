/** Mount servers: a branch with a share, a machine that has it mounted, and one that is restored there; the backup server is at the other end of a cable. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { addFarMachine } from './testing/far-machine.ts';
import { addMachine } from './testing/mover.ts';
import { makeFolder, makePlace, makeServedPlace, noise, sameTree, succeeding } from './testing/program.ts';

test('MOUNT-01 MOUNT-02 MOUNT-03 MOUNT-04 GW-05 SRV-13 REPO-05 RESTORE-02 VAL-29: what is restored in a branch is read by the mount server there; where that cannot, as before, with a warning', async (t) => {
	if (!requireTool(t, 'mount', 'nsenter')) return;
	const branch = addFarMachine(t, 84);
	if (branch === null) return;
	const server = await makeServedPlace(t);
	const ok = succeeding(server);
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;
	const inBranch = { listen: `${branch.far}:0` };
	const [web, site, near] = [await makePlace(t, branch.command), await makePlace(t, branch.command), await makePlace(t)];
	const [webMover, mover] = await Promise.all([
		addMachine(server, web, 'Web', inBranch),
		addMachine(server, site, 'Branch', inBranch),
		addMachine(server, near, 'Near'), // to which the branch has no way
	]);
	const share = join(site.root, 'mnt');
	const folder = join(share, 'backup');
	mkdirSync(share);
	const source = join(web.root, 'documents');
	await makeFolder(source);
	const payload = 3_000_000;
	writeFileSync(join(source, 'large'), noise('large', payload));
	const password = join(server.root, 'password');
	writeFileSync(password, 'nine herons came back\n');

	// by itself, a repository is read by the machine that it lies on
	const added = (await ok('repository', 'add', 'Share', '--path', folder)).repository;
	assert.deepEqual([added.mountServer, added.mountServerId], [null, null]);
	assert.match((await server.run('repository', 'show', 'Share')).stdout, /Mount server: +the backup server \(auto\)/);
	assert.equal((await ok('repository', 'add', 'Own', '--path', join(web.root, 'own'), '--on', 'Web')).repository.mountServer, 'Web');
	await ok('job', 'add', 'Web', '--source', `folder:${source}`, '--on', 'Web', '--repository', 'Share', '--encrypt', '--password-file', password);
	await ok('job', 'run', 'Web');

	let restored = 0;
	/** Restores in the branch, or verifies. @returns the log, and what went over the cable */
	const follow = async (state: 'success' | 'warning', ...args: string[]): Promise<{ readonly log: string; readonly carried: number }> => {
		const before = branch.carriedBytes();
		const { session } = (await server.json(...args)).document;
		const log = (await server.run('session', 'show', session.id)).stdout;
		assert.equal(session.state, state, log);
		return { log, carried: branch.carriedBytes() - before };
	};
	const restore = async (state: 'success' | 'warning') => {
		const to = join(web.root, `back-${restored++}`);
		const followed = await follow(state, 'restore', 'files', 'Web@latest', '/', '--on', 'Web', '--to', to);
		await sameTree(source, to);
		return followed;
	};
	assert.ok((await restore('success')).carried > payload);

	// who is linked has the role, and sees the repository
	const link = (name: string) => ['repository', 'edit', 'Share', '--mount-server', name] as const;
	const noRole = await refusal(...link('Branch'));
	assert.equal(`${noRole.code} ${noRole.message}`, 'usage.conflict The machine “Branch” is no mount server.');
	assert.match(noRole.hint, /holdfast machine set Branch --role repository,mount/);
	assert.match(JSON.stringify(await refusal(...link('Laptop'))), /not-found\.machine.*There is: /);
	await Promise.all(['Branch', 'Near'].map((name) => ok('machine', 'set', name, '--role', 'repository,mount')));
	/** In the namespace of a machine, which takes its mounts with it. */
	const on = ({ child }: typeof mover, ...command: string[]): void => void execFileSync('nsenter', [`--mount=/proc/${child.pid}/ns/mnt`, ...command]);
	const hideShare = (from: typeof mover): void => on(from, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', share);
	for (const each of [webMover, mover]) {
		on(each, 'mount', '--make-rprivate', '/');
		hideShare(each);
	}
	const unmounted = await refusal(...link('Branch'));
	assert.match(`${unmounted.code} ${unmounted.message}`, /^repository\.unreachable “Branch” cannot be the mount server: .*is not the repository here/);
	assert.match(unmounted.hint, /Mount the share that holds the repository at \S+ on “Branch”/);
	assert.equal((await refusal('repository', 'add', 'More', '--path', join(share, 'more'), '--mount-server', 'Branch')).code, 'repository.unreachable');
	const { repositories } = await ok('repository', 'list');
	assert.deepEqual(
		repositories.map((repository: { mountServerId: string | null }) => repository.mountServerId),
		[null, null],
		'nothing has changed',
	);

	// payload stays in the branch, and what is verified stays on the machine
	on(mover, 'umount', share);
	assert.equal((await ok(...link('Branch'))).repository.mountServer, 'Branch');
	assert.match((await server.run('repository', 'show', 'Share')).stdout, /Mount server: +Branch\n/);
	const inside = await restore('success');
	assert.match(inside.log, /Read through “Branch”, the mount server of the repository\./);
	assert.ok(inside.carried < 1_000_000, `it went over the cable: ${inside.carried}`);
	const verified = await follow('success', 'point', 'verify', 'Web@latest');
	assert.match(verified.log, /Verified through “Branch”, the mount server of the repository\./);
	assert.ok(verified.carried < 1_000_000, `it went over the cable: ${verified.carried}`);
	const { plan } = await ok('restore', 'files', 'Web@latest', '/', '--on', 'Web', '--to', join(web.root, 'none'), '--dry-run');
	assert.ok(plan.bytes > payload);

	// needed as it is
	for (const args of [
		['machine', 'set', 'Branch', '--role', 'repository'],
		['machine', 'remove', 'Branch'],
	]) {
		const busy = await refusal(...args);
		assert.equal(`${busy.code} ${busy.message}`, 'busy.machine “Branch” is the mount server of the repositories “Share”.');
		assert.match(busy.hint, /--mount-server auto/);
	}

	// where machines choose their gateway themselves, it reads for who does not see the share
	await ok('repository', 'edit', 'Share', '--gateway', 'auto');
	const chosen = await restore('success');
	assert.match(chosen.log, /Read through “Branch”, the mount server of the repository, because “Web” does not see the repository/);
	assert.ok(chosen.carried < 1_000_000, `it went over the cable: ${chosen.carried}`);
	await ok('repository', 'edit', 'Share', '--gateway', 'fixed');

	// one that does not see the repository any more, or is away, is passed over
	hideShare(mover);
	const passed = await restore('warning');
	assert.match(passed.log, /Read through the backup server instead of the mount server “Branch”: .*is not the repository here/);
	assert.ok(passed.carried > payload);
	mover.child.kill('SIGKILL');
	await mover.ended;
	assert.match((await restore('warning')).log, /Read through the backup server instead of the mount server “Branch”: .*Branch cannot be reached/);

	// and so is one to which who is written on has no way
	await ok(...link('Near'));
	assert.match((await restore('warning')).log, /Read through the backup server instead of the mount server “Near”: “Web” cannot connect to it at 127\.0\.0\.1/);
	assert.equal((await ok(...link('auto'))).repository.mountServerId, null);
});
