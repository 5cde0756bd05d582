import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { EngineError, isEngineError } from '../../base/index.ts';
import { FakeClock, settle } from '../../base/testing.ts';
import { seededRandom as chance } from '../../repository/testing/random.ts';
import { type OpenOptions, openSession } from './client.ts';
import type { Transport } from './connection.ts';
import { dial } from './dial.ts';
import { encodeFrameHeader, encodePreface, FrameParser, frameHeaderBytes, parseFrameHeader, prefaceBytes, protocolVersion } from './frame.ts';
import { clientPatienceMs, resumeMs, type Session, windowBytes } from './session.ts';
import { BadProxy, connectTo, hostOn } from './testing.ts';

const seededRandom = (seed: number): ((below: number) => number) => chance(seed).below;

const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Ends = { readonly heard: Map<string, number>; readonly serverSession: () => Session };

/** A host that remembers what it hears, and sends back whatever begins with 1. */
async function listener(t: TestContext, clock?: FakeClock): Promise<Ends & { port: number }> {
	const heard = new Map<string, number>();
	let latest: Session | null = null;
	const { port } = await hostOn(t, {
		clock,
		serve: (_, session) => ({
			async take(message) {
				latest = session();
				const name = nameOf(message);
				heard.set(name, (heard.get(name) ?? 0) + 1);
				if (message[0] === 1) await session().send([Buffer.from(message)]);
			},
			ended: async () => undefined,
		}),
	});
	return {
		heard,
		port,
		serverSession: () => {
			assert(latest);
			return latest;
		},
	};
}

async function open(t: TestContext, port: number, more: Partial<OpenOptions> = {}): Promise<{ session: Session; heard: Map<string, number> }> {
	const heard = new Map<string, number>();
	const onMessage = async (message: Buffer): Promise<void> => {
		const name = nameOf(message);
		heard.set(name, (heard.get(name) ?? 0) + 1);
	};
	const session = await openSession({ connect: connectTo(port), peer: 'the host', product: '1.0.0', onMessage, ...more });
	t.after(() => session.end());
	return { session, heard };
}

function makeMessages(random: (below: number) => number, count: number): Buffer[] {
	return Array.from({ length: count }, (_, i) => {
		const message = randomBytes(8 + random(random(4) === 0 ? 300_000 : 3000));
		message[0] = i % 2;
		return message;
	});
}

async function assertAllArrive(
	messages: readonly Buffer[],
	session: Session,
	there: ReadonlyMap<string, number>,
	back: ReadonlyMap<string, number>,
): Promise<void> {
	await Promise.all(messages.map((message) => session.send([message.subarray(0, 5), message.subarray(5)])));
	const once = (names: readonly string[]): Map<string, number> => new Map(names.map((name) => [name, 1]));
	assert.deepEqual(new Map([...there].sort()), new Map([...once(messages.map(nameOf))].sort()), 'each exactly once');
	// an echo was acknowledged before the message that asked for it
	assert.deepEqual(new Map([...back].sort()), new Map([...once(messages.filter((message) => message[0] === 1).map(nameOf))].sort()), 'and back');
}

test('PIPE-08: a first connection that is cut while it is made is made again', async (t) => {
	const { port, heard } = await listener(t);
	const proxy = await BadProxy.open(t, port, { random: () => 0, cutAfter: () => (proxy.cuts < 2 ? 10 : Number.POSITIVE_INFINITY) });
	const { session } = await open(t, proxy.port, { connectionCount: 1 });
	assert.equal(proxy.cuts, 2);
	await session.send([Buffer.from('heard')]);
	assert.equal(heard.size, 1);
});

test('NET-07: messages arrive exactly once in both directions, over five connections by default and over one without multithreading', async (t) => {
	for (const connectionCount of [undefined, 1]) {
		const there = await listener(t);
		const { session, heard } = await open(t, there.port, { connectionCount });
		await assertAllArrive(makeMessages(seededRandom(1), 200), session, there.heard, heard);
		if (connectionCount === undefined) while (session.connectionCount < 5) await new Promise((resolve) => setImmediate(resolve));
		assert.equal(session.connectionCount, connectionCount ?? 5);
		assert.equal(there.serverSession().connectionCount, connectionCount ?? 5);
		assert.deepEqual({ ...session.counts, sentBytes: 0 }, { damagedMessages: 0, resentMessages: 0, lostConnections: 0, sentBytes: 0 });
	}
});

test('PIPE-08: connections that are cut again and again lose nothing and repeat nothing', async (t) => {
	for (const seed of [11, 12, 13]) {
		const random = seededRandom(seed);
		const there = await listener(t);
		const proxy = await BadProxy.open(t, there.port, { cutAfter: () => 400_000 + random(1_500_000), random });
		const { session, heard } = await open(t, proxy.port);
		await assertAllArrive(makeMessages(random, 400), session, there.heard, heard);
		assert(proxy.cuts > 0, `nothing was cut, seed ${seed}`);
		assert(session.counts.resentMessages + there.serverSession().counts.resentMessages > 0, `nothing was sent again, seed ${seed}`);
	}
});

