import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EngineError, isEngineError } from '../../base/index.ts';
import { LocalFolder, markRepository } from '../../repository/index.ts';
import { storageSuite } from '../../repository/storage/storage-suite.ts';
import { seededRandom } from '../../repository/testing/random.ts';
import { methods } from './calls.ts';
import { openSession } from './client.ts';
import type { RemotePlace } from './place.ts';
import { RemoteReading } from './remote-reading.ts';
import { RemoteRepository } from './remote-repository.ts';
import { RemoteRun } from './remote-run.ts';
import { RepositoryHost } from './repository-host.ts';
import { connectTo, hostOn, hostRepositories } from './testing.ts';

const mover = { name: 'the far machine', host: '127.0.0.1', port: 0, certificate: '', key: '', authority: '', peerId: 'far' };

async function openRepository(t: TestContext, { marked = true } = {}): Promise<RemotePlace> {
	const path = fs.mkdtempSync(join(tmpdir(), 'holdfast-wire-'));
	t.after(() => fs.rmSync(path, { recursive: true, force: true }));
	if (marked) await markRepository(new LocalFolder(path));
	return { mover, path, keys: [], product: '1.0.0', clientId: 'tester' };
}

storageSuite('storage over the wire', async (t) => {
	const { port } = await hostRepositories(t);
	const repository = await RemoteRepository.reach(await openRepository(t, { marked: false }), { connect: connectTo(port) });
	t.after(() => repository[Symbol.asyncDispose]());
	return repository.storage;
});

test('who is not admitted gets nothing, and nobody gets out of the folder', async (t) => {
	const place = await openRepository(t);
	const repositories = new RepositoryHost({
		work: async () => assert.fail('nothing was asked to be done here'),
		machine: null,
		admit(peer, path) {
			assert.equal(peer.id, 'tester');
			if (path === place.path) return path;
			throw new EngineError('auth.refused', `${path} is not for this machine.`);
		},
	});
	const { port } = await hostOn(t, { serve: (peer, session) => repositories.serve(peer, session) });
	await assert.rejects(RemoteRepository.reach({ ...place, path: '/etc' }, { connect: connectTo(port) }), (error) => isEngineError(error, 'auth.refused'));
	await using repository = await RemoteRepository.reach(place, { connect: connectTo(port) });
	for (const path of ['../x', '/etc/passwd', 'a/../../x', 'a\0b', '..\\x'])
		await assert.rejects(repository.storage.open(path, 'read'), (error) => isEngineError(error, 'connection.lost') && /stay within/.test(error.message));
	await assert.rejects(repository.storage.list('../..'), (error) => isEngineError(error, 'connection.lost'));
});

test('of two runs of one job the older has lost its other side, and makes way', async (t) => {
	const place = await openRepository(t);
	const { port } = await hostRepositories(t);
	const spec = {
		job: { id: 'job', name: 'Job' },
		objects: [{ kind: 'folder', path: '/data' } as const],
		method: 'forward' as const,
		differential: false,
		singleFile: false,
		requested: 'full' as const,
		renewAfterPoints: null,
		keyId: null,
		now: Date.UTC(2026, 0, 1),
	};
	const options = { connect: connectTo(port), signal: new AbortController().signal };
	await using older = await RemoteRun.begin(place, spec, options);
	await using newer = await RemoteRun.begin(place, { ...spec, now: spec.now + 1000 }, options);
	await assert.rejects(older.commit([], { signal: options.signal }), (error) => isEngineError(error, 'connection.lost'));
	assert.equal(fs.readdirSync(join(place.path, 'Job')).length, 1, 'what the older one wrote is gone');
	assert.equal(newer.actual, 'full');
});

test('whatever is asked, the host answers or ends the session, and goes on serving others', async (t) => {
	const seed = 901;
	const random = seededRandom(seed);
	const place = await openRepository(t);
	const { host, port } = await hostRepositories(t);
	const numbers = Object.values(methods);
	for (let round = 0; round < 60; round++) {
		const session = await openSession({ connect: connectTo(port), peer: 'the host', product: 'x', connectionCount: 1, onMessage: async () => undefined });
		const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
		const question = (method: number, number: number, text: Buffer, bytes: Buffer): Buffer => {
			const head = Buffer.alloc(16);
			head.writeUInt8(1, 0);
			head.writeUInt8(method, 1);
			head.writeUInt32LE(number, 4);
			head.writeUInt32LE(text.byteLength, 12);
			return Buffer.concat([head, text, bytes]);
		};
		const messages = [question(methods.place, 0, json({ path: place.path, keys: [] }), Buffer.alloc(0))];
		for (let i = 1; i < 20; i++) {
			const odd = random.pick<unknown>([
				{},
				null,
				[],
				{ file: 0, offset: -1, bytes: 1e9 },
				{ path: 5 },
				{ path: 'x', mode: 'create' },
				{ points: [{}] },
				{ file: 0 },
				'x',
			]);
			const bytes = Buffer.from(random.bytes(random.below(200)));
			messages.push(random.chance(0.8) ? question(random.pick(numbers), i, json(odd), bytes) : Buffer.from(random.bytes(1 + random.below(60))));
		}
		await Promise.allSettled(messages.map((message) => session.send([message])));
		session.end();
	}
	await using repository = await RemoteRepository.reach(place, { connect: connectTo(port) });
	assert((await repository.storage.list('')).length > 0, `seed ${seed}`);
	assert(host.sessions.length >= 1);
});

test('SNAP-01: a snapshot that runs full on another machine is told to who has it read, and so is the loss of the machine', async (t) => {
	let lost = new AbortController();
	let released = 0;
	const nothing = (): never => assert.fail('nobody asked for that');
	const repositories = new RepositoryHost({
		work: nothing,
		admit: nothing,
		machine: {
			admit: () => undefined,
			protect: nothing,
			giveBack: nothing,
			openMachine: nothing,
			openReading: async () => ({
				sources: [],
				lost: lost.signal,
				complete: nothing,
				async [Symbol.asyncDispose]() {
					released++;
				},
			}),
		},
	});
	const { host, port } = await hostOn(t, { serve: (peer, session) => repositories.serve(peer, session) });
	const wish = { sessionId: 'session', sources: [{ kind: 'folder' as const, path: '/srv' }], mode: 'auto' as const, quiesce: 'online' as const };
	const open = () =>
		RemoteReading.open(
			{ mover, product: '1.0.0', clientId: 'tester' },
			{ ...wish, requireConsistent: false, writers: [], exclude: [] },
			{ signal: new AbortController().signal, onNote: nothing, connect: connectTo(port) },
		);
	const aborted = (signal: AbortSignal): Promise<unknown> => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
	const ended = await open();
	await ended[Symbol.asyncDispose]();
	assert.deepEqual([ended.lost.aborted, released], [false, 1]);

	const full = await open();
	const told = aborted(full.lost);
	const fullNow = lost;
	lost = new AbortController();
	const orphan = await open();
	fullNow.abort(new EngineError('snapshot.failed', 'The snapshot of /srv has run full.'));
	assert.ok(isEngineError(await told, 'snapshot.failed'));
	await full[Symbol.asyncDispose]();
	assert.equal(orphan.lost.aborted, false);

	const alone = aborted(orphan.lost);
	await host[Symbol.asyncDispose]();
	assert.ok(isEngineError(await alone));
	await orphan[Symbol.asyncDispose]();
	assert.equal(released, 3);
});
