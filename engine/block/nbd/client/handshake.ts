import { EngineError } from '../../../base/index.ts';
import { lengthAndText, uint16, uint32 } from '../big-endian.ts';
import { brokenProtocol } from '../nbd-error.ts';
import {
	defaultMaxPayloadBytes,
	firstOptionError,
	handshakeFlag,
	infoType,
	initMagic,
	instantPrefix,
	maxNameBytes,
	option,
	optionMagic,
	optionReply,
	optionReplyMagic,
	transmissionFlag,
} from '../protocol.ts';
import type { NbdStream } from './stream.ts';

/** What was agreed on: an export to read from, and how. */
export type NbdExport = {
	readonly sizeBytes: number;
	readonly isReadOnly: boolean;
	readonly hasStructuredReplies: boolean;
	/** Metadata contexts that the server has, by name, with the number that its replies carry. */
	readonly contexts: ReadonlyMap<string, number>;
	/** The token of the instant that it shows, if it is one of ours. */
	readonly instant: string | null;
	/** Requests begin and end at multiples of it. */
	readonly minBlockBytes: number;
	readonly maxPayloadBytes: number;
};

/** Far above what servers say; a server that goes on and on is not one. */
const maxReplyBytes = 65_536;
const maxReplies = 10_000;
/** Exports that are told to who asked for one that is not there. */
const maxListed = 20;
/** Of one export: as many as one question may ask for. */
const maxContexts = 64;

type Reply = { readonly type: number; readonly data: Buffer };

/**
 * Negotiates the fixed newstyle: structured replies, the metadata contexts asked for (`all`: those that there are), then the export.
 * @throws `source.missing` (no such export), `source.unsupported` (what the server cannot do), `source.unreadable`
 */
export function negotiate(stream: NbdStream, exportName: string, wish: readonly string[] | 'all'): NbdExport {
	greet(stream);
	const options = new Options(stream);
	const hasStructuredReplies = options.ask(option.structuredReply) === null;
	const known = new Map<string, number>();
	const contexts = wish !== 'all' ? wish : hasStructuredReplies ? listContexts(options, exportName, null) : [];
	if (hasStructuredReplies && contexts.length > 0) {
		options.ask(option.setMetaContext, Buffer.concat([text(exportName), uint32(contexts.length), ...contexts.map(text)]), ({ type, data }) => {
			if (type !== optionReply.metaContext || data.length < 4) throw brokenProtocol(stream.uri, 'a metadata context is not described as one');
			const name = data.toString('utf8', 4);
			if (contexts.includes(name)) known.set(name, data.readUInt32BE(0));
		});
	}
	const instant = hasStructuredReplies ? askForInstant(options, exportName) : null;
	const facts = { hasStructuredReplies, contexts: known, instant, minBlockBytes: 1, maxPayloadBytes: defaultMaxPayloadBytes };
	let described: Pick<NbdExport, 'sizeBytes' | 'isReadOnly'> | null = null;
	let sizes: Pick<NbdExport, 'minBlockBytes' | 'maxPayloadBytes'> = facts;
	const wanted = Buffer.concat([text(exportName), uint16(1), uint16(infoType.blockSize)]);
	const refusal = options.ask(option.go, wanted, ({ type, data }) => {
		if (type !== optionReply.info || data.length < 2) throw brokenProtocol(stream.uri, 'an export is not described as one');
		const kind = data.readUInt16BE(0);
		if (kind === infoType.export && data.length >= 12) described = describe(stream, data.subarray(2, 12));
		if (kind === infoType.blockSize && data.length >= 14) sizes = blockSizes(stream, data.subarray(2, 14));
	});
	if (refusal?.type === optionReply.errUnsupported) return { ...facts, ...enterByName(stream, exportName) };
	if (refusal !== null) throw refused(stream, exportName, refusal, () => listExports(options));
	if (described === null) throw brokenProtocol(stream.uri, 'it opens an export and does not say how large it is');
	return { ...facts, ...(described as Pick<NbdExport, 'sizeBytes' | 'isReadOnly'>), ...sizes };
}

function greet(stream: NbdStream): void {
	const hello = Buffer.alloc(18);
	stream.receive(hello);
	if (hello.readBigUInt64BE(0) !== initMagic) throw brokenProtocol(stream.uri, 'it does not greet as one');
	const isNewstyle = hello.readBigUInt64BE(8) === optionMagic && (hello.readUInt16BE(16) & handshakeFlag.fixedNewstyle) !== 0;
	if (!isNewstyle)
		throw new EngineError('source.unsupported', `The NBD server at ${stream.uri} speaks a style of the protocol that is no longer used.`, {
			hint: 'Use a server of the fixed newstyle: qemu-nbd, nbdkit, or nbd-server from 3.10 on.',
		});
	stream.send(uint32(handshakeFlag.fixedNewstyle | (hello.readUInt16BE(16) & handshakeFlag.noZeroes)));
}

class Options {
	readonly #stream: NbdStream;

	constructor(stream: NbdStream) {
		this.#stream = stream;
	}

