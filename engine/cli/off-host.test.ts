/** Off-host: snapshots that are made here, shown through TLS to a machine with an address of its own, and read and processed there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { requireTool } from '../base/testing.ts';
import { parseNbdUri } from '../block/index.ts';
import { type NumberedWriter, numberedWriterModule } from '../block/testing.ts';
import { LibvirtHost } from '../source/vm/testing/libvirt-host.ts';
import { addFarMachine } from './testing/far-machine.ts';
import { backupFilesIn, type StartedMover, startMover, turn } from './testing/mover.ts';
import { makeFolder, makePlace, makeServedPlace, noise, type Place, type Succeed, succeeding } from './testing/program.ts';

const mib = 1024 * 1024;
const blockBytes = 65_536;
/** Those that are written to all the time; what lies behind them stays. */
const blocks = 64;

type Site = {
	readonly server: Omit<Place, 'start'>;
	readonly far: Place;
	readonly mover: StartedMover;
	readonly ok: Succeed;
};

/** A backup server here, and the proxy Worker on another machine. */
async function openSite(t: TestContext, number: number): Promise<Site | null> {
	const machine = addFarMachine(t, number);
	if (machine === null) return null;
	const far = await makePlace(t, machine.command);
	const server = await makeServedPlace(t);
	const ok = succeeding(server);
	const { token } = await ok('machine', 'token');
	const mover = await startMover(far, 'mover', { listen: `${machine.far}:0`, pair: token });
	await ok('machine', 'add', 'Worker', '--address', mover.address, '--token', token, '--role', 'proxy,repository');
	return { server, far, mover, ok };
}

/** Listening sockets in the range of ports where snapshots are shown. */
const shownPorts = (): string[] =>
	readFileSync('/proc/net/tcp', 'utf8')
		.split('\n')
		.flatMap((line) => {
			const [, , port = '', state = ''] = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2})/.exec(line) ?? [];
			const number = Number.parseInt(port, 16);
			return state === '0A' && number >= 9480 && number < 9580 ? [line] : [];
		});

async function startWriter(t: TestContext, uri: string, exportName: string): Promise<Worker> {
	const { transport } = parseNbdUri(uri);
	assert.ok(transport.kind === 'unix');
	const workerData: NumberedWriter = { socket: transport.path, exportName, blockBytes, blocks };
	const writer = new Worker(numberedWriterModule, { workerData });
	t.after(() => writer.terminate());
	await once(writer, 'message');
	return writer;
}

