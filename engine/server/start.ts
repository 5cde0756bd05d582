import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import fastifyWebsocket from '@fastify/websocket';
import { getWSConnectionHandler } from '@trpc/server/adapters/ws';
import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { z } from 'zod';
import { type Clock, EngineError, systemClock, systemErrorCode, toErrorShape } from '../base/index.ts';
import { appRouter, type Downloads, type ErrorShape, type RouterContext } from '../contract/index.ts';
import { ConsoleSessions } from './console-sessions.ts';
import { checkAddress, checkFetchSite, expiredCookie, isSignedIn, type Keys, readCookie, sessionCookie } from './door.ts';
import { contentDisposition, parseDownloadQuery, parseQuery, startContent } from './download.ts';
import { downloadPolicy, securityHeaders } from './headers.ts';
import { type ListenAddress, loopbackAddress, urlHost } from './listen.ts';
import { LoginBrake } from './login-brake.ts';
import { ensureToken, isSameToken, tokenPath } from './token.ts';

/** What the server needs of an engine. */
export interface HostedEngine {
	readonly downloads: Downloads;
	readonly context: RouterContext;
	readonly dataFolder: string;
	/** Makes the address known to others who find the data folder held; null takes it back. */
	setAddress(address: string | null): void | Promise<void>;
}

export type ServerOptions = {
	/** Stays the caller's: stopping the server does not end the engine. */
	readonly engine: HostedEngine;
	readonly listen: ListenAddress;
	/** The built console; null serves the contract only. */
	readonly rendererFolder: string | null;
	/** Default: `token` in the data folder. */
	readonly tokenFile?: string | undefined;
	readonly log?: FastifyBaseLogger | undefined;
	readonly clock?: Clock | undefined;
};

export interface RunningServer extends AsyncDisposable {
	/** `http://127.0.0.1:PORT`: what clients connect to. */
	readonly address: string;
	/** The address with the token, for the person who is to open it. Not for logs. */
	readonly url: string;
	readonly tokenFile: string;
}

/** The longest message is a job with a thousand long paths; a frame beyond this closes its connection. */
const messageLimitBytes = 8 << 20;
const bodyLimitBytes = 16 << 10;
/** How long downloads may go on after the server was asked to stop. */
const stopGraceMs = 3_000;

const login = z.object({ token: z.string().min(1).max(200) });