test('NET-08: what is damaged on the way is sent again, and counted', async (t) => {
	for (const seed of [21, 22]) {
		const random = seededRandom(seed);
		const there = await listener(t);
		const proxy = await BadProxy.open(t, there.port, { flipEvery: 500_000, random });
		const { session, heard } = await open(t, proxy.port, { connectionCount: 3 }).catch((error) => {
			assert.fail(`the first greeting was damaged, choose another seed than ${seed}: ${error}`);
		});
		await assertAllArrive(makeMessages(random, 500), session, there.heard, heard);
		assert(proxy.flips > 0, `nothing was flipped, seed ${seed}`);
		const { damagedMessages } = there.serverSession().counts;
		assert(damagedMessages + session.counts.damagedMessages > 0, `no damage was noticed, seed ${seed}`);
	}
});

test('PIPE-08: a session outlives its connections for five minutes, and no longer', async (t) => {
	const clock = new FakeClock('2026-01-01T00:00:00Z');
	const there = await listener(t, clock);
	const proxy = await BadProxy.open(t, there.port, { random: seededRandom(1) });
	const { session } = await open(t, proxy.port, { clock, connectionCount: 1 });
	await session.send([Buffer.from('before')]);
	const far = there.serverSession();

	const cut = async (): Promise<void> => {
		proxy.isOpen = false;
		proxy.cutAll();
		while (session.connectionCount > 0 || far.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
	};
	await cut();
	const waiting = session.send([Buffer.from('meanwhile')]);
	await clock.advance(resumeMs - 20_000);
	assert.equal(session.ended.aborted, false);
	proxy.isOpen = true;
	let isThere = false;
	void waiting.then(() => {
		isThere = true;
	});
	while (!isThere) await clock.advance(100);
	assert.equal(there.heard.get(nameOf(Buffer.from('meanwhile'))), 1, 'the session went on where it was');

	await cut();
	const inVain = session.send([Buffer.from('in vain')]);
	inVain.catch(() => undefined);
	await clock.advance(resumeMs + 1);
	assert.deepEqual([far.ended.aborted, session.ended.aborted], [true, false], 'who answers has put away what was left before who asks gives up');
	await clock.advance(clientPatienceMs - resumeMs);
	await assert.rejects(inVain, (error) => isEngineError(error, 'connection.lost'));
	proxy.isOpen = true;
	await settle();
});

test('PIPE-08: where nobody listens any more for a minute the data mover has ended, and its sessions with it; one that is out of reach is waited for', async (t) => {
	const clock = new FakeClock('2026-01-01T00:00:00Z');
	const there = await listener(t, clock);
	for (const hasEnded of [true, false]) {
		let transport: Transport | null = null;
		let isGone = false;
		const connect: OpenOptions['connect'] = async (options) => {
			if (isGone) throw new EngineError('connection.refused', 'It cannot be reached.', { data: { nobodyListens: hasEnded } });
			transport = await connectTo(there.port)(options);
			return transport;
		};
		const { session } = await open(t, there.port, { clock, connectionCount: 1, connect });
		await session.send([Buffer.from('before')]);
		isGone = true;
		(transport as Transport | null)?.destroy();
		while (session.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
		await clock.advance(50_000);
		assert.equal(session.ended.aborted, false);
		await clock.advance(30_000);
		assert.equal(session.ended.aborted, hasEnded);
		if (hasEnded) assert.match(session.ended.reason.message, /has ended/);
		session.end();
	}
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, 'close');
	const nobody = dial({ name: 'Vault', host: '127.0.0.1', port, certificate: '', key: '', authority: '', peerId: 'x' });
	await assert.rejects(nobody({ signal: new AbortController().signal }), { code: 'connection.refused', data: { nobodyListens: true } });
});

test('the other side is held back when it does not take what is sent', async (t) => {
	const gate = Promise.withResolvers<void>();
	let takenBytes = 0;
	const { port } = await hostOn(t, {
		serve: () => ({
			async take(message) {
				takenBytes += message.byteLength;
				await gate.promise;
			},
			ended: async () => undefined,
		}),
	});
	const { session } = await open(t, port);
	const message = Buffer.alloc(1024 * 1024, 7);
	const sent = Array.from({ length: 60 }, () => session.send([message]));
	const full = Math.floor(windowBytes / message.byteLength) * message.byteLength;
	while (takenBytes < full) await new Promise((resolve) => setImmediate(resolve));
	await settle(100);
	assert.equal(takenBytes, full, 'a window, and not a byte more');
	assert.equal(session.counts.sentBytes, full);
	gate.resolve();
	await Promise.all(sent);
	assert.equal(takenBytes, 60 * message.byteLength);
});

test('another version is refused on both sides with a message that says which to update', async (t) => {
	for (const [version, side] of [
		[protocolVersion + 1, 'on the host'],
		[protocolVersion - 1, 'on this machine'],
	] as const) {
		const { port } = await listener(t);
		await assert.rejects(
			openSession({ connect: connectTo(port), peer: 'the host', product: '1.2.3', version, onMessage: async () => undefined }),
			(error) =>
				isEngineError(error, 'connection.refused') && error.hint === `Update Holdfast ${side}.` && /1\.2\.3.*1\.0\.0|1\.0\.0.*1\.2\.3/.test(error.message),
		);
	}
});

test('who does not know the name of a session does not get in, and a session that is gone is final', async (t) => {
	const there = await listener(t);
	const { session } = await open(t, there.port, { connectionCount: 1 });
	await session.send([Buffer.from('x')]);
	const stranger = await connectTo(there.port)({ signal: new AbortController().signal });
	t.after(() => stranger.destroy());
	const body = Buffer.from(JSON.stringify({ session: 'ab'.repeat(32) }));
	stranger.write(encodePreface({ version: protocolVersion, product: '1.0.0' }));
	stranger.write(encodeFrameHeader({ type: 'hello', payloadBytes: body.byteLength, sequence: 0, payloadCrc: crc32(body) }));
	stranger.write(body);
	const answer: Buffer[] = [];
	stranger.on('data', (bytes: Buffer) => answer.push(bytes));
	await once(stranger, 'close');
	assert.match(Buffer.concat(answer).toString('latin1'), /does not know this session/);

	there.serverSession().end(new EngineError('cancelled', 'the mover was stopped'));
	await once(session.ended, 'abort');
	assert.match(String(session.ended.reason.message), /the mover was stopped/);
	await assert.rejects(session.send([Buffer.from('y')]), /the mover was stopped/);
});

test('whatever comes in, the host neither throws nor takes memory for it, and goes on serving others', async (t) => {
	const seed = 77;
	const random = seededRandom(seed);
	const { host, port } = await hostOn(t, { serve: () => ({ take: async () => undefined, ended: async () => undefined }) });
	const greeting = Buffer.from(JSON.stringify({ session: null }));
	const opening = Buffer.concat([
		encodePreface({ version: protocolVersion, product: 'x' }),
		encodeFrameHeader({ type: 'hello', payloadBytes: greeting.byteLength, sequence: 0, payloadCrc: crc32(greeting) }),
		greeting,
	]);
	const huge = { type: 'message', payloadBytes: 2 ** 32 - 1, sequence: 0, payloadCrc: 0 } as const;
	const far = { type: 'message', payloadBytes: 0, sequence: 2 ** 40, payloadCrc: 0 } as const;
	const hostile: Buffer[] = [
		Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(100)),
		Buffer.concat([opening, encodeFrameHeader(huge)]),
		Buffer.concat([opening, encodeFrameHeader(far)]),
		Buffer.concat([opening, opening.subarray(prefaceBytes)]), // greets twice
		Buffer.concat([
			encodePreface({ version: protocolVersion, product: 'x' }),
			encodeFrameHeader({ type: 'message', payloadBytes: 10, sequence: 0, payloadCrc: 0 }),
		]),
		...Array.from({ length: 200 }, () => {
			const bytes = Buffer.concat([opening, randomBytes(random(100))]);
			for (let i = random(4); i >= 0; i--) bytes[random(bytes.byteLength)] = random(256);
			return bytes;
		}),
	];
	for (const bytes of hostile) {
		const [near, other] = duplexPair();
		host.accept(near, 'stranger');
		other.resume();
		other.on('error', () => undefined);
		other.write(bytes);
		other.end();
		other.destroy();
		near.destroy();
	}
	await settle();
	for (const session of host.sessions) session.end();
	const { session } = await open(t, port);
	await session.send([Buffer.from('still there')]);
});

