import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import WebSocket from 'ws';
import { type Clock, EngineError, systemClock } from '../base/index.ts';
import { loopbackAddress, parseListen } from './listen.ts';
import { download, startTestServer, type TestServer } from './testing.ts';
import { ensureToken } from './token.ts';

type Answer = { status: number; headers: IncomingMessage['headers']; body: string; isComplete: boolean };

/** A request with exactly these headers, which fetch would not send. */
function ask(
	server: TestServer,
	path: string,
	{ method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
	return new Promise<Answer>((resolve, reject) => {
		const outgoing = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false }, (incoming) => {
			const chunks: Buffer[] = [];
			incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
			incoming.on('error', () => undefined); // told by isComplete
			incoming.on('close', () =>
				resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString('utf8'), isComplete: incoming.complete }),
			);
		});
		outgoing.on('error', reject);
		outgoing.end(body);
	});
}
const bearer = (server: TestServer): Record<string, string> => ({ authorization: `Bearer ${server.token}` });
const json = { 'content-type': 'application/json' };
const codeOf = (answer: Answer): string => JSON.parse(answer.body).error.code;

async function signIn(server: TestServer): Promise<string> {
	const answer = await ask(server, '/login', { method: 'POST', headers: json, body: JSON.stringify({ token: server.token }) });
	assert.equal(answer.status, 204);
	return (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
}

type Message = { id: unknown; error?: { message: string; data: { engine: { code: string } } }; result?: { type: string; data: unknown } };

/** A socket whose messages wait to be asked for; the server's heartbeat is not among them. */
class Client {
	readonly socket: WebSocket;
	readonly #messages: AsyncIterator<[Buffer]>;

	constructor(socket: WebSocket) {
		this.socket = socket;
		this.#messages = on(socket, 'message') as AsyncIterator<[Buffer]>;
	}

	ask(id: number, path: string, input?: unknown, method = 'query'): void {
		this.socket.send(JSON.stringify({ id, method, params: { path, input } }));
	}

	async hear(): Promise<Message> {
		const { value } = await this.#messages.next();
		const text = String(value[0]);
		return text === 'PING' ? this.hear() : JSON.parse(text);
	}
}

/** Opens a socket, or tells the status with which it was refused. */
function open(t: TestContext, server: TestServer, headers: Record<string, string>): Promise<Client | number> {
	const socket = new WebSocket(`ws://127.0.0.1:${server.port}/api`, { headers });
	t.after(() => socket.terminate());
	return new Promise((resolve, reject) => {
		socket.once('open', () => resolve(new Client(socket)));
		socket.once('unexpected-response', (_request, response) => {
			response.resume();
			resolve(response.statusCode ?? 0);
		});
		socket.once('error', reject);
	});
}
async function openSignedIn(t: TestContext, server: TestServer): Promise<Client> {
	const client = await open(t, server, bearer(server));
	assert.ok(typeof client !== 'number', `refused with ${client}`);
	return client;
}

test('only loopback addresses are served, and the refusal says why', () => {
	assert.deepEqual(loopbackAddress(parseListen('localhost:8000')), { host: '127.0.0.1', port: 8000 });
	assert.deepEqual(loopbackAddress(parseListen('[::1]:8000')), { host: '::1', port: 8000 });
	for (const host of ['0.0.0.0', '::', '192.168.1.5', 'backup.example']) {
		assert.throws(() => loopbackAddress({ host, port: 8000 }), { code: 'usage.unsupported' });
	}
	for (const text of ['', 'localhost', '127.0.0.1:', '127.0.0.1:70000', '1:2:3']) assert.throws(() => parseListen(text), { code: 'usage.invalid' }, text);
});

test('the token is made once, is private, and is replaced when others could have read it', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-token-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	const file = join(folder, 'token');
	const token = await ensureToken(file);
	assert.match(token, /^[\w-]{43}$/);
	assert.equal(await ensureToken(file), token);
	if (process.platform === 'win32') return;
	assert.equal((await stat(file)).mode & 0o777, 0o600);
	await chmod(file, 0o644);
	assert.notEqual(await ensureToken(file), token);
	assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('the address is announced while the server runs', async (t) => {
	const server = await startTestServer(t);
	assert.deepEqual(server.addresses, [server.address]);
	await server[Symbol.asyncDispose]();
	assert.deepEqual(server.addresses, [server.address, null]);
});

test('a foreign Host is refused, whatever it asks for', async (t) => {
	const server = await startTestServer(t);
	for (const host of ['evil.example', `evil.example:${server.port}`, '127.0.0.1', `127.0.0.1:${server.port + 1}`, `127.0.0.1.nip.example:${server.port}`]) {
		for (const path of ['/', '/session', '/download?point=p&path=/', '/login']) {
			const answer = await ask(server, path, { headers: { ...bearer(server), host } });
			assert.equal(answer.status, 403, `${host} ${path}`);
			assert.equal(codeOf(answer), 'auth.refused');
		}
		assert.equal(await open(t, server, { ...bearer(server), host }), 403, host);
	}
	for (const host of ['127.0.0.1', 'localhost', '[::1]']) assert.equal((await ask(server, '/', { headers: { host: `${host}:${server.port}` } })).status, 200);
});

test('a foreign Origin is refused, over HTTP and for the WebSocket', async (t) => {
	const server = await startTestServer(t);
	const cookie = await signIn(server);
	const own = `http://127.0.0.1:${server.port}`;
	for (const origin of [
		'http://evil.example',
		'null',
		`http://localhost:${server.port}`,
		`http://127.0.0.1:${server.port + 1}`,
		`https://127.0.0.1:${server.port}`,
	]) {
		assert.equal((await ask(server, '/session', { headers: { cookie, origin } })).status, 403, origin);
		assert.equal((await ask(server, '/login', { method: 'POST', headers: { ...json, origin }, body: '{}' })).status, 403, origin);
		assert.equal(await open(t, server, { cookie, origin }), 403, origin);
	}
	assert.equal((await ask(server, '/session', { headers: { cookie, origin: own } })).status, 200);
	assert.ok((await open(t, server, { cookie, origin: own })) instanceof Client);
});

test('what needs a session cannot be linked to from a foreign page', async (t) => {
	const server = await startTestServer(t);
	const cookie = await signIn(server);
	for (const site of ['cross-site', 'same-site']) {
		assert.equal((await ask(server, '/download?point=p&path=/', { headers: { cookie, 'sec-fetch-site': site } })).status, 403);
		assert.equal((await ask(server, '/', { headers: { cookie, 'sec-fetch-site': site } })).status, 200);
	}
});

test('the right token becomes a cookie that no script can read; a wrong one does not', async (t) => {
	const server = await startTestServer(t, { clock: { ...systemClock, sleep: () => Promise.resolve() } });
	const right = await ask(server, '/login', { method: 'POST', headers: json, body: JSON.stringify({ token: server.token }) });
	assert.match(right.headers['set-cookie']?.[0] ?? '', /^holdfast-\d+=\d+\.[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
	const wrong = await ask(server, '/login', { method: 'POST', headers: json, body: JSON.stringify({ token: server.token.slice(1) }) });
	assert.equal(wrong.status, 401);
	assert.equal(codeOf(wrong), 'auth.refused');
	assert.equal(wrong.headers['set-cookie'], undefined);
});

test('without cookie or token nothing is told', async (t) => {
	const server = await startTestServer(t);
	for (const headers of [{}, { cookie: `holdfast-${server.port}=${'x'.repeat(43)}` }, { authorization: 'Bearer wrong' }, { cookie: 'nonsense' }] as Record<
		string,
		string
	>[]) {
		assert.deepEqual(JSON.parse((await ask(server, '/session', { headers })).body), { signedIn: false });
		const answer = await ask(server, '/download?point=p&path=/', { headers });
		assert.equal(answer.status, 401);
		assert.equal(codeOf(answer), 'auth.required');
		assert.equal(await open(t, server, headers), 401);
	}
});

test('signing out ends the session', async (t) => {
	const server = await startTestServer(t);
	const cookie = await signIn(server);
	assert.deepEqual(JSON.parse((await ask(server, '/session', { headers: { cookie } })).body), { signedIn: true });
	assert.equal((await ask(server, '/logout', { method: 'POST', headers: { cookie } })).status, 204);
	assert.deepEqual(JSON.parse((await ask(server, '/session', { headers: { cookie } })).body), { signedIn: false });
});

test('wrong tokens wait longer each time and are limited; the right one is never locked out', async (t) => {
	const waits: number[] = [];
	const { promise: released, resolve: release } = Promise.withResolvers<void>();
	const { promise: all, resolve: allWaiting } = Promise.withResolvers<void>();
	const clock: Clock = {
		...systemClock,
		sleep: (ms) => {
			waits.push(ms);
			if (waits.length === 16) allWaiting();
			return released;
		},
	};
	const server = await startTestServer(t, { clock });
	const attempt = (): Promise<Answer> => ask(server, '/login', { method: 'POST', headers: json, body: '{"token":"wrong"}' });
	const waiting = Array.from({ length: 16 }, attempt);
	await all;
	const excess = await attempt();
	assert.equal(excess.status, 429);
	assert.ok(excess.headers['retry-after']);
	await signIn(server);
	release();
	for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 401);
	assert.deepEqual(waits.slice(0, 4), [250, 500, 1000, 2000]);
	assert.equal(Math.max(...waits), 8000);
});

test('malformed, huge and unknown requests are answered and nothing else happens', async (t) => {
	const server = await startTestServer(t);
	const cases: [string, Parameters<typeof ask>[2], number][] = [
		['/login', { method: 'POST', headers: json, body: '{"token":' }, 400],
		['/login', { method: 'POST', headers: json, body: '[]' }, 400],
		['/login', { method: 'POST', headers: json, body: JSON.stringify({ token: 'x'.repeat(100_000) }) }, 413],
		['/login', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' }, 415],
		['/nothing', {}, 404],
		['/../../etc/passwd', {}, 404],
		['/%', {}, 400],
		['/api', { headers: bearer(server) }, 426],
		['/download', { headers: bearer(server) }, 400],
		['/download?point=%FF%00&path', { headers: bearer(server) }, 400],
	];
	for (const [path, options, status] of cases) {
		const answer = await ask(server, path, options);
		assert.equal(answer.status, status, `${path}: ${answer.body}`);
		assert.ok(codeOf(answer), path);
	}
	assert.equal((await ask(server, '/')).status, 200);
});

test('every answer carries the headers that keep a page in its place', async (t) => {
	const server = await startTestServer(t);
	for (const path of ['/', '/session', '/nothing']) {
		const { headers } = await ask(server, path);
		const policy = String(headers['content-security-policy']);
		assert.match(policy, /default-src 'none'/);
		assert.match(policy, /script-src 'self'(;|$)/);
		assert.match(policy, /frame-ancestors 'none'/);
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.equal(headers['referrer-policy'], 'no-referrer');
	}
});

test('the console is served; its page is always asked for again, its hashed files never', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-renderer-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	await mkdir(join(folder, 'assets'));
	await writeFile(join(folder, 'index.html'), '<!doctype html><title>Console</title>');
	await writeFile(join(folder, 'assets', 'index-abc.js'), 'export {};');
	const server = await startTestServer(t, { rendererFolder: folder });
	const page = await ask(server, '/');
	assert.match(page.body, /Console/);
	assert.equal(page.headers['cache-control'], 'no-cache');
	const script = await ask(server, '/assets/index-abc.js');
	assert.match(String(script.headers['content-type']), /javascript/);
	assert.match(String(script.headers['cache-control']), /immutable/);
	assert.equal((await ask(server, '/..%2f..%2fetc%2fpasswd')).status >= 400, true);
});

test('a download streams its content under its true name', async (t) => {
	const asked: unknown[] = [];
	const server = await startTestServer(t, {
		open: async (input) => {
			asked.push(input);
			return download(
				(async function* () {
					yield Buffer.from('hello ');
					yield Buffer.from('world');
				})(),
				{ fileName: 'Größe "1"\n.txt', mediaType: 'text/plain', sizeBytes: 11 },
			);
		},
	});
	const answer = await ask(server, '/download?point=Job%40latest&path=/a%20b&path=/c%FF', { headers: { cookie: await signIn(server) } });
	assert.equal(answer.status, 200);
	assert.equal(answer.body, 'hello world');
	assert.equal(answer.headers['content-length'], '11');
	assert.equal(answer.headers['content-disposition'], `attachment; filename="Gr__e _1__.txt"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%0A.txt`);
	assert.match(String(answer.headers['content-security-policy']), /sandbox/);
	assert.deepEqual(asked, [{ point: 'Job@latest', paths: ['/a b', '/c\udcff'] }]);
});

test('a download that cannot begin is an error in words, one that breaks is a broken connection', async (t) => {
	const server = await startTestServer(t, {
		open: async ({ point }) => {
			if (point === 'none') throw new EngineError('not-found.path', 'There is no /x in this point.');
			const content = async function* () {
				if (point === 'damaged-at-once') throw new EngineError('repository.damaged', 'Chunk 1 is damaged.');
				yield Buffer.alloc(1000);
				if (point === 'damaged-later') throw new EngineError('repository.damaged', 'Chunk 2 is damaged.');
			};
			return download(content(), { sizeBytes: point === 'too-short' ? 2000 : null });
		},
	});
	const get = (point: string): Promise<Answer> => ask(server, `/download?point=${point}&path=/x`, { headers: bearer(server) });
	const missing = await get('none');
	assert.equal(missing.status, 404);
	assert.equal(codeOf(missing), 'not-found.path');
	const damaged = await get('damaged-at-once');
	assert.equal(damaged.status, 500);
	assert.equal(codeOf(damaged), 'repository.damaged');
	assert.equal((await get('whole')).isComplete, true);
	assert.equal((await get('damaged-later')).isComplete, false);
	assert.equal((await get('too-short')).isComplete, false);
});

test('a download ends in the engine when the browser goes away', async (t) => {
	const { promise: ended, resolve: end } = Promise.withResolvers<void>();
	const server = await startTestServer(t, {
		open: async () =>
			download(
				(async function* () {
					try {
						for (;;) yield Buffer.alloc(65_536);
					} finally {
						end();
					}
				})(),
			),
	});
	const outgoing = request({ host: '127.0.0.1', port: server.port, path: '/download?point=p&path=/', headers: bearer(server) }, (incoming) => {
		incoming.once('data', () => outgoing.destroy());
		incoming.on('error', () => undefined);
	});
	outgoing.on('error', () => undefined);
	outgoing.end();
	await ended;
});

test('calls and engine errors cross the WebSocket', async (t) => {
	const server = await startTestServer(t, {
		api: {
			jobs: {
				list: async () => [],
				get: async () => Promise.reject(new EngineError('not-found.job', 'There is no job "x".', { hint: 'List them.' })),
			},
		},
	});
	const client = await openSignedIn(t, server);
	client.ask(1, 'jobs.list');
	assert.deepEqual((await client.hear()).result, { type: 'data', data: [] });
	client.ask(2, 'jobs.get', { id: 'x' });
	assert.deepEqual((await client.hear()).error?.data.engine, { code: 'not-found.job', message: 'There is no job "x".', hint: 'List them.' });
	client.ask(3, 'jobs.get', { id: 5 });
	assert.equal((await client.hear()).error?.data.engine.code, 'usage.invalid');
});

test('bad frames cost their sender an error or the connection, never the server', async (t) => {
	const server = await startTestServer(t, { api: { jobs: { list: async () => [] } } });
	const frames = [
		'not json',
		'[[[[',
		'null',
		'42',
		'{"id":1}',
		'{"id":1,"method":"query"}',
		'{"id":1,"method":"query","params":{"path":"__proto__.x"}}',
		'{"id":null,"method":"query","params":{"path":"jobs.list"}}',
		'{"id":1,"method":"subscription","params":{"path":"jobs.list"}}',
		'{"id":1,"method":"subscription.stop"}',
	];
	for (const frame of frames) {
		const client = await openSignedIn(t, server);
		client.socket.send(frame);
		client.ask(99, 'jobs.list');
		for (let message = await client.hear(); message.id !== 99; message = await client.hear()) assert.ok(message.error, frame);
		client.socket.terminate();
	}
	const binary = await openSignedIn(t, server);
	binary.socket.send(Buffer.from([0xff, 0xfe, 0x00]));
	assert.ok((await binary.hear()).error);

	const huge = await openSignedIn(t, server);
	huge.socket.send('x'.repeat((8 << 20) + 1));
	assert.equal((await once(huge.socket, 'close'))[0], 1009);

	const raw = connect(server.port, '127.0.0.1');
	const handshake = [
		'GET /api HTTP/1.1',
		`Host: 127.0.0.1:${server.port}`,
		`Authorization: Bearer ${server.token}`,
		'Connection: Upgrade',
		'Upgrade: websocket',
	];
	raw.write([...handshake, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${'A'.repeat(22)}==`, '', ''].join('\r\n'));
	await once(raw, 'data');
	raw.write(Buffer.alloc(7, 0xff)); // reserved bits, no mask, absurd length
	raw.resume();
	await once(raw, 'close');

	const client = await openSignedIn(t, server);
	client.ask(1, 'jobs.list');
	assert.deepEqual((await client.hear()).result?.data, []);
});

/** A server with one endless stream of events, and a promise that the engine has ended it. */
async function startWithEvents(t: TestContext): Promise<{ server: TestServer; ended: Promise<void> }> {
	const { promise: ended, resolve: end } = Promise.withResolvers<void>();
	const server = await startTestServer(t, {
		api: {
			system: {
				async *events({ signal }) {
					try {
						yield { kind: 'job', id: null };
						await systemClock.sleep(3_600_000, { signal });
					} finally {
						end();
					}
				},
			},
		},
	});
	return { server, ended };
}

async function subscribe(t: TestContext, server: TestServer): Promise<Client> {
	const client = await openSignedIn(t, server);
	client.ask(1, 'system.events', undefined, 'subscription');
	for (let message = await client.hear(); message.result?.type !== 'data'; message = await client.hear());
	return client;
}

test('a subscription ends in the engine when its client disconnects', async (t) => {
	const { server, ended } = await startWithEvents(t);
	const client = await subscribe(t, server);
	client.socket.terminate();
	await ended;
});

test('stopping closes sockets and ends subscriptions', async (t) => {
	const { server, ended } = await startWithEvents(t);
	const client = await subscribe(t, server);
	const closed = once(client.socket, 'close');
	await server[Symbol.asyncDispose]();
	await Promise.all([closed, ended]);
	await assert.rejects(ask(server, '/'), { code: 'ECONNREFUSED' });
});