	/** @returns null when the server agreed, else its refusal. Everything that it says before goes to `onReply`. */
	ask(number: number, data: Buffer = Buffer.alloc(0), onReply?: (reply: Reply) => void): Reply | null {
		this.#stream.send(optionRequest(number, data));
		const header = Buffer.alloc(20);
		for (let count = 0; count < maxReplies; count++) {
			this.#stream.receive(header);
			if (header.readBigUInt64BE(0) !== optionReplyMagic || header.readUInt32BE(8) !== number)
				throw brokenProtocol(this.#stream.uri, `it answers something else than option ${number}`);
			const type = header.readUInt32BE(12);
			const length = header.readUInt32BE(16);
			if (length > maxReplyBytes) throw brokenProtocol(this.#stream.uri, `its answer to option ${number} has ${length} bytes`);
			const reply = { type, data: Buffer.alloc(length) };
			this.#stream.receive(reply.data);
			if (type === optionReply.ack) return null;
			if (type >= firstOptionError) return reply;
			onReply?.(reply);
		}
		throw brokenProtocol(this.#stream.uri, `its answer to option ${number} does not end`);
	}
}

/** @param prefix of their names; null: all */
function listContexts(options: Options, exportName: string, prefix: string | null): readonly string[] {
	const names: string[] = [];
	const queries = prefix === null ? [uint32(0)] : [uint32(1), text(prefix)];
	options.ask(option.listMetaContext, Buffer.concat([text(exportName), ...queries]), ({ type, data }) => {
		if (type === optionReply.metaContext && names.length < maxContexts) names.push(data.toString('utf8', 4));
	});
	return names.filter((name) => name.startsWith(prefix ?? ''));
}

const askForInstant = (options: Options, exportName: string): string | null =>
	listContexts(options, exportName, instantPrefix)[0]?.slice(instantPrefix.length) ?? null;

function listExports(options: Options): readonly string[] {
	const names: string[] = [];
	options.ask(option.list, undefined, ({ type, data }) => {
		if (type !== optionReply.server || data.length < 4 || names.length >= maxListed) return;
		names.push(data.toString('utf8', 4, Math.min(4 + data.readUInt32BE(0), data.length)));
	});
	return names;
}

function refused(stream: NbdStream, exportName: string, { type, data }: Reply, list: () => readonly string[]): EngineError {
	const said = data.length > 0 ? ` (${printable(data.toString('utf8', 0, 200))})` : '';
	if (type === optionReply.errUnknown) {
		const names = list();
		return new EngineError('source.missing', `The NBD server at ${stream.uri} has no export named "${exportName}"${said}.`, {
			hint: names.length > 0 ? `It has: ${names.map((name) => `"${printable(name)}"`).join(', ')}.` : 'Check the name of the export with "nbdinfo --list".',
		});
	}
	if (type === optionReply.errTlsRequired)
		return new EngineError('source.unsupported', `The NBD server at ${stream.uri} wants TLS${said}.`, {
			hint: 'Write nbds:// with ?tls-certificates=/FOLDER.',
		});
	return new EngineError('source.unreadable', `The NBD server at ${stream.uri} refuses the export "${exportName}"${said}.`, {
		hint: 'Look into the log of the server.',
	});
}

/** The old way into an export, for servers that do not know `go`. A server that does not have it just hangs up. */
function enterByName(stream: NbdStream, exportName: string): Pick<NbdExport, 'sizeBytes' | 'isReadOnly'> {
	stream.send(optionRequest(option.exportName, Buffer.from(exportName)));
	const facts = Buffer.alloc(10);
	stream.receive(facts);
	return describe(stream, facts);
}

function describe(stream: NbdStream, data: Buffer): Pick<NbdExport, 'sizeBytes' | 'isReadOnly'> {
	const sizeBytes = Number(data.readBigUInt64BE(0));
	if (!Number.isSafeInteger(sizeBytes)) throw brokenProtocol(stream.uri, `an export of ${sizeBytes} bytes is larger than any disk`);
	return { sizeBytes, isReadOnly: (data.readUInt16BE(8) & transmissionFlag.readOnly) !== 0 };
}

function blockSizes(stream: NbdStream, data: Buffer): Pick<NbdExport, 'minBlockBytes' | 'maxPayloadBytes'> {
	const minBlockBytes = data.readUInt32BE(0);
	const maxPayloadBytes = Math.min(data.readUInt32BE(8), defaultMaxPayloadBytes);
	const isPower = minBlockBytes > 0 && (minBlockBytes & (minBlockBytes - 1)) === 0;
	// A power of two up to 64 KiB, says the protocol, and at most what one request may ask for
	if (!isPower || minBlockBytes > 65_536 || maxPayloadBytes < minBlockBytes) throw brokenProtocol(stream.uri, 'its block sizes contradict themselves');
	return { minBlockBytes, maxPayloadBytes };
}

function optionRequest(number: number, data: Buffer): Buffer {
	const header = Buffer.alloc(16);
	header.writeBigUInt64BE(optionMagic, 0);
	header.writeUInt32BE(number, 8);
	header.writeUInt32BE(data.length, 12);
	return Buffer.concat([header, data]);
}

function text(value: string): Buffer {
	if (Buffer.byteLength(value) > maxNameBytes) throw new EngineError('source.unsupported', `The name “${value.slice(0, 40)}…” is longer than NBD allows.`);
	return lengthAndText(value);
}

const printable = (value: string): string => value.replace(/\p{Cc}/gu, '?').slice(0, 200);
