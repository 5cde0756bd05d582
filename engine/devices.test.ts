import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isEngineError, silentLog } from './base/index.ts';
import { parseNbdUri } from './block/index.ts';
import { type NumberedWriter, numberedWriterModule } from './block/testing.ts';
import { deviceSettings, type EngineApi, isFinal, jobSettings, repositorySettings, type Session } from './contract/index.ts';
import { openEngine } from './engine.ts';

const none = {};
const mib = 1024 * 1024;
const blockBytes = 65_536;
const blocks = 64;

async function ended(api: EngineApi, id: string): Promise<Session> {
	for await (const session of api.sessions.follow({ id }, none)) if (isFinal(session.state)) return session;
	throw new Error('the session was not followed to its end');
}

test('SNAP-01 COW-04 PIPE-04: a job reads a device from its own snapshot while it is written to, then only what has changed, also after a restart', {
	skip: process.platform !== 'linux' && 'needs blocking sockets',
}, async (t) => {
	const place = mkdtempSync(join(tmpdir(), 'holdfast-devices-'));
	const path = join(place, 'db.img');
	writeFileSync(path, '');
	truncateSync(path, 40 * mib);
	const open = () => openEngine({ dataFolder: join(place, 'data'), logger: silentLog });
	let engine = await open();
	t.after(async () => {
		await engine[Symbol.asyncDispose]();
		rmSync(place, { recursive: true, force: true });
	});
	const run = async (): Promise<{ session: Session; content: Buffer }> => {
		const { api } = engine;
		const [job] = await api.jobs.list(none);
		const session = await ended(api, (await api.jobs.run({ id: job?.id ?? '', full: null }, none)).sessionId);
		assert.equal(session.state, 'success', JSON.stringify(session.tasks[0]?.warnings));
		const to = join(place, 'restored.img');
		rmSync(to, { force: true });
		const { sessionId } = await api.restore.disk({ point: 'Database@latest', disk: null, to, format: null, overwrite: false }, none);
		assert.equal((await ended(api, sessionId)).state, 'success');
		return { session, content: readFileSync(to) };
	};
	const taskOf = (session: Session) => session.tasks[0] as NonNullable<Session['tasks'][0]>;

	const device = await engine.api.devices.add(deviceSettings.parse({ name: 'db', path }), none);
	assert.equal(device.state, 'served');
	await assert.rejects(engine.api.devices.add(deviceSettings.parse({ name: 'again', path }), none), (error) => isEngineError(error, 'usage.conflict'));
	await assert.rejects(engine.api.devices.add(deviceSettings.parse({ name: 'none', path: join(place, 'none') }), none), (error) =>
		isEngineError(error, 'source.missing'),
	);
	const repository = await engine.api.repositories.add(repositorySettings.parse({ name: 'Main', path: join(place, 'repository') }), none);
	await engine.api.jobs.create(
		jobSettings.parse({ name: 'Database', sources: [{ kind: 'disk', path }], repositoryId: repository.id, blockSizeBytes: 262_144 }),
		none,
	);

	const { transport } = parseNbdUri(device.uri ?? '');
	assert.ok(transport.kind === 'unix');
	const workerData: NumberedWriter = { socket: transport.path, exportName: 'db', blockBytes, blocks };
	const writer = new Worker(numberedWriterModule, { workerData });
	await once(writer, 'message');
	const first = await run();
	const numbers = Array.from({ length: blocks }, (_, i) => first.content.readUInt32BE(i * blockBytes));
	assert.equal(Math.max(...numbers) - Math.min(...numbers), blocks - 1, 'a row without a gap: one instant');
	const { snapshot, mode } = taskOf(first.session);
	assert.deepEqual([snapshot?.actual, snapshot?.instant, mode?.actual], ['cow', 'set', 'full']);
	assert.equal((await engine.api.points.list({}, none))[0]?.consistency, 'crash', 'nobody told what writes to it');

	const second = await run();
	assert.deepEqual([taskOf(second.session).mode?.actual, taskOf(second.session).mode?.reason], ['increment', '']);
	assert.ok(second.session.counters.readBytes <= blocks * blockBytes, `${second.session.counters.readBytes} bytes were read`);
	writer.postMessage('stop');
	await once(writer, 'exit');

	await engine[Symbol.asyncDispose]();
	engine = await open();
	const third = await run();
	assert.equal(taskOf(third.session).mode?.reason, '', 'an orderly end loses nothing');
	assert.ok(third.content.equals(readFileSync(path)));

	await engine[Symbol.asyncDispose]();
	writeFileSync(path, Buffer.alloc(3 * mib, 9), { flag: 'r+' });
	engine = await open();
	const fourth = await run();
	assert.match(taskOf(fourth.session).mode?.reason ?? '', /All of the disk was read/);
	assert.equal(taskOf(fourth.session).mode?.actual, 'increment');
	assert.ok(fourth.content.equals(readFileSync(path)));

	const [served] = await engine.api.devices.list(none);
	assert.deepEqual([served?.state, served?.snapshots, served?.clients], ['served', [], 0]);
	await engine.api.devices.remove({ id: served?.id ?? '', revision: served?.revision ?? 0 }, none);
	assert.deepEqual(await engine.api.devices.list(none), []);
	assert.deepEqual(readdirSync(join(place, 'data', 'devices')), [], 'nothing of it is left');
});
