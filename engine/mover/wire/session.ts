import { type Clock, EngineError, toErrorShape } from '../../base/index.ts';
import { type Connection, connectionLost } from './connection.ts';
import { crcOf, encodeArrivals, type Frame, type FrameHeader, lengthOf, maxMessageBytes, parseArrivals } from './frame.ts';

/** PIPE-08: how long a session outlives its last connection. */
export const resumeMs = 5 * 60_000;
/** Who asks is more patient than who answers: when it gives up and begins anew, the other side has put away what was left. A side may notice a loss a minute late. */
export const clientPatienceMs = resumeMs + 90_000;
/** Bytes that one side may have sent and the other not yet dealt with: 50 ms away, that is 400 MiB per second. */
export const windowBytes = 20 * 1024 * 1024;
/** Messages, likewise. */
const windowMessages = 4096;
/** A message with a sequence number so far ahead of the oldest that is missing was sent by nobody who keeps to the window. */
const maxAhead = 16 * windowMessages;
/** A message that arrives damaged so often is not damaged by chance. */
const maxDamaged = 20;
const pingMs = 15_000;
/** Rounds of silence after which a connection is given up: four pings that nobody heard. */
const silentRounds = 4;

export type SessionCounts = {
	/** NET-08: messages that arrived with a wrong checksum and were asked for again. */
	readonly damagedMessages: number;
	/** Messages that were sent once more, for that reason or because their connection was lost. */
	readonly resentMessages: number;
	readonly lostConnections: number;
	readonly sentBytes: number;
};

export type SessionOptions = {
	readonly clock: Clock;
	readonly peer: string;
	/**
	 * Deals with a message of the other side. Its bytes count against the other side's window until the promise resolves. Messages may come in another order
	 * than they were sent in, each exactly once. What it throws ends the session.
	 */
	readonly onMessage: (message: Buffer) => Promise<void>;
	/** How long it outlives its last connection. */
	readonly patienceMs?: number | undefined;
};

/** Bytes that it carries and the other side has not acknowledged; bytes that are coming in; rounds of silence. */
type ConnectionState = { outstandingBytes: number; admittedBytes: number; silence: number };

type Outgoing = {
	readonly sequence: number;
	readonly parts: readonly Uint8Array[];
	readonly bytes: number;
	readonly crc: number;
	readonly resolve: () => void;
	readonly reject: (error: unknown) => void;
	/** Where it is on its way. */
	connection: Connection | null;
	/** `lost`: its connection is gone, and whether it had arrived is to be asked. `arrived`: the other side has it and deals with it. */
	state: 'waiting' | 'sent' | 'lost' | 'arrived';
	/** How often it arrived damaged. */
	damaged: number;
	wasSent: boolean;
};

/**
 * Messages over several connections, each delivered exactly once as long as the session lives. It lives while it has a connection, and for five minutes
 * without one. Both sides are alike here; who connects and who waits for connections is decided elsewhere.
 */
export class Session {
	readonly peer: string;
	readonly #options: SessionOptions;
	readonly #connections = new Map<Connection, ConnectionState>();
	readonly #ended = new AbortController();
	/** Sent, not acknowledged; in the order of their numbers. */
	readonly #outgoing = new Map<number, Outgoing>();
	/** To be sent: what has to be sent again comes first. */
	#again: Outgoing[] = [];
	readonly #queue: { readonly parts: readonly Uint8Array[]; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
	#nextSequence = 0;
	#mustAsk = false;
	#inFlightBytes = 0;
	/** All messages below have come in. */
	#floor = 0;
	readonly #seen = new Set<number>();
	/** Those that are being dealt with, and where to acknowledge them. */
	readonly #inWork = new Map<number, Connection>();
	#heldBytes = 0;
	#patience: AbortController | null = null;
	readonly #counts = { damagedMessages: 0, resentMessages: 0, lostConnections: 0, sentBytes: 0 };

	constructor(options: SessionOptions) {
		this.#options = options;
		this.peer = options.peer;
		this.#waitForConnections();
		void this.#ping();
	}

	/** Aborted when the session has ended, with the reason. */
	get ended(): AbortSignal {
		return this.#ended.signal;
	}

