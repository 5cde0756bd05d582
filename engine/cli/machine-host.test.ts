/** A hypervisor host that only a managed machine can ask: its data mover reads the virtual machines, and gives them back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../base/testing.ts';
import { isRootOnLinux } from '../platform/testbed.ts';
import { startSshServer } from '../snapshot/testing/ssh-server.ts';
import { LibvirtHost } from '../source/vm/testing/libvirt-host.ts';
import { addFarMachine, ip } from './testing/far-machine.ts';
import { addMachine, backupFilesIn, startMover, turn } from './testing/mover.ts';
import { makePlace, makeServedPlace, noise, program, succeeding } from './testing/program.ts';

const mib = 1024 * 1024;

test('SRV-07 SRV-13 SNAP-01 GIP-03: virtual machines of a host on a managed machine are listed, read there and given back there, whatever dies meanwhile', {
	timeout: 240_000,
}, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'unshare')) return;
	await using host = await LibvirtHost.start('libvirt-qemu');
	// a way to the host that is there for the data mover, and for nobody else
	const sockets = mkdtempSync(join(tmpdir(), 'holdfast-host-'));
	t.after(() => rmSync(sockets, { recursive: true, force: true }));
	const script = `mount --make-rprivate / && mount --bind "${join(host.folder, 'sock')}" "${sockets}" && exec "$@"`;
	const far = await makePlace(t, ['unshare', '--mount', 'sh', '-c', script, 'sh', process.execPath, program]);
	const server = await makeServedPlace(t);
	const ok = succeeding(server);
	const refusal = async (...args: string[]) => (await server.json(...args)).document.error;
	let mover = await addMachine(server, far, 'Vault');
	t.after(async () => {
		mover.child.kill('SIGTERM');
		await mover.ended;
	});
	const uri = `qemu:///system?socket=${sockets}/libvirt-sock`;
	const expected = noise('vda', 8 * mib);
	const mac = '52:54:00:12:34:85';
	await host.define('web', { disks: { vda: '8M' }, more: `<interface type='user'><mac address='${mac}'/></interface>` });
	const raw = join(server.root, 'vda.raw');
	writeFileSync(raw, expected);
	execFileSync('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'qcow2', raw, join(host.folder, 'web-vda.qcow2')]);
	await host.virsh('start', 'web', '--paused');
	const write = async (byte: number, at: number): Promise<void> => {
		await host.write('web', 'vda', byte, at, 1);
		expected.fill(byte, at * mib, (at + 1) * mib);
	};

	const add = ['host', 'add', 'Lab', '--type', 'libvirt', '--uri', uri, '--scratch', host.folder];
	assert.equal((await refusal(...add)).code, 'source.unreachable', 'it cannot be asked from here');
	assert.equal((await refusal(...add, '--on', 'Nobody')).code, 'not-found.machine');
	const nowhere = await refusal('host', 'add', 'Lost', '--type', 'libvirt', '--uri', 'qemu:///system?socket=/nowhere/sock', '--on', 'Vault');
	assert.match(`${nowhere.code} ${nowhere.message}`, /source\.unreachable Vault .*answers/);
	const added = await ok(...add, '--on', 'Vault');
	assert.deepEqual([added.host.machine, added.host.state], ['Vault', 'online']);
	assert.match((await server.run('host', 'list')).stdout, /Lab +online .*Vault/);
	const { vms } = await ok('host', 'vms', 'Lab');
	assert.deepEqual([vms.length, vms[0].name, vms[0].disks[0].capacityBytes], [1, 'web', 8 * mib]);
	const removal = await refusal('machine', 'remove', 'Vault');
	assert.match(`${removal.code} ${removal.message}`, /busy\.machine .*“Lab”/);

	const here = join(server.root, 'backup');
	await ok('repository', 'add', 'Here', '--path', here);
	await ok('repository', 'add', 'There', '--path', join(far.root, 'backup'), '--on', 'Vault');
	await ok('repository', 'add', 'Single', '--path', join(server.root, 'single'), '--single-file');
	const job = ['job', 'add', 'Lab', '--source', 'vm:Lab/*', '--block-size', '256k', '--guest-writer', 'agent:/app.sh'];
	const mixed = await refusal('job', 'add', 'Mixed', '--source', 'vm:Lab/*', `folder:${server.root}`, '--repository', 'Single');
	assert.match(`${mixed.code} ${mixed.message}`, /usage\.conflict .*several machines/);
	await ok('machine', 'set', 'Vault', '--role', 'repository,proxy');
	assert.match((await refusal(...job, '--repository', 'Here', '--mode', 'off-host')).message, /managed machine is read there/);
	await ok(...job, '--repository', 'There');
	await ok(...job.with(2, 'Lab here'), '--repository', 'Here');

	const assertClean = async (): Promise<void> => {
		assert.deepEqual(
			readdirSync(host.folder).filter((name) => name.startsWith('holdfast-')),
			[],
		);
		await assert.rejects(host.virsh('backup-dumpxml', 'web'));
	};
	const assertImage = (image: string): void => {
		writeFileSync(raw, expected);
		assert.match(execFileSync('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', image, raw], { encoding: 'utf8' }), /identical/);
	};
	/** Another machine stands for the guest: it has the network address of its card, and a real ssh server. */
	const holdByAnotherWay = async (): Promise<void> => {
		const guest = addFarMachine(t, 85);
		const namespace = guest?.command[3] ?? '';
		const [, card = ''] = /^\d+: (hfb[^@:]+)/m.exec(execFileSync('ip', ['-n', namespace, '-o', 'link'], { encoding: 'utf8' })) ?? [];
		ip('-n', namespace, 'link', 'set', card, 'address', mac);
		const ssh = await startSshServer(t, { address: guest?.far ?? '', command: ['ip', 'netns', 'exec', namespace] });
		if (guest === null || ssh === null) return;
		const [script, log, known] = ['app.sh', 'log', 'known'].map((name) => join(ssh.folder, name)) as [string, string, string];
		writeFileSync(script, `#!/bin/sh\necho "$1" >> '${log}'\n`, { mode: 0o755 });
		writeFileSync(known, `web ${ssh.hostKey}`); // by the name of the machine, since addresses change
		const first = connect(ssh.port, guest.far);
		await once(first, 'connect'); // from then on the host knows who has this address, as of a guest that speaks with others
		first.destroy();
		const spec = `ssh:root@:${ssh.port}${script}?identity=${ssh.key}&known-hosts=${known}`;
		await ok('job', 'edit', 'Lab', '--guest-writer', spec, '--require-consistent');
		assert.equal((await ok('job', 'run', 'Lab')).session.state, 'success');
		const { point } = await ok('point', 'show', 'Lab@latest');
		assert.deepEqual([point.consistency, point.snapshot.writers], ['application', [`the script ${script} on ${guest.far}`]]);
		assert.equal(readFileSync(log, 'utf8'), 'freeze\nthaw\n');
	};
	for (const mode of ['full', 'increment']) {
		if (mode === 'increment') await write(9, 6);
		const { session } = await ok('job', 'run', 'Lab');
		const [task] = session.tasks;
		assert.deepEqual([session.state, task.snapshot.actual, task.mode.actual], ['success', 'libvirt', mode], JSON.stringify(task));
		if (mode === 'increment') assert.ok(session.readBytes < 2 * mib, `${session.readBytes} bytes were read`);
		assert.match((await server.run('session', 'show', session.id)).stdout, /Read on the machine “Vault”, where its host is/);
		await assertClean();
	}

	const { point } = await ok('point', 'show', 'Lab@latest');
	assert.deepEqual([point.consistency, /Nothing can be run in Lab\/web\. The machine does not run/.test(point.snapshot.reason)], ['crash', true]);
	await holdByAnotherWay();

	const images = join(host.folder, 'restored');
	mkdirSync(images, { mode: 0o755 });
	const copy = ['restore', 'vm', 'Lab/Lab/web@latest', '--name', 'copy', '--to', images];
	assert.equal((await refusal('restore', 'vm', 'Lab/Lab/web@latest')).code, 'exists.name');
	assert.equal((await refusal(...copy.with(-1, join(images, 'nothing')))).code, 'restore.target');
	const { plan } = await ok(...copy, '--dry-run');
	assert.deepEqual([plan.isCopy, plan.disks[0].to, plan.folders[0].freeBytes > 0], [true, join(images, 'copy-vda.qcow2'), true]);
	await ok(...copy, '--power-on');
	assert.equal((await host.virsh('domstate', 'copy')).trim(), 'running');
	await host.virsh('destroy', 'copy');
	assertImage(join(images, 'copy-vda.qcow2'));
	await host.virsh('undefine', 'copy');
	const inTheWay = await refusal(...copy);
	assert.match(`${inTheWay.code} ${inTheWay.message}`, /exists\.target .*copy-vda\.qcow2/);
	// the data mover dies in the middle: the host is tidied up when it is back, and the next run is right
	await write(3, 2);
	await ok('repository', 'edit', 'Here', '--write-limit', '1');
	const dying = server.json('job', 'run', 'Lab here');
	while (!backupFilesIn(here).some((name) => name.endsWith('.part'))) await turn();
	mover.child.kill('SIGKILL');
	await mover.ended;
	assert.ok(
		readdirSync(host.folder).some((name) => name.startsWith('holdfast-')),
		'nobody was left to remove it',
	);
	mover = await startMover(far, 'vault', { listen: mover.address });
	await assertClean();
	assert.deepEqual([(await dying).document.session.state, backupFilesIn(here)], ['failed', []]);
	await ok('repository', 'edit', 'Here', '--write-limit', '0');
	await ok('job', 'run', 'Lab here');
	await ok('restore', 'disk', 'Lab here/Lab/web@latest', '--to', join(server.root, 'back.qcow2'));
	assertImage(join(server.root, 'back.qcow2'));
	await assertClean();

	assert.equal((await refusal('host', 'remove', 'Lab')).code, 'busy.host');
	for (const name of ['Lab', 'Lab here']) await ok('job', 'remove', name);
	while ((await host.virsh('checkpoint-list', '--name', 'web')).trim() !== '') await turn(); // nobody needs them any more
	await ok('host', 'remove', 'Lab');
});
