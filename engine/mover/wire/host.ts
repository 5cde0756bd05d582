import { randomBytes } from 'node:crypto';
import { type Clock, EngineError, systemClock, toErrorShape } from '../../base/index.ts';
import { Connection, type Transport } from './connection.ts';
import { type Frame, parsePreface, protocolVersion, refuseOtherVersion } from './frame.ts';
import { hello, maxConnections, parseGreeting } from './greeting.ts';
import { Session } from './session.ts';

/** Who is on the other side, as the transport has proven it. */
export type Peer = { readonly id: string; readonly address: string };

/** What deals with the messages of a session, and learns when no more come. */
export interface ServedSession {
	take(message: Buffer): Promise<void>;
	/** Resolves when nothing is at work any more. */
	ended(): Promise<void>;
}

export type HostOptions = {
	readonly product: string;
	/** Serves a session that a peer has begun. There is none yet while `serve` runs. */
	readonly serve: (peer: Peer, session: () => Session) => ServedSession;
	readonly clock?: Clock | undefined;
	readonly version?: number | undefined;
};

/** One peer has no use for more; each may hold memory for five minutes. */
const maxSessionsPerPeer = 64;
const greetMs = 20_000;

type Hosted = { readonly peerId: string; readonly session: Session };

/** The side that is connected to: greets connections and puts each to its session. */
export class WireHost implements AsyncDisposable {
	readonly #options: HostOptions;
	readonly #clock: Clock;
	readonly #sessions = new Map<string, Hosted>();
	readonly #endings = new Set<Promise<void>>();
	readonly #greeted = new Set<Connection>();

	constructor(options: HostOptions) {
		this.#options = options;
		this.#clock = options.clock ?? systemClock;
	}

	/** Sessions that live, also those that wait for a connection. */
	get sessions(): readonly Session[] {
		return [...this.#sessions.values()].map(({ session }) => session);
	}

	/** Takes a connection over. Never throws: what is not right is refused and closed. @param peerId as the transport has authenticated it */
	accept(transport: Transport, peerId: string): void {
		const { product, version = protocolVersion } = this.#options;
		const ours = { version, product };
		const timer = new AbortController();
		let isGreeted = false;
		const connection = new Connection(transport, {
			admits: ({ type }) => type === 'hello' && !isGreeted,
			preface(bytes) {
				try {
					refuseOtherVersion(ours, parsePreface(bytes, connection.peer), connection.peer);
				} catch {
					connection.end(); // the other side has our preface, and tells its user
				}
			},
			frame: (frame) => {
				isGreeted = true;
				timer.abort();
				this.#greeted.delete(connection);
				this.#greet(connection, peerId, frame);
			},
			drain: () => undefined,
			closed: () => {
				timer.abort();
				this.#greeted.delete(connection);
			},
		});
		this.#greeted.add(connection);
		connection.sendPreface(ours);
		this.#clock.sleep(greetMs, { signal: timer.signal }).then(
			() => connection.close(),
			() => undefined, // it was in time
		);
	}

	#greet(connection: Connection, peerId: string, frame: Frame): void {
		try {
			if (frame.isDamaged) {
				connection.close(); // the other side tries again
				return;
			}
			const { session: wanted } = parseGreeting(hello, frame.payload, connection.peer);
			const name = wanted ?? randomBytes(32).toString('hex');
			const hosted = wanted === null ? this.#begin(name, { id: peerId, address: connection.peer }) : this.#sessions.get(name);
			if (!hosted || hosted.peerId !== peerId)
				throw new EngineError('connection.lost', 'The data mover does not know this session: it was started anew, or the session has ended meanwhile.', {
					hint: 'Run it again. What was not committed has left no trace.',
				});
			if (hosted.session.connectionCount >= maxConnections)
				throw new EngineError('connection.refused', 'The session has all the connections that it may have.');
			connection.sendJson('welcome', { session: name });
			void hosted.session.attach(connection);
		} catch (error) {
			const { code, message, hint } = toErrorShape(error);
			connection.sendJson('refusal', { code, message, hint });
			connection.end();
		}
	}

	#begin(name: string, peer: Peer): Hosted {
		const count = [...this.#sessions.values()].filter(({ peerId }) => peerId === peer.id).length;
		if (count >= maxSessionsPerPeer)
			throw new EngineError('connection.refused', `${peer.address} has too many sessions already.`, { hint: 'Wait until some have ended.' });
		const served = this.#options.serve(peer, () => session);
		const session: Session = new Session({ clock: this.#clock, peer: peer.address, onMessage: (message) => served.take(message) });
		const hosted = { peerId: peer.id, session };
		this.#sessions.set(name, hosted);
		session.ended.addEventListener(
			'abort',
			() => {
				this.#sessions.delete(name);
				const ending = served.ended().finally(() => this.#endings.delete(ending));
				this.#endings.add(ending);
				ending.catch(() => undefined); // its clean-up failed: the next run of the job does it again
			},
			{ once: true },
		);
		return hosted;
	}

	/** Ends all sessions, and waits for their clean-up: what they have not committed leaves no trace. */
	async [Symbol.asyncDispose](): Promise<void> {
		for (const connection of this.#greeted) connection.close();
		for (const { session } of [...this.#sessions.values()]) session.end(new EngineError('cancelled', 'the data mover was stopped'));
		await Promise.allSettled(this.#endings);
	}
}