test('OFFHOST-01 OFFHOST-03 OFFHOST-13 PROXY-02 GW-04 PIPE-07: a device is snapshotted here and read by a proxy while it is written to; nothing of a snapshot is left, whatever fails', async (t) => {
	const site = await openSite(t, 81);
	if (site === null) return;
	const { server, far, mover, ok } = site;
	const path = join(server.root, 'db.img');
	const lasting = noise('device', 8_000_000);
	writeFileSync(path, Buffer.concat([Buffer.alloc(blocks * blockBytes), lasting]));
	const { device } = await ok('device', 'add', 'db', '--path', path);
	const stopWriter = async (writer: Worker): Promise<void> => {
		writer.postMessage('stop');
		await once(writer, 'exit');
	};
	let writer: Worker | null = await startWriter(t, device.uri, 'db');
	const here = join(server.root, 'backup');
	await ok('repository', 'add', 'Here', '--path', here);
	await ok('repository', 'add', 'There', '--path', join(far.root, 'backup'), '--on', 'Worker');
	const options = ['--source', `disk:${path}`, '--mode', 'off-host', '--block-size', '256k'];
	await ok('job', 'add', 'Auto', '--repository', 'Here', ...options);
	const { job } = await ok('job', 'add', 'Pinned', '--repository', 'There', ...options, '--proxy', 'Worker');
	assert.deepEqual([job.mode, job.proxy], ['off-host', 'Worker']);
	assert.match((await server.run('job', 'show', 'Pinned')).stdout, /Read by: +Worker, off-host/);

	const heldSnapshots = async (): Promise<number> => (await ok('device', 'list')).devices[0].snapshots.length;
	const assertClean = async (): Promise<void> => assert.deepEqual([await heldSnapshots(), shownPorts()], [0, []]);
	const restored = async (name: string): Promise<Buffer> => {
		const to = join(server.root, `${name}.back`);
		await ok('restore', 'disk', `${name}@latest`, '--to', to, '--overwrite');
		return readFileSync(to);
	};
	const assertOneInstant = (content: Buffer): void => {
		const numbers = Array.from({ length: blocks }, (_, i) => content.readUInt32BE(i * blockBytes));
		assert.equal(Math.max(...numbers) - Math.min(...numbers), blocks - 1, 'a row without a gap');
		assert.ok(content.subarray(blocks * blockBytes).equals(lasting));
	};
	for (const name of ['Auto', 'Pinned']) {
		const { session } = await ok('job', 'run', name);
		const [task] = session.tasks;
		assert.deepEqual(
			[session.state, task.snapshot.actual, task.snapshot.proxy.name, task.mode.actual],
			['success', 'cow', 'Worker', 'full'],
			JSON.stringify(task),
		);
		if (writer !== null) await stopWriter(writer); // it takes all that the processors have
		writer = null;
		assertOneInstant(await restored(name));
		const { point } = await ok('point', 'show', `${name}@latest`);
		assert.equal(point.snapshot.proxy.name, 'Worker');
		assert.equal(point.machine, undefined, 'it lies on no managed machine');
		assert.match((await server.run('session', 'show', session.id)).stdout, /Read off-host by “Worker”: 1 object[\s\S]*“Worker” reads it off-host/);
		await assertClean();
	}

	// in the middle of the run it is cancelled, then the proxy dies
	await ok('repository', 'edit', 'Here', '--write-limit', '1');
	const before = backupFilesIn(here);
	const inTheMiddle = async () => {
		const earlier = new Set(backupFilesIn(here)); // of a run that was just cancelled a part may be left
		const run = server.json('job', 'run', 'Auto', '--full', 'active');
		while (!backupFilesIn(here).some((name) => name.endsWith('.part') && !earlier.has(name))) await turn();
		assert.deepEqual([await heldSnapshots(), shownPorts().length], [1, 1]);
		return { run };
	};
	const cancelled = await inTheMiddle();
	await ok('job', 'cancel', 'Auto');
	assert.equal((await cancelled.run).code, 130);
	await assertClean();
	const failed = await inTheMiddle();
	mover.child.kill('SIGKILL');
	await mover.ended;
	const revived = await startMover(far, 'mover', { listen: mover.address });
	const { document } = await failed.run;
	assert.deepEqual([document.session.state, document.session.tasks[0].error.code], ['failed', 'connection.lost'], JSON.stringify(document.session));
	await assertClean();
	assert.deepEqual(backupFilesIn(here), before);

	// the next run is right, and reads only what has changed; on a share the proxy is the gateway
	await stopWriter(await startWriter(t, device.uri, 'db'));
	await ok('repository', 'edit', 'Here', '--write-limit', '0', '--gateway', 'auto');
	const { session } = await ok('job', 'run', 'Auto');
	assert.match((await server.run('session', 'show', session.id)).stdout, /Written through “Worker”, which has the share of the repository mounted/);
	assert.deepEqual([session.tasks[0].mode.actual, session.tasks[0].mode.reason], ['increment', '']);
	assert.ok(session.readBytes <= blocks * blockBytes, `${session.readBytes} bytes were read`);
	assert.ok((await restored('Auto')).equals(readFileSync(path)));

	// without a proxy nothing is read, and nothing is left
	revived.child.kill('SIGTERM');
	await revived.ended;
	const offline = (await server.json('job', 'run', 'Pinned')).document.session.error;
	assert.match(`${offline.code} ${offline.message}`, /infra\.no-proxy .*“Worker” cannot be reached/);
	await assertClean();
});

test('OFFHOST-04 OFFHOST-06 PROXY-01 PROXY-07 VAL-18 DEPLOY-05: what cannot be off-host is refused when the job is saved, with what would help', async (t) => {
	const site = await openSite(t, 82);
	if (site === null) return;
	const { server, far, mover, ok } = site;
	const folder = join(server.root, 'documents');
	await makeFolder(folder);
	const [disk, served] = ['plain.img', 'served.img'].map((name) => join(server.root, name));
	for (const path of [disk, served]) writeFileSync(path ?? '', noise('disk', 65_536));
	await ok('device', 'add', 'db', '--path', served ?? '');
	await ok('repository', 'add', 'Here', '--path', join(server.root, 'backup'));
	await ok('job', 'add', 'Web', '--source', `folder:${folder}`, '--repository', 'Here');
	const refused = async (words: RegExp, ...args: string[]): Promise<void> => {
		const { error } = (await server.json(...args)).document;
		assert.match(`${error?.code} ${error?.data?.field} ${error?.message} ${error?.hint}`, words, args.join(' '));
	};
	const add = (spec: string, ...more: string[]): string[] => ['job', 'add', 'New', '--source', spec, '--repository', 'Here', ...more];
	const offHost = ['--mode', 'off-host'];
	await refused(/usage\.conflict sources\.?.*No snapshot can be made of .*documents/, ...add(`folder:${folder}`, ...offHost));
	await refused(/usage\.conflict sources.*No snapshot can be made of .*plain/, ...add(`disk:${disk}`, ...offHost));
	await refused(/usage\.conflict snapshot .*wants none/, ...add(`disk:${served}`, ...offHost, '--snapshot', 'none'));
	await refused(/usage\.conflict mode .*is read there/, ...add(`folder:${join(far.root)}`, ...offHost, '--on', 'Worker'));
	await refused(/usage\.conflict proxyId .*off-host only/, ...add(`disk:${served}`, '--proxy', 'Worker'));
	await refused(/not-found\.machine/, ...add(`disk:${served}`, ...offHost, '--proxy', 'Nobody'));
	await ok('job', 'add', 'Fine', '--source', `disk:${served}`, '--repository', 'Here', ...offHost, '--proxy', 'Worker');
	await refused(/busy\.machine .*proxy of the jobs “Fine”/, 'machine', 'set', 'Worker', '--role', 'repository');
	await refused(/busy\.machine .*proxy of the jobs “Fine”/, 'machine', 'remove', 'Worker');
	await ok('job', 'edit', 'Fine', '--proxy', 'auto');
	await ok('machine', 'set', 'Worker', '--role', 'repository');
	await refused(/usage\.conflict proxyId .*not the role of a proxy/, 'job', 'edit', 'Fine', '--proxy', 'Worker');
	await refused(/infra\.no-proxy proxyId .*no machine with the role of a proxy/, ...add(`disk:${served}`, ...offHost));
	// what was saved is looked at again when it starts
	const { session } = (await server.json('job', 'run', 'Fine')).document;
	assert.deepEqual([session.state, session.error.code], ['failed', 'infra.no-proxy']);
	const { job } = await ok('job', 'edit', 'Fine', '--mode', 'on-host');
	assert.deepEqual([job.mode, job.proxyId], ['on-host', null]);
	assert.equal((await ok('job', 'run', 'Fine')).session.tasks[0].snapshot.proxy, undefined);
	mover.child.kill('SIGTERM');
	await mover.ended;
});