test('a frame is cut out of the stream whatever the pieces that it comes in; a header with any byte changed is none', () => {
	const seed = 5;
	const random = seededRandom(seed);
	const payloads = Array.from({ length: 50 }, () => randomBytes(random(3) === 0 ? 0 : random(5000)));
	const stream = Buffer.concat([
		encodePreface({ version: protocolVersion, product: '1.0.0' }),
		...payloads.flatMap((payload, sequence) => [
			encodeFrameHeader({ type: 'message', payloadBytes: payload.byteLength, sequence, payloadCrc: crc32(payload) }),
			payload,
		]),
	]);
	const parser = new FrameParser(() => true);
	const found: Buffer[] = [];
	for (let at = 0; at < stream.byteLength; ) {
		const piece = stream.subarray(at, at + 1 + random(700));
		for (let done = 0; done < piece.byteLength; ) {
			const next = parser.next(piece.subarray(done));
			assert(next);
			done += next.taken;
			if (next.item && !Buffer.isBuffer(next.item)) {
				assert.equal(next.item.isDamaged, false);
				found.push(next.item.payload);
			}
		}
		at += piece.byteLength;
	}
	assert.deepEqual(found, payloads);
	const header = encodeFrameHeader({ type: 'message', payloadBytes: 5, sequence: 9, payloadCrc: 1 });
	for (let at = 0; at < frameHeaderBytes; at++) {
		const changed = Buffer.from(header);
		changed[at] = (changed[at] as number) ^ (1 + random(255));
		assert.equal(parseFrameHeader(changed), null);
	}
});