	get counts(): SessionCounts {
		return { ...this.#counts };
	}

	get connectionCount(): number {
		return this.#connections.size;
	}

	/** Takes on a connection that has been greeted. @returns when it is lost */
	attach(connection: Connection): Promise<void> {
		const lost = Promise.withResolvers<void>();
		if (this.ended.aborted || connection.isClosed) {
			connection.close();
			lost.resolve();
			return lost.promise;
		}
		this.#connections.set(connection, { outstandingBytes: 0, admittedBytes: 0, silence: 0 });
		this.#patience?.abort();
		this.#patience = null;
		connection.goOn({
			admits: (header) => this.#admits(header, connection),
			preface: () => undefined,
			frame: (frame) => this.#take(frame, connection),
			drain: () => this.#pump(),
			closed: () => {
				this.#detach(connection);
				lost.resolve();
			},
		});
		this.#askWhatArrived();
		this.#pump();
		return lost.promise;
	}

	#detach(connection: Connection): void {
		this.#heldBytes -= this.#connections.get(connection)?.admittedBytes ?? 0;
		this.#connections.delete(connection);
		if (this.ended.aborted) return;
		this.#counts.lostConnections++;
		for (const message of this.#outgoing.values()) {
			if (message.connection !== connection) continue;
			message.connection = null;
			if (message.state === 'sent') message.state = 'lost';
		}
		this.#mustAsk ||= this.#outgoing.size > 0;
		if (this.#connections.size === 0) this.#waitForConnections();
		this.#askWhatArrived();
		this.#pump();
	}

	/** Not only what was lost may have been on that connection, acknowledgements may, too. */
	#askWhatArrived(): void {
		const connection = this.#leastBusy() ?? [...this.#connections.keys()][0];
		if (!this.#mustAsk || !connection) return;
		this.#mustAsk = false; // if this connection is lost before the answer comes, it is asked again
		connection.send('ask');
	}

	#waitForConnections(): void {
		const patience = new AbortController();
		this.#patience = patience;
		this.#options.clock.sleep(this.#options.patienceMs ?? resumeMs, { signal: patience.signal }).then(
			() => this.end(connectionLost(this.peer, `it could not be restored within ${resumeMs / 60_000} minutes`)),
			() => undefined, // there is a connection again, or the session has ended
		);
	}

	/**
	 * Resolves when the other side has dealt with the message. `parts` must not change before that.
	 * @throws why the session has ended
	 */
	send(parts: readonly Uint8Array[]): Promise<void> {
		if (this.ended.aborted) return Promise.reject(this.ended.reason);
		return new Promise((resolve, reject) => {
			this.#queue.push({ parts, resolve, reject });
			this.#pump();
		});
	}

	#pump(): void {
		while (!this.ended.aborted) {
			const connection = this.#leastBusy();
			if (!connection) return;
			const message = this.#again.shift() ?? this.#nextFromQueue();
			if (!message) return;
			message.connection = connection;
			message.state = 'sent';
			if (message.wasSent) this.#counts.resentMessages++;
			message.wasSent = true;
			const state = this.#connections.get(connection);
			if (state) state.outstandingBytes += message.bytes;
			this.#counts.sentBytes += message.bytes;
			connection.send('message', message.sequence, message.parts, message.crc);
		}
	}

	#leastBusy(): Connection | null {
		let best: Connection | null = null;
		let least = Number.POSITIVE_INFINITY;
		for (const [connection, { outstandingBytes }] of this.#connections) {
			if (connection.isFull || outstandingBytes >= least) continue;
			best = connection;
			least = outstandingBytes;
		}
		return best;
	}

	#nextFromQueue(): Outgoing | null {
		const next = this.#queue[0];
		if (!next) return null;
		const bytes = lengthOf(next.parts);
		const [oldest = this.#nextSequence] = this.#outgoing.keys();
		if (this.#outgoing.size > 0 && (this.#inFlightBytes + bytes > windowBytes || this.#nextSequence - oldest >= windowMessages)) return null;
		this.#queue.shift();
		const message = {
			...next,
			sequence: this.#nextSequence++,
			bytes,
			crc: crcOf(next.parts),
			connection: null,
			state: 'waiting' as const,
			damaged: 0,
			wasSent: false,
		};
		this.#outgoing.set(message.sequence, message);
		this.#inFlightBytes += bytes;
		return message;
	}

	/** Kept in the order of the numbers: the other side waits for the oldest. */
	#sendAgain(message: Outgoing): void {
		message.connection = null;
		message.state = 'waiting';
		const at = this.#again.findIndex(({ sequence }) => sequence > message.sequence);
		if (at < 0) this.#again.push(message);
		else this.#again.splice(at, 0, message);
	}

	#admits({ type, payloadBytes }: FrameHeader, connection: Connection): boolean {
		const state = this.#connections.get(connection);
		if (type === 'hello' || type === 'welcome' || type === 'refusal') return false;
		if (type !== 'message' || !state) return true;
		// one window that is being dealt with, and the same once more of what is on its way a second time
		if (this.#heldBytes + payloadBytes > 2 * windowBytes + maxMessageBytes) return false;
		this.#heldBytes += payloadBytes;
		state.admittedBytes += payloadBytes;
		return true;
	}

	#take(frame: Frame, connection: Connection): void {
		switch (frame.type) {
			case 'message':
				this.#takeMessage(frame, connection);
				break;
			case 'ack':
				this.#takeAck(frame.sequence);
				break;
			case 'again':
				this.#takeAgain(frame.sequence, connection);
				break;
			case 'ask':
				// whoever asks has lost a connection: what is acknowledged from now on is acknowledged here
				for (const sequence of this.#inWork.keys()) this.#inWork.set(sequence, connection);
				connection.send('have', this.#floor, [encodeArrivals({ seen: [...this.#seen], inWork: [...this.#inWork.keys()] })]);
				break;
			case 'have':
				this.#takeArrivals(frame, connection);
				break;
			case 'bye':
				this.#takeBye(frame);
				break;
			case 'ping':
				break;
			case 'hello':
			case 'welcome':
			case 'refusal':
				connection.close();
		}
	}

	#takeArrivals({ sequence: floor, payload, isDamaged }: Frame, connection: Connection): void {
		const arrivals = isDamaged ? null : parseArrivals(payload);
		if (!arrivals) {
			connection.close(); // and then it is asked again
			return;
		}
		const seen = new Set(arrivals.seen);
		const inWork = new Set(arrivals.inWork);
		for (const message of [...this.#outgoing.values()]) {
			const hasArrived = message.sequence < floor || seen.has(message.sequence);
			if (hasArrived && !inWork.has(message.sequence)) this.#takeAck(message.sequence);
			else if (hasArrived) {
				if (message.state === 'waiting') this.#again = this.#again.filter((other) => other !== message);
				this.#release(message);
				message.connection = null;
				message.state = 'arrived';
			} else if (message.state === 'lost') this.#sendAgain(message);
		}
		this.#pump();
	}

	#takeAck(sequence: number): void {
		const message = this.#outgoing.get(sequence);
		if (!message) return;
		this.#outgoing.delete(sequence);
		this.#again = this.#again.filter((other) => other !== message);
		this.#release(message);
		this.#inFlightBytes -= message.bytes;
		message.resolve();
		this.#pump();
	}

	#takeAgain(sequence: number, connection: Connection): void {
		const message = this.#outgoing.get(sequence);
		if (message?.connection !== connection) return;
		if (++message.damaged > maxDamaged) {
			this.end(connectionLost(this.peer, 'what is sent arrives damaged, again and again'));
			return;
		}
		this.#release(message);
		this.#sendAgain(message);
		this.#pump();
	}

	#release({ connection, bytes }: Outgoing): void {
		const state = connection && this.#connections.get(connection);
		if (state) state.outstandingBytes -= bytes;
	}

	#takeMessage({ sequence, payload, isDamaged }: Frame, connection: Connection): void {
		const state = this.#connections.get(connection);
		const { byteLength } = payload; // who deals with it may let go of its memory
		if (state) state.admittedBytes -= byteLength;
		const isKnown = sequence < this.#floor || this.#seen.has(sequence);
		if (isKnown || isDamaged || sequence >= this.#floor + maxAhead) {
			this.#heldBytes -= byteLength;
			if (!isKnown && isDamaged) {
				this.#counts.damagedMessages++;
				connection.send('again', sequence);
			} else if (!isKnown) this.end(connectionLost(this.peer, 'it does not keep to the window'));
			// it was sent again although it had arrived: its acknowledgement was on its way, or is still to come
			else if (this.#inWork.has(sequence)) this.#inWork.set(sequence, connection);
			else connection.send('ack', sequence);
			return;
		}
		this.#seen.add(sequence);
		while (this.#seen.delete(this.#floor)) this.#floor++;
		this.#inWork.set(sequence, connection);
		this.#options.onMessage(payload).then(
			() => {
				this.#heldBytes -= byteLength;
				const latest = this.#inWork.get(sequence);
				this.#inWork.delete(sequence);
				latest?.send('ack', sequence);
			},
			(error) => this.end(error),
		);
	}

	#takeBye({ payload, isDamaged }: Frame): void {
		let message = 'it ended the session';
		try {
			const told: unknown = isDamaged ? null : JSON.parse(payload.toString());
			if (told && typeof told === 'object' && 'message' in told && typeof told.message === 'string' && told.message) message = told.message.slice(0, 2000);
		} catch {
			// It ends all the same; what it wanted to say is lost.
		}
		this.end(connectionLost(this.peer, message), { tell: false });
	}

	/** Ends it on both sides: everything that waits fails with `error`. Idempotent. */
	end(error: unknown = new EngineError('cancelled', 'The session has ended.'), { tell = true }: { readonly tell?: boolean } = {}): void {
		if (this.ended.aborted) return;
		this.#ended.abort(error);
		this.#patience?.abort();
		for (const connection of this.#connections.keys()) {
			if (!tell) connection.close();
			else {
				connection.sendJson('bye', { message: toErrorShape(error).message.slice(0, 2000) });
				connection.end();
			}
		}
		for (const { reject } of [...this.#outgoing.values(), ...this.#queue.splice(0)]) reject(error);
		this.#outgoing.clear();
		this.#again = [];
	}

	/** A connection that says nothing for a minute, although it is pinged, leads nowhere. */
	async #ping(): Promise<void> {
		const { clock } = this.#options;
		try {
			for (;;) {
				await clock.sleep(pingMs, { signal: this.ended });
				for (const [connection, state] of [...this.#connections]) {
					state.silence = connection.isSilent() ? state.silence + 1 : 0;
					if (state.silence >= silentRounds) connection.close();
					else connection.send('ping');
				}
			}
		} catch {
			// The session has ended.
		}
	}
}
