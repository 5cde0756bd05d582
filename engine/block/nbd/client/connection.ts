import { assert, EngineError } from '../../../base/index.ts';
import type { Platform } from '../../../platform/index.ts';
import { brokenProtocol } from '../nbd-error.ts';
import {
	command,
	errorName,
	maxMessageBytes,
	replyFlag,
	replyType,
	replyTypeErrorBit,
	requestMagic,
	type StatusExtent,
	simpleReplyMagic,
	structuredReplyMagic,
} from '../protocol.ts';
import type { NbdAddress } from '../uri.ts';
import { type NbdExport, negotiate } from './handshake.ts';
import { NbdStream } from './stream.ts';

/** Requests of this size keep a server busy with the next one while this one's answer is on its way. */
const pieceBytes = 256 * 1024;
/** So few that asking never has to wait for a server that waits for us to listen. */
const maxInFlight = 32;
/** nbdkit sends at most 2^20 extents, QEMU fewer. */
const maxStatusBytes = 4 + 8 * 2 ** 20;
const defaultSilenceMs = 60_000;

type Request = {
	readonly offsetBytes: number;
	readonly lengthBytes: number;
	/** Where what is read goes; null for other requests. */
	readonly target: Uint8Array | null;
	readonly onStatus?: (contextId: number, extents: Buffer) => void;
	missingBytes: number;
	failure: EngineError | null;
};

/**
 * The requests of one connection. Several are in flight at a time, and may be answered in any order and in pieces. After `source.unreadable` for one range
 * others may still be read; after a server that breaks the protocol, or is gone, nothing can.
 */
export class NbdConnection {
	readonly facts: NbdExport;
	readonly uri: string;
	readonly #stream: NbdStream;
	readonly #pending = new Map<bigint, Request>();
	readonly #header = Buffer.alloc(32);
	#nextCookie = 1n;

	constructor(address: NbdAddress, contexts: readonly string[] | 'all', platform: Platform, silenceMs: number = defaultSilenceMs) {
		this.#stream = new NbdStream(address, platform, silenceMs);
		this.uri = this.#stream.uri;
		try {
			this.facts = negotiate(this.#stream, address.exportName, contexts);
		} catch (error) {
			this.#stream.close();
			throw error;
		}
	}

	/** Fills `target`; range and offset keep to `minBlockBytes`. */
	read(target: Uint8Array, offsetBytes: number): void {
		const step = Math.max(this.facts.minBlockBytes, Math.min(pieceBytes, this.facts.maxPayloadBytes - (this.facts.maxPayloadBytes % this.facts.minBlockBytes)));
		for (let from = 0; from < target.byteLength; from += step * maxInFlight) {
			const requests: Request[] = [];
			for (let at = from; at < target.byteLength && requests.length < maxInFlight; at += step) {
				const piece = target.subarray(at, at + step);
				requests.push({ offsetBytes: offsetBytes + at, lengthBytes: piece.byteLength, target: piece, missingBytes: piece.byteLength, failure: null });
			}
			this.#run(command.read, requests);
		}
	}

	/** What a context says from an offset on, for at least the first byte and at most `lengthBytes`. */
	status(contextId: number, offsetBytes: number, lengthBytes: number): readonly StatusExtent[] {
		const found: StatusExtent[] = [];
		const onStatus = (id: number, extents: Buffer): void => {
			if (id !== contextId) return;
			for (let at = 0; at < extents.length; at += 8) found.push({ lengthBytes: extents.readUInt32BE(at), flags: extents.readUInt32BE(at + 4) });
		};
		this.#run(command.blockStatus, [{ offsetBytes, lengthBytes, target: null, onStatus, missingBytes: 0, failure: null }]);
		const [first] = found;
		if (first === undefined || found.some((extent) => extent.lengthBytes === 0)) throw this.#broken('it does not say what a range holds');
		return found;
	}

	/** Tells the server that nothing more will be asked, and hangs up. Calling it again does nothing. */
	close(): void {
		try {
			if (this.#pending.size === 0) this.#stream.send(requestHeader(command.disconnect, 0n, 0, 0));
		} catch {
			// It is gone already, which is as good
		}
		this.#stream.close();
	}

	#run(type: number, requests: readonly Request[]): void {
		assert(this.#pending.size === 0, 'an NBD connection is used while it waits');
		const headers = requests.map((request) => {
			const cookie = this.#nextCookie++;
			this.#pending.set(cookie, request);
			return requestHeader(type, cookie, request.offsetBytes, request.lengthBytes);
		});
		try {
			this.#stream.send(Buffer.concat(headers));
			while (this.#pending.size > 0) this.#receiveReply();
		} catch (error) {
			this.#pending.clear();
			throw error;
		}
		const failed = requests.find(({ failure }) => failure !== null);
		if (failed?.failure) throw failed.failure;
	}

	#receiveReply(): void {
		const magic = this.#take(4).readUInt32BE(0);
		if (magic === simpleReplyMagic) this.#receiveSimple();
		else if (magic === structuredReplyMagic) this.#receiveChunk();
		else throw this.#broken('its answer does not begin like one');
	}

	#receiveSimple(): void {
		const header = this.#take(12);
		const error = header.readUInt32BE(0);
		const cookie = header.readBigUInt64BE(4);
		const request = this.#pendingRequest(cookie);
		if (error !== 0) request.failure = this.#refusal(request, error, '');
		else if (request.target === null) throw this.#broken('it answers a question for extents with a yes');
		else if (this.facts.hasStructuredReplies) throw this.#broken('it forgets the structured replies that it agreed to');
		else {
			this.#stream.receive(request.target);
			request.missingBytes = 0;
		}
		this.#finish(cookie, request);
	}

	#receiveChunk(): void {
		const header = this.#take(16);
		const flags = header.readUInt16BE(0);
		const type = header.readUInt16BE(2);
		const cookie = header.readBigUInt64BE(4);
		const length = header.readUInt32BE(12);
		const request = this.#pendingRequest(cookie);
		if (type === replyType.offsetData && length >= 8) {
			const offset = this.#take(8).readBigUInt64BE(0);
			this.#stream.receive(this.#part(request, offset, length - 8));
		} else if (type === replyType.offsetHole && length === 12) {
			const hole = this.#take(12);
			this.#part(request, hole.readBigUInt64BE(0), hole.readUInt32BE(8)).fill(0);
		} else if (type === replyType.blockStatus && request.onStatus !== undefined && length >= 12 && length % 8 === 4 && length <= maxStatusBytes) {
			const status = Buffer.allocUnsafe(length);
			this.#stream.receive(status);
			request.onStatus(status.readUInt32BE(0), status.subarray(4));
		} else if ((type & replyTypeErrorBit) !== 0 && length >= 6 && length <= 6 + maxMessageBytes + 8) {
			const error = Buffer.alloc(length);
			this.#stream.receive(error);
			const message = error.toString('utf8', 6, Math.min(length, 6 + error.readUInt16BE(4))).replace(/\p{Cc}/gu, '?');
			request.failure ??= this.#refusal(request, error.readUInt32BE(0), message);
		} else if (type !== replyType.none || length !== 0) {
			throw this.#broken(`a piece of its answer (${type}, ${length} bytes) means nothing here`);
		}
		if ((flags & replyFlag.done) !== 0) this.#finish(cookie, request);
	}

