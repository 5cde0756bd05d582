/** Virtual machines of a real libvirt host, protected by a job and given back as their disks. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from './base/index.ts';
import { requireTool } from './base/testing.ts';
import { isFinal, jobSettings, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, isRootOnLinux } from './platform/testbed.ts';
import { LibvirtHost } from './source/vm/testing/libvirt-host.ts';

const none = {};
const MiB = 2 ** 20;

test('VM: all machines of a host, running or off, are protected from outside, then only what has changed; nothing of a snapshot is left on them', {
	timeout: 600_000,
}, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img')) return;
	await using host = await LibvirtHost.start('libvirt-qemu');
	const place = mkdtempSync(join(tmpdir(), 'holdfast-machines-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	await host.define('web', { disks: { vda: '64M', vdb: '32M raw' } });
	await host.define('old', { disks: { vda: '16M' } });
	await host.virsh('start', 'web', '--paused');
	const expected = Buffer.alloc(64 * MiB);
	const write = async (byte: number, at: number, count: number): Promise<void> => {
		await host.write('web', 'vda', byte, at, count);
		expected.fill(byte, at * MiB, (at + count) * MiB);
	};
	await write(1, 0, 40);
	await host.write('web', 'vdb', 9, 3, 1);

	await using engine = await openEngine({ dataFolder: join(place, 'data'), logger: silentLog, runSchedules: false });
	const { api } = engine;
	const run = async (): Promise<Session> => {
		const [job] = await api.jobs.list(none);
		const { sessionId } = await api.jobs.run({ id: job?.id ?? '', full: null }, none);
		for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) return session;
		throw new Error('the session was not followed to its end');
	};
	const taskOf = (session: Session, object: string) => session.tasks.find((task) => task.object === object) ?? assert.fail(`${object} was not protected`);
	const restored = async (): Promise<Buffer> => {
		const to = join(place, 'back');
		rmSync(to, { recursive: true, force: true });
		const [newest] = (await api.points.list({}, none)).filter(({ object }) => object === 'vm:Lab/web').toSorted((a, b) => b.createdAt - a.createdAt);
		const { sessionId } = await api.restore.files({ point: newest?.id ?? '', paths: ['/'], to, overwrite: 'never' }, none);
		for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) assert.equal(session.state, 'success');
		assert.match(readFileSync(join(to, 'definition.xml'), 'utf8'), /<name>web<\/name>/);
		const second = readFileSync(join(to, 'vdb.raw'));
		assert.deepEqual([second.byteLength, second[3 * MiB], second[4 * MiB]], [32 * MiB, 9, 0]);
		return readFileSync(join(to, 'vda.raw'));
	};
	const assertClean = async (): Promise<void> => {
		assert.deepEqual(
			readdirSync(host.folder).filter((name) => name.startsWith('holdfast-')),
			[],
		);
		await assert.rejects(host.virsh('backup-dumpxml', 'web'));
		assert.deepEqual((await host.virsh('list', '--name')).split('\n').filter(Boolean), ['web']);
		const checkpoints = (await host.virsh('checkpoint-list', '--name', 'web')).split('\n').filter(Boolean);
		assert.equal(checkpoints.length, 1, checkpoints.join());
	};

	await api.hosts.add({ name: 'Lab', type: 'libvirt', uri: host.uri, machineId: null, scratchFolder: host.folder }, none);
	const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	const settings = { name: 'Machines', sources: [{ kind: 'vm', path: 'Lab/*' }], repositoryId: repository.id, quiesce: 'crash', blockSize: '256k' } as const;
	await assert.rejects(api.jobs.create(jobSettings.parse({ ...settings, sources: [{ kind: 'vm', path: 'Nowhere/web' }] }), none), { code: 'not-found.host' });
	await api.jobs.create(jobSettings.parse(settings), none);

	const first = await run();
	assert.equal(first.state, 'success', JSON.stringify(first.tasks));
	assert.deepEqual(first.tasks.map(({ object }) => object).sort(), ['vm:Lab/old', 'vm:Lab/web']);
	assert.ok((await restored()).equals(expected));
	await assertClean();

	await write(2, 5, 1);
	await host.define('new', { disks: { vda: '16M' } });
	const second = await run();
	assert.equal(second.state, 'success', JSON.stringify(second.tasks));
	assert.deepEqual(second.tasks.map(({ object }) => object).sort(), ['vm:Lab/new', 'vm:Lab/old', 'vm:Lab/web']);
	const { counters, mode } = taskOf(second, 'vm:Lab/web');
	assert.equal(mode?.actual, 'increment');
	assert.ok(counters.readBytes < 3 * MiB, `${counters.readBytes} bytes were read`);
	assert.ok((await restored()).equals(expected));
	await assertClean();

	for (const name of ['old', 'new']) await host.virsh('undefine', name, '--checkpoints-metadata');
	// QEMU dies while it is read: the task fails or was over already, nothing is left, and the next run is right.
	const dying = run();
	while (!readdirSync(host.folder).some((name) => existsSync(join(host.folder, name, 'qemu', 'nbd')))) await sleep(5);
	await host.kill('web');
	assert.ok(isFinal((await dying).state));
	await host.virsh('start', 'web', '--paused');
	await write(3, 50, 2);
	const third = await run();
	assert.equal(third.state, 'success', JSON.stringify(third.tasks));
	assert.match(taskOf(third, 'vm:Lab/web').mode?.reason ?? '', /All of Lab\/web\/vda was read/);
	assert.ok((await restored()).equals(expected));
	await assertClean();

	const [job] = await api.jobs.list(none);
	const [lab] = await api.hosts.list(none);
	await assert.rejects(api.hosts.remove({ id: lab?.id ?? '', revision: lab?.revision ?? 0 }, none), { code: 'busy.host', message: /Machines/ });
	await api.jobs.remove({ id: job?.id ?? '', revision: job?.revision ?? 0 }, none);
	while ((await host.virsh('checkpoint-list', '--name', 'web')).trim() !== '') await sleep(50); // nobody needs it any more
	assert.deepEqual(
		(await api.points.list({}, none))
			.map(({ consistency, object }) => `${object} ${consistency}`)
			.toSorted()
			.at(0),
		'vm:Lab/new file-system',
	);
});
