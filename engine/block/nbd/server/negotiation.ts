import { lengthAndText, uint16, uint32 } from '../big-endian.ts';
import { handshakeFlag, infoType, initMagic, maxNameBytes, option, optionMagic, optionReply, optionReplyMagic, transmissionFlag } from '../protocol.ts';
import { ConnectionEnded, type SocketReader } from '../socket-reader.ts';
import type { NbdDevice } from './device.ts';
import { maxPayloadBytes } from './transmission.ts';

/** Longer ones are not answered: no option that is known here needs as much. */
const maxOptionBytes = 65_536;
const maxOptions = 1000;
const maxContexts = 64;
/** What clients fare best with; smaller requests work. */
const preferredBlockBytes = 65_536;

/** What a client and the server have agreed on. */
export type Agreement = {
	readonly name: string;
	readonly device: NbdDevice;
	readonly hasStructuredReplies: boolean;
	/** Contexts that the client wants to hear of, by the numbers that its replies carry. */
	readonly contexts: ReadonlyMap<number, string>;
};

export type Negotiator = {
	readonly reader: SocketReader;
	readonly send: (bytes: Uint8Array) => void;
	readonly exports: ReadonlyMap<string, NbdDevice>;
	/** Null without TLS. */
	readonly tls: 'offered' | 'established' | null;
};

export function sayHello(send: (bytes: Uint8Array) => void): void {
	const hello = Buffer.alloc(18);
	hello.writeBigUInt64BE(initMagic, 0);
	hello.writeBigUInt64BE(optionMagic, 8);
	hello.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16);
	send(hello);
}

/** @returns whether the client wants no padding after the answer to its choice of an export */
export async function readClientFlags(reader: SocketReader): Promise<boolean> {
	const flags = (await reader.take(4)).readUInt32BE(0);
	if ((flags & ~(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes)) !== 0) throw new ConnectionEnded('unknown flags');
	return (flags & handshakeFlag.noZeroes) !== 0;
}

/**
 * Answers options until the client has chosen an export, wants TLS, or leaves.
 * @throws ConnectionEnded also when the client breaks the protocol
 */
export async function haggle({ reader, send, exports, tls }: Negotiator, noPadding: boolean): Promise<Agreement | 'start-tls'> {
	let hasStructuredReplies = false;
	let chosen: { readonly name: string; readonly contexts: ReadonlyMap<number, string> } | null = null;
	for (let count = 0; count < maxOptions; count++) {
		const header = await reader.take(16);
		const number = header.readUInt32BE(8);
		const length = header.readUInt32BE(12);
		if (header.readBigUInt64BE(0) !== optionMagic || length > maxOptionBytes) throw new ConnectionEnded('not an option');
		const data = await reader.take(length);
		const reply = (type: number, content?: Uint8Array): void => send(optionReplyOf(number, type, content));
		const agree = (name: string, device: NbdDevice): Agreement => ({
			name,
			device,
			hasStructuredReplies,
			contexts: chosen?.name === name ? chosen.contexts : new Map(),
		});
		if (number === option.abort) {
			reply(optionReply.ack);
			throw new ConnectionEnded('the client leaves');
		}
		if (tls === 'offered' && number !== option.startTls) {
			if (number === option.exportName) throw new ConnectionEnded('not without TLS'); // the one option that has no way to refuse
			reply(optionReply.errTlsRequired);
			continue;
		}
		switch (number) {
			case option.startTls:
				if (tls !== 'offered') reply(tls === null ? optionReply.errPolicy : optionReply.errInvalid);
				else if (length > 0) reply(optionReply.errInvalid);
				else {
					reply(optionReply.ack);
					return 'start-tls';
				}
				break;
			case option.exportName: {
				const name = data.toString();
				const device = exports.get(name);
				if (device === undefined) throw new ConnectionEnded('no such export');
				const agreement = agree(name, device);
				send(Buffer.concat([describeExport(agreement), Buffer.alloc(noPadding ? 0 : 124)]));
				return agreement;
			}
			case option.list:
				if (length > 0) reply(optionReply.errInvalid);
				else {
					for (const name of exports.keys()) reply(optionReply.server, lengthAndText(name));
					reply(optionReply.ack);
				}
				break;
			case option.structuredReply:
				if (length === 0) hasStructuredReplies = true;
				reply(length === 0 ? optionReply.ack : optionReply.errInvalid);
				break;
			case option.info:
			case option.go: {
				const name = new OptionReader(data).text();
				const device = name === null ? undefined : exports.get(name);
				if (name === null) reply(optionReply.errInvalid);
				else if (device === undefined) reply(optionReply.errUnknown);
				else {
					const agreement = agree(name, device);
					reply(optionReply.info, Buffer.concat([uint16(infoType.export), describeExport(agreement)]));
					reply(optionReply.info, Buffer.concat([uint16(infoType.blockSize), uint32(1), uint32(preferredBlockBytes), uint32(maxPayloadBytes)]));
					reply(optionReply.ack);
					if (number === option.go) return agreement;
				}
				break;
			}
			case option.listMetaContext:
			case option.setMetaContext: {
				const asked = hasStructuredReplies ? readContextQuery(data) : null;
				const device = asked && exports.get(asked.name);
				if (number === option.setMetaContext) chosen = null;
				if (!asked) reply(optionReply.errInvalid);
				else if (!device) reply(optionReply.errUnknown);
				else {
					const found = matchContexts(device, asked.queries, number === option.listMetaContext);
					for (const [id, name] of found) reply(optionReply.metaContext, Buffer.concat([uint32(id), Buffer.from(name)]));
					reply(optionReply.ack);
					if (number === option.setMetaContext) chosen = { name: asked.name, contexts: found };
				}
				break;
			}
			default:
				reply(optionReply.errUnsupported);
		}
	}
	throw new ConnectionEnded('too many options');
}

