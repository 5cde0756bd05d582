import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { EngineError } from '../../base/index.ts';
import { releasePiece } from '../../format/index.ts';
import { crcOf, encodeFrameHeader, encodePreface, type Frame, type FrameHeader, FrameParser, type FrameType, lengthOf, type Preface } from './frame.ts';

/** A stream to an authenticated peer: TCP with TLS on the wire, anything that keeps the order of bytes in tests. */
export type Transport = Duplex & { readonly localAddress?: string | undefined; readonly remoteAddress?: string | undefined };

export interface ConnectionEvents {
	/** Before memory is taken for the payload; false ends the connection. */
	admits(header: FrameHeader): boolean;
	preface(preface: Buffer): void;
	frame(frame: Frame): void;
	/** There is room to write again. */
	drain(): void;
	/** Once, for whatever reason. Nothing comes after it. */
	closed(): void;
}

/** How long the last words may take. */
const lingerMs = 5000;

/** Frames over one transport. It knows nothing of sessions: whoever is told of its events may change, from who greets to who works. */
export class Connection {
	readonly peer: string;
	readonly #transport: Transport;
	readonly #parser: FrameParser;
	events: ConnectionEvents;
	/** Nothing more should be written before `drain`. */
	isFull = false;
	isClosed = false;
	#isHeld = false;
	/** Something came in since `isSilent` was last asked. */
	#isHeard = true;

	constructor(transport: Transport, events: ConnectionEvents) {
		this.#transport = transport;
		this.peer = transport.remoteAddress ?? 'the other side';
		this.events = events;
		this.#parser = new FrameParser((header) => this.events.admits(header));
		if ('setNoDelay' in transport && typeof transport.setNoDelay === 'function') transport.setNoDelay(true);
		transport.on('data', (bytes: Buffer) => this.#take(bytes));
		transport.on('drain', () => {
			this.isFull = false;
			this.events.drain();
		});
		transport.on('error', () => this.close()); // what a connection dies of does not matter: the session goes on with others
		transport.on('close', () => this.close());
		transport.on('end', () => this.close());
	}

	#take(bytes: Buffer): void {
		this.#isHeard = true;
		let rest = bytes;
		while (rest.byteLength > 0 && !this.isClosed) {
			if (this.#isHeld) {
				this.#transport.unshift(rest);
				return;
			}
			const next = this.#parser.next(rest);
			if (!next) {
				this.close();
				return;
			}
			rest = rest.subarray(next.taken);
			if (Buffer.isBuffer(next.item)) this.events.preface(next.item);
			else if (next.item) this.events.frame(next.item);
		}
		if (this.#transport instanceof Socket) releasePiece(bytes); // all of it was copied, and nobody else has it
	}

	/** Takes nothing more in until `goOn`: whoever is to be told of it is not there yet. */
	hold(): void {
		this.#isHeld = true;
		this.#transport.pause();
	}

	goOn(events: ConnectionEvents): void {
		this.events = events;
		this.#isHeld = false;
		this.#transport.resume();
	}

	/** Whether nothing came in since it was asked before. */
	isSilent(): boolean {
		const wasHeard = this.#isHeard;
		this.#isHeard = false;
		return !wasHeard;
	}

	sendPreface(preface: Preface): void {
		if (!this.isClosed) this.#transport.write(encodePreface(preface));
	}

	/** `parts` must not change before the other side has acknowledged them, or this connection is closed. */
	send(type: FrameType, sequence = 0, parts: readonly Uint8Array[] = [], payloadCrc = crcOf(parts)): void {
		if (this.isClosed) return;
		const header = encodeFrameHeader({ type, payloadBytes: lengthOf(parts), sequence, payloadCrc });
		this.#transport.cork();
		let hasRoom = this.#transport.write(header);
		for (const part of parts) hasRoom = this.#transport.write(part);
		this.#transport.uncork();
		if (!hasRoom) this.isFull = true;
	}

	sendJson(type: FrameType, value: unknown): void {
		this.send(type, 0, [Buffer.from(JSON.stringify(value))]);
	}

	/** What is still to be written is written first; then the other side is expected to close, too. */
	end(): void {
		if (this.isClosed) return;
		this.#transport.end();
		setTimeout(() => this.close(), lingerMs).unref();
	}

	close(): void {
		if (this.isClosed) return;
		this.isClosed = true;
		this.#transport.destroy();
		this.events.closed();
	}
}

export const connectionLost = (peer: string, why: string, cause?: unknown): EngineError =>
	new EngineError('connection.lost', `The connection to ${peer} was lost: ${why}.`, {
		hint: 'Check the network and the data mover on the other side, then run it again. What was not committed has left no trace.',
		cause,
	});
