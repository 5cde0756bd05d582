/** A real guest with its agent, protected while it writes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from './base/index.ts';
import { requireTool } from './base/testing.ts';
import { isFinal, jobSettings, repositorySettings, restoreVmInput, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';
import { afterwards, isRootOnLinux } from './platform/testbed.ts';
import { LibvirtHost } from './source/vm/testing/libvirt-host.ts';
import { awaitAgent, buildGuest, defineGuest, findGuestParts } from './source/vm/testing/linux-guest.ts';

const none = {};

test('QUIESCE-01 QUIESCE-03 QUIESCE-04: the agent of a real guest holds its file systems still, so that each point is clean and of one instant; then the guest writes on', {
	timeout: 600_000,
}, async (t) => {
	if (!isRootOnLinux(t) || !requireTool(t, 'libvirtd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'mkfs.ext4', 'debugfs')) return;
	const parts = findGuestParts();
	if (parts === null) return void requireTool(t, 'vmlinuz'); // .ci/run has it
	await using host = await LibvirtHost.start();
	const place = mkdtempSync(join(tmpdir(), 'holdfast-guest-'));
	afterwards(t, () => rmSync(place, { recursive: true, force: true }));
	const guest = buildGuest(host.folder, parts);
	await defineGuest(host, 'guest', guest);
	await host.virsh('start', 'guest');
	await awaitAgent(host, 'guest');
	const logOf = (name: string): string => readFileSync(join(host.folder, `${name}.log`), 'utf8');
	const written = (name: string): number => Number(/number (\d+)\s*$/.exec(logOf(name))?.[1] ?? 0);
	const writesOn = async (name = 'guest'): Promise<void> => {
		const before = written(name);
		while (written(name) <= before) await sleep(50);
	};
	await writesOn();

	await using engine = await openEngine({ dataFolder: join(place, 'data'), logger: silentLog, runSchedules: false });
	const { api } = engine;
	const ended = async (id: string): Promise<Session> => {
		for await (const session of api.sessions.follow({ id }, none)) if (isFinal(session.state)) return session;
		throw new Error('the session was not followed to its end');
	};
	await api.hosts.add({ name: 'Lab', type: 'libvirt', uri: host.uri, machineId: null, scratchFolder: host.folder }, none);
	const repository = await api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	const settings = { name: 'Guest', sources: [{ kind: 'vm', path: 'Lab/guest' }], repositoryId: repository.id, requireConsistent: true } as const;
	const job = await api.jobs.create(jobSettings.parse(settings), none);
	let last = 0;
	for (let i = 0; i < 3; i++) {
		const session = await ended((await api.jobs.run({ id: job.id, full: null }, none)).sessionId);
		assert.equal(session.state, 'success', JSON.stringify(session.tasks));
		const to = join(place, `back-${i}`);
		const restore = await api.restore.files({ point: 'Guest@latest', paths: ['/vda.raw'], to, overwrite: 'never' }, none);
		assert.equal((await ended(restore.sessionId)).state, 'success');
		const image = join(to, 'vda.raw');
		const read = (file: string): number =>
			Number(execFileSync('debugfs', ['-R', `cat /${file}`, image], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
		assert.doesNotMatch(
			execFileSync('dumpe2fs', ['-h', image], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
			/needs_recovery/,
			'it was held still',
		);
		execFileSync('e2fsck', ['-fn', image], { stdio: 'ignore' });
		const [first, second] = [read('first'), read('second')];
		assert.ok(first === second || first === second + 1, `${first} and ${second} are not of one instant`);
		assert.ok(first > last, 'the guest has written in between');
		last = first;
		await writesOn();
	}
	const points = await api.points.list({}, none);
	assert.deepEqual(
		[...new Set(points.map(({ consistency, snapshot }) => `${consistency} ${snapshot?.writers.join()}`))],
		['file-system the guest agent of Lab/guest'],
	);
	assert.equal(points.filter(({ mode }) => mode.actual === 'increment').length, 2);

	await t.test(
		'GIP-01 GIP-03 GIP-08 QUIESCE-02: what a job names in the guest holds still too, by its agent; where it cannot, the point is less, or there is none',
		async () => {
			assert.doesNotMatch(logOf('guest'), /application/, 'nothing is run in a guest unless a job names it');
			const aware = { ...settings, name: 'Aware', guestWriters: ['agent:/bin/application'], blockSize: '256k' } as const;
			let { id, revision } = await api.jobs.create(jobSettings.parse(aware), none);
			const run = async (): Promise<Session> => ended((await api.jobs.run({ id, full: null }, none)).sessionId);
			const held = await run();
			assert.equal(held.state, 'success', JSON.stringify(held.tasks));
			const point = await api.points.get({ point: 'Aware@latest' }, none);
			const title = 'the script /bin/application in Lab/guest';
			assert.deepEqual([point.consistency, point.snapshot?.writers], ['application', [title, 'the guest agent of Lab/guest']]);
			assert.match(logOf('guest'), /application freeze[\s\S]*application thaw/);
			const to = join(place, 'aware');
			await ended((await api.restore.files({ point: point.id, paths: ['/vda.raw'], to, overwrite: 'never' }, none)).sessionId);
			const found = execFileSync('debugfs', ['-R', 'cat /held', join(to, 'vda.raw')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
			assert.equal(found, 'held\n', 'at the instant of the snapshot it held still');
			await writesOn();

			for (const requireConsistent of [true, false]) {
				const changed = jobSettings.parse({ ...aware, guestWriters: ['agent:/bin/nothing'], requireConsistent });
				({ id, revision } = await api.jobs.update({ id, revision, settings: changed }, none));
				const session = await run();
				const told = requireConsistent
					? (session.tasks[0]?.error?.message ?? '')
					: ((await api.points.get({ point: 'Aware@latest' }, none)).snapshot?.reason ?? '');
				assert.deepEqual([session.state, /does not run \/bin\/nothing/.test(told)], [requireConsistent ? 'failed' : 'success', true], JSON.stringify(session));
			}
			assert.equal((await api.points.get({ point: 'Aware@latest' }, none)).consistency, 'file-system');
			await writesOn();
		},
	);

	await host.virsh('destroy', 'guest');
	await t.test('QUIESCE-01 QUIESCE-06: without an agent its state is saved with the point, and it goes on; given back, it goes on from there', async () => {
		await defineGuest(host, 'plain', guest, { hasAgent: false });
		await host.virsh('start', 'plain');
		while (!logOf('plain').includes('booted')) await sleep(50);
		await writesOn('plain');
		const plain = { ...settings, name: 'Plain', sources: [{ kind: 'vm', path: 'Lab/plain' }], quiesce: 'offline', blockSize: '256k' } as const;
		const saving = await api.jobs.create(jobSettings.parse(plain), none);
		const run = async (): Promise<Session> => {
			const session = await ended((await api.jobs.run({ id: saving.id, full: null }, none)).sessionId);
			assert.equal(session.state, 'success', JSON.stringify(session.tasks));
			assert.equal((await host.virsh('domstate', 'plain')).trim(), 'running');
			await writesOn('plain');
			assert.deepEqual(
				readdirSync(host.folder).filter((name) => name.startsWith('holdfast-')),
				[],
			);
			return session;
		};
		await run();
		const [task] = (await run()).tasks;
		assert.deepEqual([task?.mode?.actual, task?.mode?.reason], ['increment', ''], 'what has changed is still known');
		const point = await api.points.get({ point: 'Plain@latest' }, none);
		assert.deepEqual([point.consistency, point.snapshot?.writers], ['file-system', ['Lab/plain in a saved state']]);
		assert.ok((await api.points.browse({ point: point.id, path: '/', offset: 0, limit: 10 }, none)).entries.some(({ name }) => name === 'memory'));

		const copy = await api.restore.planVm(restoreVmInput.parse({ point: point.id, name: 'copy' }), none);
		assert.equal(copy.savedState, 'lost', 'another machine cannot go on from it');
		await host.virsh('destroy', 'plain');
		await host.virsh('undefine', 'plain', '--checkpoints-metadata');
		const images = (await api.restore.planVm(restoreVmInput.parse({ point: point.id, overwrite: true }), none)).disks;
		const { sessionId } = await api.restore.vm(restoreVmInput.parse({ point: point.id, overwrite: true }), none);
		const session = await ended(sessionId);
		assert.equal(session.state, 'success', JSON.stringify(session.tasks));
		assert.match(await host.virsh('dominfo', 'plain'), /Managed save: +yes/);
		await host.virsh('start', 'plain');
		await writesOn('plain');
		assert.doesNotMatch(logOf('plain'), /booted/, 'it went on from where it was');
		assert.equal(existsSync(join(host.folder, 'plain.memory')), false);
		await host.virsh('destroy', 'plain');
		await host.virsh('undefine', 'plain');
		const power = await ended((await api.restore.vm(restoreVmInput.parse({ point: point.id, overwrite: true, powerOn: true }), none)).sessionId);
		assert.equal(power.state, 'success', JSON.stringify(power.tasks));
		assert.equal((await host.virsh('domstate', 'plain')).trim(), 'running', 'it goes on at once');
		assert.doesNotMatch(await host.virsh('dominfo', 'plain'), /Managed save: +yes/);
		await writesOn('plain');
		assert.doesNotMatch(logOf('plain'), /booted/);
		assert.equal(existsSync(join(host.folder, 'plain.memory')), false);
		await host.virsh('destroy', 'plain');
		for (const { to } of images) execFileSync('qemu-img', ['check', '-q', to]);
	});
});
