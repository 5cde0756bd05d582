/** Virtual machines of a real libvirt host, given back: registered, equal in every byte, and bootable. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from './base/index.ts';
import { requireTool } from './base/testing.ts';
import { isFinal, jobSettings, type RestoreVmInput, repositorySettings, restoreVmInput, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, isRootOnLinux } from './platform/testbed.ts';
import { LibvirtHost } from './source/vm/testing/libvirt-host.ts';

const none = {};
const MiB = 2 ** 20;

/** Writes what stands behind it to the first serial port, as firmware leaves a machine to it. */
function bootSector(message: string): Buffer {
	const sector = Buffer.alloc(512);
	// mov dx,0x3f8; xor ax,ax; mov ds,ax; mov si,0x7c15; next: lodsb; test al,al; jz halt; out dx,al; jmp next; halt: hlt; jmp halt
	Buffer.from('baf80331c08ed8be157cac84c07403eeebf8f4ebfd', 'hex').copy(sector);
	sector.write(`${message}\0`, 21);
	sector.writeUInt16LE(0xaa55, 510);
	return sector;
}

test('VM: a machine is given back as a copy that boots, and as what it was; nothing of others is touched, and nothing is left of what fails', {
	timeout: 400_000,
}, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'qemu-io')) return;
	await using host = await LibvirtHost.start('libvirt-qemu'); // as Debian has it: images that root writes must become those of the machine
	const place = mkdtempSync(join(tmpdir(), 'holdfast-given-back-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	const inHost = (name: string): string => join(host.folder, name);
	const serial = inHost('serial.log');
	const generation = '12345678-1234-4123-8123-123456789abc';
	// Any firmware in flash will do; variables are kept beside it
	const variables = Buffer.alloc(65_536, 'variables ');
	writeFileSync(inHost('web_VARS.fd'), variables);
	await host.define('web', {
		head: `<features><acpi/></features><genid>${generation}</genid>`,
		os: `<loader readonly='yes' type='pflash'>/usr/share/seabios/bios-256k.bin</loader><nvram>${inHost('web_VARS.fd')}</nvram>`,
		disks: { vda: '64M', vdb: '32M raw' },
		more: `<interface type='user'><mac address='52:54:00:11:22:33'/></interface><serial type='file'><source path='${serial}'/></serial>`,
	});
	const boot = inHost('boot');
	writeFileSync(boot, Buffer.concat([bootSector('HELLO from the disk'), Buffer.alloc(5 * MiB, 'what a machine keeps ')]));
	execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write -q -s ${boot} 0 5M`, '-c', 'write -q -P 7 40M 1M', inHost('web-vda.qcow2')]);
	execFileSync('qemu-io', ['-f', 'raw', '-c', 'write -q -P 9 3M 1M', inHost('web-vdb.raw')]);
	const originals = { vda: inHost('original.qcow2'), vdb: inHost('original.raw') };
	execFileSync('cp', [inHost('web-vda.qcow2'), originals.vda]);
	execFileSync('cp', [inHost('web-vdb.raw'), originals.vdb]);

	await using engine = await openEngine({ dataFolder: join(place, 'data'), logger: silentLog, runSchedules: false });
	const { api } = engine;
	const ended = async ({ sessionId }: { sessionId: string }): Promise<Session> => {
		for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) return session;
		throw new Error('the session was not followed to its end');
	};
	await api.hosts.add({ name: 'Lab', type: 'libvirt', uri: host.uri, machineId: null, scratchFolder: host.folder }, none);
	await api.hosts.add({ name: 'Empty', type: 'libvirt', uri: host.uri, machineId: null, scratchFolder: host.folder }, none);
	const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	await api.jobs.create(
		jobSettings.parse({ name: 'Machines', sources: [{ kind: 'vm', path: 'Lab/web' }], repositoryId: repository.id, quiesce: 'crash', blockSize: '256k' }),
		none,
	);
	const [job] = await api.jobs.list(none);
	const backup = await ended(await api.jobs.run({ id: job?.id ?? '', full: null }, none));
	assert.equal(backup.state, 'success', JSON.stringify(backup.tasks));

	const giveBack = (input: Partial<RestoreVmInput>) => api.restore.vm(restoreVmInput.parse({ point: 'Machines@latest', ...input }), none);
	const uuidOf = async (name: string): Promise<string> => (await host.virsh('domuuid', name)).trim();
	const macOf = async (name: string): Promise<string> => /<mac address='([^']+)'/.exec(await host.virsh('dumpxml', name))?.[1] ?? '';
	const assertEqual = (image: string, disk: 'vda' | 'vdb'): void => {
		assert.match(execFileSync('qemu-img', ['check', '-f', 'qcow2', image], { encoding: 'utf8' }), /No errors/);
		const format = disk === 'vda' ? 'qcow2' : 'raw';
		assert.match(execFileSync('qemu-img', ['compare', '-f', 'qcow2', '-F', format, image, originals[disk]], { encoding: 'utf8' }), /identical/);
	};
	const before = { id: await uuidOf('web'), mac: await macOf('web') };

	await t.test('a disk of it comes back alone, when it is said which', async () => {
		const disk = { point: 'Machines@latest', overwrite: false, format: null };
		await assert.rejects(api.restore.disk({ ...disk, disk: null, to: inHost('x') }, none), { code: 'usage.invalid', hint: /vda, vdb/ });
		await assert.rejects(api.restore.disk({ ...disk, disk: 'vdz', to: inHost('x') }, none), { code: 'not-found.disk', hint: /vda, vdb/ });
		assert.equal((await ended(await api.restore.disk({ ...disk, disk: 'vda', to: inHost('x.qcow2') }, none))).state, 'success');
		assert.equal((await ended(await api.restore.disk({ ...disk, disk: 'vdb', to: inHost('y.img') }, none))).state, 'success');
		assertEqual(inHost('x.qcow2'), 'vda');
		assert.ok(readFileSync(inHost('y.img')).equals(readFileSync(originals.vdb)));
	});

	await t.test('what cannot be is refused at once', async () => {
		await assert.rejects(giveBack({}), { code: 'exists.name', hint: /--name/ });
		await assert.rejects(giveBack({ host: 'Nowhere', name: 'copy' }), { code: 'not-found.host' });
		await assert.rejects(giveBack({ name: 'copy', to: inHost('no-folder') }), { code: 'restore.target', message: /no-folder/ });
		writeFileSync(inHost('copy-vdb.qcow2'), 'precious');
		await assert.rejects(giveBack({ name: 'copy' }), { code: 'exists.target', message: /copy-vdb/, hint: /--overwrite/ });
		rmSync(inHost('copy-vdb.qcow2'));
		assert.equal((await host.virsh('list', '--all', '--name')).trim(), 'web');
	});

	await t.test('as a copy it boots from its restored disk, with an id and an address of its own', async () => {
		const plan = await api.restore.planVm(restoreVmInput.parse({ point: 'Machines@latest', name: 'copy', host: 'Empty' }), none);
		assert.deepEqual(
			[plan.isCopy, plan.disks.map(({ to, sizeBytes }) => [to, sizeBytes / MiB])],
			[
				true,
				[
					[inHost('copy-vda.qcow2'), 64],
					[inHost('copy-vdb.qcow2'), 32],
				],
			],
		);
		assert.equal(existsSync(inHost('copy-vda.qcow2')), false, 'a plan writes nothing');
		const session = await ended(await giveBack({ name: 'copy', host: 'Empty', powerOn: true }));
		assert.equal(session.state, 'success', JSON.stringify(session.tasks));
		while (!(existsSync(serial) && readFileSync(serial, 'latin1').includes('HELLO from the disk'))) await sleep(50);
		assert.equal((await host.virsh('domstate', 'copy')).trim(), 'running');
		await host.virsh('destroy', 'copy');
		assertEqual(inHost('copy-vda.qcow2'), 'vda');
		assertEqual(inHost('copy-vdb.qcow2'), 'vdb');
		assert.ok(readFileSync(inHost('copy_VARS.fd')).equals(variables));
		assert.match(await host.virsh('dumpxml', 'copy'), new RegExp(`<nvram>${inHost('copy_VARS.fd')}</nvram>`));
		assert.match(await host.virsh('dumpxml', 'copy'), /<genid>(?!12345678)[0-9a-f-]{36}<\/genid>/);
		assert.notEqual(await uuidOf('copy'), before.id);
		assert.match(await macOf('copy'), /^52:54:00:/);
		assert.notEqual(await macOf('copy'), before.mac);
		assert.deepEqual({ id: await uuidOf('web'), mac: await macOf('web') }, before, 'the original is as it was');
	});

	await t.test('in place of one that is gone it is the same machine again; images that were left are replaced only when that is allowed', async () => {
		await host.virsh('undefine', 'web', '--checkpoints-metadata', '--keep-nvram');
		await assert.rejects(giveBack({}), { code: 'exists.target', message: /web-vda\.qcow2 exists/ });
		execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -q -P 1 0 64M', inHost('web-vda.qcow2')]);
		writeFileSync(inHost('web_VARS.fd'), 'other variables');
		const session = await ended(await giveBack({ overwrite: true }));
		assert.equal(session.state, 'success', JSON.stringify(session.tasks));
		assert.deepEqual({ id: await uuidOf('web'), mac: await macOf('web') }, before);
		assertEqual(inHost('web-vda.qcow2'), 'vda');
		assertEqual(inHost('web-vdb.qcow2'), 'vdb'); // it was raw before
		assert.ok(readFileSync(inHost('web_VARS.fd')).equals(variables));
		assert.match(await host.virsh('dumpxml', 'web'), new RegExp(`<source file='${inHost('web-vdb.qcow2')}'`));
	});

	const slow = inHost('slow');
	mkdirSync(slow);
	/** So that something can happen meanwhile. */
	const limitReading = async (readLimit: number | null): Promise<void> => {
		const [main] = await api.repositories.list(none);
		if (main) await api.repositories.update({ id: main.id, revision: main.revision, settings: { ...main.settings, readLimit } }, none);
	};
	const meanwhile = async ({ sessionId }: { sessionId: string }, act: () => Promise<unknown>): Promise<Session> => {
		for await (const session of api.sessions.follow({ id: sessionId }, none)) {
			if (isFinal(session.state)) assert.fail(`it ended before: ${JSON.stringify(session.tasks)}`);
			if (existsSync(join(slow, 'late-vda.qcow2'))) break;
		}
		await act();
		await limitReading(null);
		return ended({ sessionId });
	};

	await t.test('one that is cancelled, or whose name is taken meanwhile, leaves nothing', async () => {
		await limitReading(1);
		const cancelled = await giveBack({ name: 'late', to: slow });
		assert.equal((await meanwhile(cancelled, () => api.sessions.cancel({ id: cancelled.sessionId }, none))).state, 'cancelled');
		assert.deepEqual(readdirSync(slow), []);
		await limitReading(1);
		const late = await meanwhile(await giveBack({ name: 'late', to: slow }), () => host.define('late', { disks: { vda: '1M' } }));
		assert.deepEqual([late.state, late.tasks[0]?.error?.code], ['failed', 'exists.name'], JSON.stringify(late.tasks));
		assert.deepEqual(readdirSync(slow), []);
		assert.match(await host.virsh('dumpxml', 'late'), /late-vda\.qcow2/, 'the other one is as it was made');
	});

	await t.test('a folder without room is known before anything is written', async (context) => {
		const small = inHost('small');
		mkdirSync(small);
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'none', small]);
		afterwards(context, () => execFileSync('umount', [small]));
		const session = await ended(await giveBack({ name: 'big', to: small }));
		assert.deepEqual([session.state, session.tasks[0]?.error?.code], ['failed', 'restore.target']);
		assert.match(session.tasks[0]?.error?.message ?? '', /has room for/);
		assert.deepEqual(readdirSync(small), []);
	});
});
