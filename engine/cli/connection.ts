import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { createTRPCClient, createWSClient, type TRPCClient, unstable_localLink, wsLink } from '@trpc/client';
import { type Clock, EngineError, isEngineError, systemErrorCode } from '../base/index.ts';
import { type AppRouter, appRouter } from '../contract/index.ts';
import { type HostedEngine, readToken, startServer } from '../server/index.ts';

export type Client = TRPCClient<AppRouter>;

/** An engine in this process. */
export interface OpenedEngine extends HostedEngine, AsyncDisposable {}
export type OpenEngine = (options: {
	readonly dataFolder: string;
	/** False for an engine that ends with its command: what a schedule began in it would be cut off. */
	readonly runSchedules: boolean;
	/** A backup will be asked for at once. */
	readonly isForBackup?: boolean;
}) => Promise<OpenedEngine>;

/** One door to an engine, wherever it runs. */
export interface Connection extends AsyncDisposable {
	readonly client: Client;
	/** True when the engine lives in this process and ends with it. */
	readonly isEmbedded: boolean;
	/** Rejects with `connection.lost` when the engine is gone. Never resolves. */
	readonly lost: Promise<never>;
	/**
	 * Lets other faces reach an embedded engine (to follow, to cancel) as long as the connection lives; nothing where a
	 * server does that already.
	 */
	serve(): Promise<void>;
}

/** How long an engine that serves nobody may hold the data folder before we give up: most commands are done in a moment. */
const patienceMs = 5_000;
const pollMs = 100;

export type DataFolderOptions = { readonly openEngine: OpenEngine; readonly clock: Clock; readonly isForBackup?: boolean };

/** The engine of a data folder: in this process, or in the server that holds the folder. */
export async function connectToDataFolder(dataFolder: string, { openEngine, clock, isForBackup = false }: DataFolderOptions): Promise<Connection> {
	const giveUpAt = clock.monotonic() + patienceMs;
	for (;;) {
		try {
			return embed(await openEngine({ dataFolder, runSchedules: false, isForBackup }));
		} catch (error) {
			if (!isEngineError(error, 'busy.data-folder')) throw error;
			const address = addressOfHolder(error.data?.holder);
			if (address !== undefined) {
				const connection = await connectToServer(address, join(dataFolder, 'token')).catch((cause: unknown) => {
					// It may have ended in this very moment: then the folder is free at the next try.
					if (isEngineError(cause, 'connection.refused') && clock.monotonic() < giveUpAt) return undefined;
					throw cause;
				});
				if (connection !== undefined) return connection;
			} else if (clock.monotonic() >= giveUpAt) throw error;
		}
		await clock.sleep(pollMs);
	}
}

function addressOfHolder(holder: unknown): string | undefined {
	const isHolder = typeof holder === 'object' && holder !== null && 'address' in holder;
	return isHolder && typeof holder.address === 'string' ? holder.address : undefined;
}

function embed(engine: OpenedEngine): Connection {
	const open = new AsyncDisposableStack();
	open.use(engine);
	let serving: Promise<void> | undefined;
	const serve = async (): Promise<void> => void open.use(await startServer({ engine, listen: { host: '127.0.0.1', port: 0 }, rendererFolder: null }));
	const client = createTRPCClient<AppRouter>({ links: [unstable_localLink({ router: appRouter, createContext: async () => engine.context })] });
	return {
		client,
		isEmbedded: true,
		lost: new Promise(() => undefined),
		serve: () => (serving ??= serve()),
		async [Symbol.asyncDispose]() {
			await serving?.catch(() => undefined); // who asked for it has heard
			await open.disposeAsync();
		},
	};
}

/** A running server. `connection.refused` when nobody answers, `auth.refused` when it has another token. */
export async function connectToServer(address: string | URL, tokenFile: string): Promise<Connection> {
	const token = await readToken(tokenFile);
	const authorization = `Bearer ${token}`;
	const { default: WebSocket } = await import('ws'); // most commands work in this process
	await checkServer(new URL('/session', address), authorization);

	class SignedInWebSocket extends WebSocket {
		constructor(url: string | URL) {
			super(url, { headers: { authorization } });
		}
	}
	const { promise: lost, reject: lose } = Promise.withResolvers<never>();
	lost.catch(() => undefined); // nobody may be waiting
	const url = new URL('/api', address);
	url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
	let isClosing = false;
	const socket = createWSClient({
		url: url.href,
		WebSocket: SignedInWebSocket as unknown as typeof globalThis.WebSocket, // the part that is used is the same
		// A command that lost its engine says so; whether to begin again is for its user to decide.
		onClose: () => {
			if (!isClosing)
				lose(
					new EngineError('connection.lost', `The server at ${url.host} has gone away.`, {
						hint: 'Sessions that were running there are shown by "holdfast session list" once it is back.',
					}),
				);
			isClosing = true;
			void socket.close();
		},
	});
	return {
		client: createTRPCClient<AppRouter>({ links: [wsLink({ client: socket })] }),
		isEmbedded: false,
		lost,
		serve: () => Promise.resolve(),
		async [Symbol.asyncDispose]() {
			isClosing = true;
			await socket.close();
		},
	};
}

async function checkServer(url: URL, authorization: string): Promise<void> {
	const hint = 'Start it with "holdfast server start", or check the address.';
	const text = await get(url, { authorization }).catch((cause: unknown) => {
		const isLate = cause instanceof Error && cause.name === 'AbortError';
		const reason = isLate ? `not within ${answerMs / 1000} s` : (systemErrorCode(cause) ?? String(cause));
		throw new EngineError('connection.refused', `No server answers at ${url.host} (${reason}).`, { hint, cause });
	});
	const body = parsed(text);
	if (typeof body !== 'object' || body === null || !('signedIn' in body)) {
		throw new EngineError('connection.refused', `What answers at ${url.host} is not a server of Holdfast.`, { hint });
	}
	if (body.signedIn !== true) {
		throw new EngineError('auth.refused', `The server at ${url.host} does not accept this token.`, {
			hint: 'Name the file "token" of its data folder with --token-file.',
		});
	}
}

const answerMs = 10_000;
const mostAnswerCharacters = 65_536;

/** The beginning of what lies there. `fetch` would do, but takes longer to load than the server to answer. */
async function get(url: URL, headers: Readonly<Record<string, string>>): Promise<string> {
	const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
	const asked = request(url, { headers, agent: false, signal: AbortSignal.timeout(answerMs) }).end();
	const [answer] = (await once(asked, 'response')) as [IncomingMessage];
	let text = '';
	for await (const piece of answer.setEncoding('utf8')) {
		text += piece;
		if (text.length > mostAnswerCharacters) break;
	}
	return text;
}

function parsed(json: string): unknown {
	try {
		return JSON.parse(json);
	} catch {
		return undefined;
	}
}