test('OFFHOST-03 OFFHOST-13 PIPE-04: a virtual machine goes on while a proxy reads it as it was, memory included, then only what has changed; a proxy that dies leaves nothing on the host', {
	timeout: 240_000,
}, async (t) => {
	if (!requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img')) return;
	const site = await openSite(t, 83);
	if (site === null) return;
	const { server, far, mover, ok } = site;
	await using host = await LibvirtHost.start('libvirt-qemu');
	const size = 8 * mib;
	await host.define('web', { disks: { vda: '8M' } });
	const expected = noise('vda', size);
	const image = join(server.root, 'vda.raw');
	writeFileSync(image, expected);
	execFileSync('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'qcow2', image, join(host.folder, 'web-vda.qcow2')]);
	await host.virsh('start', 'web', '--paused');
	await ok('host', 'add', 'Lab', '--type', 'libvirt', '--uri', host.uri, '--scratch', host.folder);
	const here = join(server.root, 'backup');
	await ok('repository', 'add', 'Here', '--path', here, '--write-limit', '4');
	const options = ['--mode', 'off-host', '--quiesce', 'offline', '--block-size', '256k', '--compression', 'none'];
	await ok('job', 'add', 'Lab', '--source', 'vm:Lab/*', '--repository', 'Here', ...options);
	const before = backupFilesIn(here);
	const whileItIsRead = async () => {
		const run = server.json('job', 'run', 'Lab');
		while (!backupFilesIn(here).some((name) => name.endsWith('.part') && !before.includes(name))) await turn();
		assert.equal(shownPorts().length, 1);
		return { run };
	};
	const assertClean = async (): Promise<void> => {
		assert.deepEqual([readdirSync(host.folder).filter((name) => name.startsWith('holdfast-')), shownPorts()], [[], []]);
		await assert.rejects(host.virsh('backup-dumpxml', 'web'));
	};
	const assertPoint = async (): Promise<void> => {
		const to = join(server.root, 'back');
		rmSync(to, { recursive: true, force: true });
		await ok('restore', 'files', 'Lab/Lab/web@latest', '/', '--to', to);
		assert.match(readFileSync(join(to, 'definition.xml'), 'utf8'), /<name>web<\/name>/);
		assert.ok(readFileSync(join(to, 'vda.raw')).equals(expected));
		assert.deepEqual(readdirSync(to).sort(), ['definition.xml', 'memory', 'vda.raw'], 'its state, saved on the host, as well');
	};

	const first = await whileItIsRead();
	await host.write('web', 'vda', 9, 6, 1); // which is after the instant
	const { session } = (await first.run).document;
	const [task] = session.tasks;
	assert.deepEqual(
		[session.state, task.snapshot.actual, task.snapshot.proxy.name, task.mode.actual],
		['success', 'libvirt', 'Worker', 'full'],
		JSON.stringify(task),
	);
	await assertPoint();
	await assertClean();

	expected.fill(9, 6 * mib, 7 * mib);
	await ok('repository', 'edit', 'Here', '--write-limit', '0');
	const second = (await ok('job', 'run', 'Lab')).session;
	assert.deepEqual([second.tasks[0].mode.actual, second.tasks[0].mode.reason], ['increment', '']);
	assert.ok(second.readBytes < 2 * mib, `${second.readBytes} bytes were read`);
	await assertPoint();

	await ok('repository', 'edit', 'Here', '--write-limit', '1');
	before.push(...backupFilesIn(here));
	for (let at = 0; at < 4; at++) await host.write('web', 'vda', at + 1, at, 1);
	const third = await whileItIsRead();
	mover.child.kill('SIGKILL');
	await mover.ended;
	const revived = await startMover(far, 'mover', { listen: mover.address });
	assert.equal((await third.run).document.session.state, 'failed');
	await assertClean();
	revived.child.kill('SIGTERM');
	await revived.ended;
});
