/** An engine that dies in the middle of a virtual machine's session. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from './base/index.ts';
import { requireTool } from './base/testing.ts';
import { isFinal, jobSettings, type QuiesceMode, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, isRootOnLinux } from './platform/testbed.ts';
import { LibvirtHost } from './source/vm/testing/libvirt-host.ts';

const none = {};
const MiB = 2 ** 20;

test('QUIESCE-06: whenever the engine is killed, the machine goes on by itself, the next start leaves nothing of the snapshot, and the next run is right', {
	timeout: 600_000,
}, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img')) return;
	await using host = await LibvirtHost.start();
	const place = mkdtempSync(join(tmpdir(), 'holdfast-crashes-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	await host.define('web', { disks: { vda: '32M' } });
	await host.virsh('start', 'web');
	const expected = Buffer.alloc(32 * MiB);
	const write = async (byte: number, at: number): Promise<void> => {
		await host.write('web', 'vda', byte, at, 1);
		expected.fill(byte, at * MiB, (at + 1) * MiB);
	};
	const dataFolder = join(place, 'data');
	const open = () => openEngine({ dataFolder, logger: silentLog, runSchedules: false });
	const stateOf = async (): Promise<string> => (await host.virsh('domstate', 'web')).trim();
	const ofBackups = (): readonly string[] => readdirSync(host.folder).filter((name) => name.startsWith('holdfast-'));
	const has = (...path: string[]): boolean => ofBackups().some((name) => existsSync(join(host.folder, name, ...path)));

	{
		await using engine = await open();
		const { api } = engine;
		await api.hosts.add({ name: 'Lab', type: 'libvirt', uri: host.uri, machineId: null, scratchFolder: host.folder }, none);
		const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
		for (const quiesce of ['offline', 'crash'] satisfies QuiesceMode[]) {
			const settings = { name: quiesce, sources: [{ kind: 'vm', path: 'Lab/web' }], repositoryId: repository.id, quiesce, compression: 'none' } as const;
			await api.jobs.create(jobSettings.parse(settings), none);
		}
	}

	const instants: readonly { readonly name: string; readonly job: QuiesceMode; readonly isReached: () => boolean | Promise<boolean> }[] = [
		{ name: 'its state is being saved', job: 'offline', isReached: async () => has('held') && (await stateOf()) !== 'running' },
		{ name: 'its state is saved', job: 'offline', isReached: () => has('held') && has('memory') },
		{ name: 'its disks are read', job: 'crash', isReached: () => has('qemu', 'nbd') },
	];
	for (const [i, { name, job, isReached }] of instants.entries())
		await t.test(`when ${name}`, async () => {
			await write(i + 1, i * 3);
			for (let at = 16; at < 20; at++) await write(100 + i, at);
			const child = spawn(process.execPath, [join(import.meta.dirname, 'cli', 'holdfast.js'), '--data', dataFolder, 'job', 'run', job], { stdio: 'ignore' });
			const exited = once(child, 'exit');
			while (!(await isReached())) {
				assert.equal(child.exitCode, null, 'it ended before');
				await sleep(2);
			}
			child.kill('SIGKILL');
			await exited;
			// No engine is there
			while (has('held')) await sleep(50);
			assert.equal(await stateOf(), 'running');

			await (await open())[Symbol.asyncDispose](); // waits for the clean-up
			assert.deepEqual(ofBackups(), []);
			await assert.rejects(host.virsh('backup-dumpxml', 'web'));
			assert.equal(await stateOf(), 'running');

			await using engine = await open();
			const { api } = engine;
			const points = await api.points.list({}, none);
			const checkpoints = (await host.virsh('checkpoint-list', '--name', 'web')).split('\n').filter(Boolean);
			const known = checkpoints.filter((checkpoint) => points.some(({ sessionId }) => checkpoint.endsWith(sessionId)));
			assert.deepEqual(checkpoints, known, 'each is that of a point');
			await write(200 + i, i * 3 + 1);
			const follow = async ({ sessionId }: { sessionId: string }): Promise<Session> => {
				for await (const session of api.sessions.follow({ id: sessionId }, none)) if (isFinal(session.state)) return session;
				throw new Error('the session was not followed to its end');
			};
			const next = i === 0 ? 'offline' : 'crash'; // saving its state takes seconds: once is enough
			const id = (await api.jobs.list(none)).find(({ settings }) => settings.name === next)?.id ?? '';
			const session = await follow(await api.jobs.run({ id, full: null }, none));
			assert.ok(session.tasks.every(({ error }) => error === null) && session.tasks.length === 1, JSON.stringify(session.tasks));
			const to = join(place, `back-${i}`);
			await follow(await api.restore.files({ point: `${next}@latest`, paths: ['/vda.raw'], to, overwrite: 'never' }, none));
			assert.ok(readFileSync(join(to, 'vda.raw')).equals(expected));
			assert.deepEqual(ofBackups(), []);
			assert.equal(await stateOf(), 'running');
		});
});
