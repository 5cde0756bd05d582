import { type Clock, EngineError, isEngineError, systemClock, toErrorShape } from '../../base/index.ts';
import { Connection, connectionLost, type Transport } from './connection.ts';
import { type Frame, parsePreface, protocolVersion, refuseOtherVersion } from './frame.ts';
import { defaultConnections, type Hello, maxConnections, parseGreeting, refusal, type Welcome, welcome } from './greeting.ts';
import { clientPatienceMs, Session, type SessionOptions } from './session.ts';

/** Makes a connection to the peer, authenticated on both sides. @throws `connection.*`, `auth.*`, the signal's reason */
export type Connect = (options: { readonly signal: AbortSignal }) => Promise<Transport>;

export type OpenOptions = Pick<SessionOptions, 'onMessage'> & {
	readonly connect: Connect;
	/** The other side in an administrator's words. */
	readonly peer: string;
	/** Version of the product, for the message when the protocols differ. */
	readonly product: string;
	/** NET-07: 5 by default, 1 without multithreading. */
	readonly connectionCount?: number | undefined;
	readonly clock?: Clock | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Another version only in tests. */
	readonly version?: number | undefined;
};

/** How long a connection may take until it is greeted. */
const greetMs = 20_000;
/** A data mover listens as long as it lives: where its machine has said for so long, without a break, that nobody does, its sessions are gone with it. */
const nobodyThereMs = 60_000;
/** Between two attempts to connect: soon at first, then at leisure. */
const firstDelayMs = 50;
const maxDelayMs = 5000;

/** Begins a session. @throws `connection.*`, `auth.*` when no first connection can be made within twenty seconds; later losses are made up for */
export async function openSession(options: OpenOptions): Promise<Session> {
	const { clock = systemClock, peer, signal } = options;
	const first = await greetFirst(options);
	const session = new Session({ clock, peer, onMessage: options.onMessage, patienceMs: clientPatienceMs });
	signal?.addEventListener('abort', () => session.end(signal.reason), { once: true, signal: session.ended });
	if (signal?.aborted) session.end(signal.reason);
	const count = Math.min(maxConnections, Math.max(1, options.connectionCount ?? defaultConnections));
	const name = first.welcome.session;
	void keepConnected(options, session, name, session.attach(first.connection));
	for (let i = 1; i < count; i++) void keepConnected(options, session, name, Promise.resolve());
	return session;
}

/** A connection that is cut while it is made is made again, as later ones are; one that is refused is not. */
async function greetFirst(options: OpenOptions): ReturnType<typeof greet> {
	const { clock = systemClock, signal } = options;
	const until = clock.monotonic() + greetMs;
	for (let delayMs = firstDelayMs; ; delayMs *= 2) {
		try {
			return await greet(options, { session: null });
		} catch (error) {
			if (!isEngineError(error, 'connection.lost') || clock.monotonic() + delayMs >= until) throw error;
			await clock.sleep(delayMs, { signal });
		}
	}
}

/** One place for a connection: whenever it is empty it is filled again, until the session has ended. */
async function keepConnected(options: OpenOptions, session: Session, name: string, lost: Promise<void>): Promise<void> {
	const { clock = systemClock } = options;
	let delayMs = firstDelayMs;
	let nobodySince: number | null = null;
	await lost;
	while (!session.ended.aborted) {
		try {
			const { connection } = await greet({ ...options, signal: session.ended }, { session: name });
			const since = clock.monotonic();
			nobodySince = null;
			await session.attach(connection);
			if (clock.monotonic() - since > maxDelayMs) delayMs = firstDelayMs;
			else if (session.connectionCount === 0) continue; // a network that drops everything at once would wait for nothing
		} catch (error) {
			if (isEngineError(error) && error.data?.isFinal) return session.end(error);
			nobodySince = isEngineError(error) && error.data?.nobodyListens ? (nobodySince ?? clock.monotonic()) : null;
			if (nobodySince !== null && session.connectionCount === 0 && clock.monotonic() - nobodySince >= nobodyThereMs) return session.end(goneWith(error));
		}
		await clock.sleep(delayMs, { signal: session.ended }).catch(() => undefined); // the loop sees that it has ended
		delayMs = Math.min(maxDelayMs, delayMs * 2);
	}
}

/** What the session was for has come to nothing. */
const goneWith = (error: unknown): EngineError =>
	new EngineError('connection.lost', `The data mover has ended, and what it worked on with it: ${toErrorShape(error).message}`, {
		hint: 'Start it again, then run it again. What was not committed has left no trace.',
		cause: error,
	});

async function greet(options: OpenOptions, first: Hello): Promise<{ readonly connection: Connection; readonly welcome: Welcome }> {
	const { clock = systemClock, peer, product, version = protocolVersion } = options;
	const ours = { version, product };
	const hurry = new AbortController();
	const signal = options.signal ? AbortSignal.any([options.signal, hurry.signal]) : hurry.signal;
	const timer = new AbortController();
	clock.sleep(greetMs, { signal: timer.signal }).then(
		() => hurry.abort(connectionLost(peer, `it does not answer within ${greetMs / 1000} seconds`)),
		() => undefined, // it was in time
	);
	try {
		const transport = await options.connect({ signal });
		const answer = Promise.withResolvers<Frame>();
		answer.promise.catch(() => undefined); // it may come to nothing before anybody waits for it
		const connection = new Connection(transport, {
			admits: ({ type }) => type === 'welcome' || type === 'refusal',
			preface(bytes) {
				try {
					refuseOtherVersion(ours, parsePreface(bytes, peer), peer);
					connection.sendJson('hello', first);
				} catch (error) {
					answer.reject(error);
				}
			},
			frame(frame) {
				connection.hold(); // what follows is for the session
				answer.resolve(frame);
			},
			drain: () => undefined,
			closed: () => answer.reject(connectionLost(peer, 'it was closed before it had begun')),
		});
		const onAbort = (): void => answer.reject(signal.reason);
		signal.addEventListener('abort', onAbort, { once: true });
		if (signal.aborted) onAbort();
		connection.sendPreface(ours);
		try {
			const frame = await answer.promise;
			if (frame.isDamaged) throw connectionLost(peer, 'its greeting arrived damaged');
			if (frame.type === 'welcome') return { connection, welcome: parseGreeting(welcome, frame.payload, peer) };
			const { code, message, hint } = parseGreeting(refusal, frame.payload, peer);
			throw new EngineError(code, message, { hint, data: { isFinal: code !== 'connection.refused' } });
		} catch (error) {
			connection.close();
			throw error;
		} finally {
			signal.removeEventListener('abort', onAbort);
		}
	} finally {
		timer.abort();
	}
}