/**
 * Opens the door; disposing closes it: no new connections, subscribers are told to come back, downloads get a moment.
 * `usage.unsupported` for an address that is not loopback, `usage.conflict` when the port is taken.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
	const { engine, rendererFolder, log, clock = systemClock } = options;
	const bind = loopbackAddress(options.listen);
	const tokenFile = options.tokenFile ?? tokenPath(engine.dataFolder);
	const token = await ensureToken(tokenFile);
	const sessions = new ConsoleSessions(token, clock);
	const brake = new LoginBrake(clock);
	const keys = (): Keys => ({ token, sessions, port: portOf(app) });

	const app: FastifyInstance = Fastify({
		...(log && { loggerInstance: log }),
		logController: new LogController({ disableRequestLogging: true }), // paths in downloads are the customer's business
		frameworkErrors: (error, _request, reply) => void (reply as FastifyReply).code(400).send({ error: { code: 'usage.invalid', message: error.message } }),
		bodyLimit: bodyLimitBytes,
		requestTimeout: 30_000,
		forceCloseConnections: 'idle',
		exposeHeadRoutes: false,
		routerOptions: { querystringParser: parseQuery },
	});
	app.removeContentTypeParser('text/plain'); // what a foreign form can send without asking
	app.setErrorHandler((error: FastifyError, _request, reply) => {
		const { status, shape } = toAnswer(error);
		if (shape.code === 'internal') app.log.error({ err: error }, 'request failed');
		return reply.code(status).send({ error: shape });
	});
	app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: { code: 'not-found.path', message: 'There is nothing under this address.' } }));
	// Before our hooks: it marks the requests that want to become a WebSocket, and closes those that are refused.
	await app.register(fastifyWebsocket, {
		options: { maxPayload: messageLimitBytes },
		errorHandler: (_error, socket) => socket.terminate(),
	});

	app.addHook('onRequest', async (request, reply) => {
		checkAddress(request.headers, portOf(app));
		reply.headers(securityHeaders(request.headers.host ?? ''));
	});
	const onlySignedIn = async (request: { headers: Parameters<typeof isSignedIn>[0] }, reply: FastifyReply): Promise<void> => {
		checkFetchSite(request.headers);
		reply.header('cache-control', 'no-store');
		if (!isSignedIn(request.headers, keys())) {
			throw new EngineError('auth.required', 'Sign in first.', { hint: 'Open the address with the token that the server printed when it was started.' });
		}
	};

	app.get('/session', async (request, reply) => {
		checkFetchSite(request.headers);
		return reply.header('cache-control', 'no-store').send({ signedIn: isSignedIn(request.headers, keys()) });
	});

	app.post('/login', async (request, reply) => {
		checkFetchSite(request.headers);
		reply.header('cache-control', 'no-store');
		const { success, data } = login.safeParse(request.body);
		if (!success) throw new EngineError('usage.invalid', 'Signing in needs {"token": "…"}.');
		if (isSameToken(data.token, token))
			return reply
				.header('set-cookie', sessionCookie(portOf(app), sessions.open()))
				.code(204)
				.send();
		const refusal: ErrorShape = {
			code: 'auth.refused',
			message: 'This is not the token of this server.',
			hint: `The token is in the file "token" of the server's data folder, and part of the address that it printed.`,
		};
		const hasWaited = await brake.afterFailure(closedSignal(reply)).catch(() => true);
		if (!hasWaited) return reply.code(429).header('retry-after', '10').send({ error: refusal });
		return reply.code(401).send({ error: refusal });
	});

	app.post('/logout', async (request, reply) => {
		checkFetchSite(request.headers);
		const cookie = readCookie(request.headers, portOf(app));
		if (cookie !== undefined) sessions.close(cookie);
		return reply
			.header('set-cookie', expiredCookie(portOf(app)))
			.code(204)
			.send();
	});

	app.get('/download', { onRequest: onlySignedIn }, async (request, reply) => {
		const input = parseDownloadQuery(request.query);
		const download = await engine.downloads.open(input, { signal: closedSignal(reply) });
		const content = await startContent(download);
		reply.type(download.mediaType).header('content-disposition', contentDisposition(download.fileName)).header('content-security-policy', downloadPolicy);
		if (download.sizeBytes !== null) reply.header('content-length', download.sizeBytes);
		return reply.send(content);
	});

	const connect = getWSConnectionHandler({
		router: appRouter,
		wss: app.websocketServer,
		createContext: () => engine.context,
		keepAlive: { enabled: true, pingMs: 20_000, pongWaitMs: 10_000 },
		onError: ({ error, path }) => {
			if (error.code === 'INTERNAL_SERVER_ERROR' && !isExpected(error.cause)) app.log.error({ err: error.cause ?? error, path }, 'call failed');
		},
	});
	app.route({
		method: 'GET',
		url: '/api',
		onRequest: onlySignedIn,
		handler: (_request, reply) => reply.code(426).send({ error: { code: 'usage.invalid', message: 'The contract is spoken over a WebSocket here.' } }),
		wsHandler: (socket, request) => connect(socket, request.raw),
	});

	await serveConsole(app, rendererFolder);

	try {
		await app.listen(bind);
	} catch (cause) {
		await app.close();
		if (systemErrorCode(cause) === 'EADDRINUSE') {
			throw new EngineError('usage.conflict', `Port ${bind.port} of ${bind.host} is in use.`, {
				hint: 'Choose another port with --listen HOST:PORT.',
				data: { field: 'listen' },
				cause,
			});
		}
		throw new EngineError('usage.invalid', `Cannot listen on ${bind.host}:${bind.port} (${systemErrorCode(cause)}).`, { data: { field: 'listen' }, cause });
	}
	const address = `http://${urlHost(bind.host)}:${portOf(app)}`;
	await engine.setAddress(address);
	return {
		address,
		url: `${address}/#token=${token}`,
		tokenFile,
		async [Symbol.asyncDispose]() {
			await engine.setAddress(null);
			const impatience = setTimeout(() => {
				for (const socket of app.websocketServer.clients) socket.terminate();
				app.server.closeAllConnections();
			}, stopGraceMs);
			try {
				await app.close();
			} finally {
				clearTimeout(impatience);
			}
		},
	};
}

/** The page itself holds no data and needs no session: it is where one signs in. */
async function serveConsole(app: FastifyInstance, folder: string | null): Promise<void> {
	if (folder === null || !existsSync(join(folder, 'index.html'))) {
		app.get('/', (_request, reply) =>
			reply
				.type('text/plain; charset=utf-8')
				.send('Holdfast is running. Its browser console is not built here: run "npm run build" and start the server again.\n'),
		);
		return;
	}
	await app.register(fastifyStatic, {
		root: folder,
		cacheControl: false,
		setHeaders(reply, path) {
			// Built files carry a hash of their content in their names; the page that names them must always be asked for.
			const isHashed = path.startsWith(join(folder, 'assets'));
			reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
		},
	});
}

function portOf(app: FastifyInstance): number {
	const address = app.server.address();
	return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Aborts when the client has gone. */
function closedSignal(reply: FastifyReply): AbortSignal {
	const controller = new AbortController();
	reply.raw.once('close', () => controller.abort());
	return controller.signal;
}

const isExpected = (cause: unknown): boolean => cause instanceof EngineError || (cause instanceof Error && cause.name === 'AbortError');

function toAnswer(error: FastifyError): { status: number; shape: ErrorShape } {
	const cause: unknown = error;
	if (cause instanceof EngineError) return { status: statusOf(cause.code), shape: cause.shape };
	const status = error.statusCode ?? 500;
	if (status < 500) return { status, shape: { code: 'usage.invalid', message: error.message } };
	return { status: 500, shape: toErrorShape(error) };
}

function statusOf(code: ErrorShape['code']): number {
	if (code === 'auth.required') return 401;
	if (code === 'auth.refused') return 403;
	if (code === 'internal') return 500;
	const group = code.slice(0, code.indexOf('.'));
	if (group === 'not-found') return 404;
	if (group === 'usage') return 400;
	if (group === 'busy' || group === 'exists' || group === 'stale') return 409;
	return 500;
}