/** Which contexts of a device are meant: by whole names; when they are only listed, also by namespace (`base:`), and all when nothing is asked. */
function matchContexts(device: NbdDevice, queries: readonly string[], isListing: boolean): Map<number, string> {
	const names = [...(device.contexts?.keys() ?? [])];
	const matches = (name: string): boolean =>
		(isListing && queries.length === 0) || queries.some((query) => query === name || (isListing && query.endsWith(':') && name.startsWith(query)));
	return new Map(names.map((name, i) => [i + 1, name] as const).filter(([, name]) => matches(name)));
}

function readContextQuery(data: Buffer): { name: string; queries: string[] } | null {
	const from = new OptionReader(data);
	const name = from.text();
	const count = from.uint32();
	if (name === null || count === null || count > maxContexts) return null;
	const queries: string[] = [];
	for (let i = 0; i < count; i++) {
		const query = from.text();
		if (query === null) return null;
		queries.push(query);
	}
	return { name, queries };
}

/** Reads what the client put into an option; null where there is less than it says. */
class OptionReader {
	readonly #data: Buffer;
	#at = 0;

	constructor(data: Buffer) {
		this.#data = data;
	}

	uint32(): number | null {
		if (this.#at + 4 > this.#data.length) return null;
		this.#at += 4;
		return this.#data.readUInt32BE(this.#at - 4);
	}

	text(): string | null {
		const length = this.uint32();
		if (length === null || length > maxNameBytes || this.#at + length > this.#data.length) return null;
		this.#at += length;
		return this.#data.toString('utf8', this.#at - length, this.#at);
	}
}

function describeExport({ device, hasStructuredReplies }: Agreement): Buffer {
	const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, sendDf, canMultiConn } = transmissionFlag;
	const facts = Buffer.alloc(10);
	facts.writeBigUInt64BE(BigInt(device.sizeBytes), 0);
	const access = device.writable === undefined ? readOnly : sendFlush | sendFua | sendTrim | sendWriteZeroes;
	facts.writeUInt16BE(hasFlags | canMultiConn | access | (hasStructuredReplies ? sendDf : 0), 8);
	return facts;
}

function optionReplyOf(number: number, type: number, data: Uint8Array = new Uint8Array()): Buffer {
	const header = Buffer.alloc(20);
	header.writeBigUInt64BE(optionReplyMagic, 0);
	header.writeUInt32BE(number, 8);
	header.writeUInt32BE(type, 12);
	header.writeUInt32BE(data.byteLength, 16);
	return Buffer.concat([header, data]);
}