	/** The part of a request's target that a piece of its answer fills; each byte is sent once. */
	#part(request: Request, offset: bigint, length: number): Uint8Array {
		const at = Number(offset) - request.offsetBytes;
		if (request.target === null || length === 0 || at < 0 || at + length > request.lengthBytes || length > request.missingBytes)
			throw this.#broken('it sends bytes that nobody asked for');
		request.missingBytes -= length;
		return request.target.subarray(at, at + length);
	}

	#pendingRequest(cookie: bigint): Request {
		const request = this.#pending.get(cookie);
		if (request === undefined) throw this.#broken('it answers what nobody asked');
		return request;
	}

	#finish(cookie: bigint, request: Request): void {
		if (request.missingBytes > 0 && request.failure === null) throw this.#broken('it ends an answer before all bytes are there');
		this.#pending.delete(cookie);
	}

	#refusal({ offsetBytes }: Request, number: number, message: string): EngineError {
		const said = message === '' ? '' : `, ${message}`;
		return new EngineError('source.unreadable', `${this.uri} cannot be read at byte ${offsetBytes}: the NBD server says ${errorName(number)}${said}.`, {
			hint: 'Look for errors of the storage below it in the log of the server.',
			data: { offsetBytes },
		});
	}

	#take(length: number): Buffer {
		const bytes = this.#header.subarray(0, length);
		this.#stream.receive(bytes);
		return bytes;
	}

	#broken(what: string): EngineError {
		this.#stream.close();
		return brokenProtocol(this.uri, what);
	}
}

function requestHeader(type: number, cookie: bigint, offsetBytes: number, lengthBytes: number): Buffer {
	const header = Buffer.alloc(28);
	header.writeUInt32BE(requestMagic, 0);
	header.writeUInt16BE(type, 6);
	header.writeBigUInt64BE(cookie, 8);
	header.writeBigUInt64BE(BigInt(offsetBytes), 16);
	header.writeUInt32BE(lengthBytes, 24);
	return header;
}
