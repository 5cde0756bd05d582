import { isEngineError, systemErrorCode } from '../../../base/index.ts';
import {
	command,
	commandFlag,
	defaultMaxPayloadBytes,
	errorNumber,
	maxMessageBytes,
	replyFlag,
	replyType,
	requestMagic,
	type StatusExtent,
	simpleReplyMagic,
	structuredReplyMagic,
} from '../protocol.ts';
import { ConnectionEnded, type SocketReader } from '../socket-reader.ts';
import type { NbdDevice, WritableDevice } from './device.ts';
import type { Agreement } from './negotiation.ts';

export const maxPayloadBytes = defaultMaxPayloadBytes;
/** As many as QEMU sends; a client asks again for the rest. */
const maxStatusExtents = 131_072;

type Request = {
	readonly flags: number;
	readonly type: number;
	readonly cookie: bigint;
	readonly offsetBytes: number;
	readonly lengthBytes: number;
};

/** Flags that each command may carry. */
const allowedFlags = new Map<number, number>([
	[command.read, commandFlag.df],
	[command.write, commandFlag.fua],
	[command.flush, 0],
	[command.trim, commandFlag.fua],
	[command.writeZeroes, commandFlag.fua | commandFlag.noHole],
	[command.blockStatus, commandFlag.reqOne],
]);

/**
 * Answers the requests of one client in their order until it leaves. `send` resolves when the client has room for more.
 * @throws ConnectionEnded also when the client breaks the protocol
 */
export async function serveRequests(reader: SocketReader, send: (bytes: Uint8Array) => Promise<void>, agreement: Agreement): Promise<void> {
	for (;;) {
		const header = await reader.take(28);
		if (header.readUInt32BE(0) !== requestMagic) throw new ConnectionEnded('not a request');
		const request: Request = {
			flags: header.readUInt16BE(4),
			type: header.readUInt16BE(6),
			cookie: header.readBigUInt64BE(8),
			offsetBytes: Number(header.readBigUInt64BE(16)),
			lengthBytes: header.readUInt32BE(24),
		};
		if (request.type === command.disconnect) return;
		if (request.type === command.write && request.lengthBytes > maxPayloadBytes) throw new ConnectionEnded('a write too large to be taken in');
		const payload = request.type === command.write ? await reader.take(request.lengthBytes) : null;
		await send(answer(request, payload, agreement));
	}
}

function answer(request: Request, payload: Buffer | null, agreement: Agreement): Buffer {
	const { device, hasStructuredReplies } = agreement;
	const problem = refuse(request, device);
	if (problem !== 0) return failure(request, problem, hasStructuredReplies);
	try {
		switch (request.type) {
			case command.read:
				return readReply(request, device, hasStructuredReplies);
			case command.blockStatus:
				return statusReply(request, agreement);
			default:
				change(request, payload, device.writable as WritableDevice);
				return simpleReply(request, 0);
		}
	} catch (error) {
		const number = systemErrorCode(error) === 'ENOSPC' ? errorNumber.ENOSPC : errorNumber.EIO;
		return failure(request, number, hasStructuredReplies, isEngineError(error) ? error.message : '');
	}
}

/** @returns the number of the error, or 0 */
function refuse({ flags, type, offsetBytes, lengthBytes }: Request, device: NbdDevice): number {
	const allowed = allowedFlags.get(type);
	if (allowed === undefined || (flags & ~allowed) !== 0) return errorNumber.EINVAL;
	const isRead = type === command.read || type === command.blockStatus;
	// A disk that cannot be written is flushed already
	if (!isRead && device.writable === undefined) return errorNumber.EPERM;
	if (type === command.flush) return 0;
	if (lengthBytes === 0 || (type === command.read && lengthBytes > maxPayloadBytes)) return errorNumber.EINVAL;
	if (offsetBytes + lengthBytes > device.sizeBytes) return isRead ? errorNumber.EINVAL : errorNumber.ENOSPC;
	return 0;
}

function change({ type, flags, offsetBytes, lengthBytes }: Request, payload: Buffer | null, device: WritableDevice): void {
	if (payload !== null) device.write(offsetBytes, payload);
	else if (type === command.writeZeroes) device.zero(offsetBytes, lengthBytes, { keepRoom: (flags & commandFlag.noHole) !== 0 });
	else if (type === command.trim) device.zero(offsetBytes, lengthBytes, { keepRoom: false });
	if (type === command.flush || (flags & commandFlag.fua) !== 0) device.flush();
}

function readReply(request: Request, device: NbdDevice, hasStructuredReplies: boolean): Buffer {
	const { offsetBytes, lengthBytes } = request;
	const headBytes = hasStructuredReplies ? 28 : 16;
	const reply = Buffer.allocUnsafe(headBytes + lengthBytes);
	device.readSync(reply.subarray(headBytes), offsetBytes);
	if (hasStructuredReplies) {
		writeChunkHeader(reply, request, replyType.offsetData, 8 + lengthBytes);
		reply.writeBigUInt64BE(BigInt(offsetBytes), 20);
	} else {
		writeSimpleHeader(reply, request, 0);
	}
	return reply;
}

/** One chunk per context, in the order of their numbers; the last one ends the reply. */
function statusReply(request: Request, { device, contexts }: Agreement): Buffer {
	const { flags, offsetBytes, lengthBytes } = request;
	if (contexts.size === 0) return failure(request, errorNumber.EINVAL, true);
	const chunks = [...contexts].map(([id, name], i) => {
		const found = device.contexts?.get(name)?.(offsetBytes, lengthBytes) ?? [];
		const extents = found.slice(0, (flags & commandFlag.reqOne) !== 0 ? 1 : maxStatusExtents).map(fitting);
		const chunk = Buffer.alloc(24 + 8 * extents.length);
		writeChunkHeader(chunk, request, replyType.blockStatus, 4 + 8 * extents.length, i === contexts.size - 1);
		chunk.writeUInt32BE(id, 20);
		extents.forEach((extent, at) => {
			// With reqOne an extent must not reach beyond what was asked for
			chunk.writeUInt32BE((flags & commandFlag.reqOne) === 0 ? extent.lengthBytes : Math.min(extent.lengthBytes, lengthBytes), 24 + 8 * at);
			chunk.writeUInt32BE(extent.flags, 28 + 8 * at);
		});
		return chunk;
	});
	return Buffer.concat(chunks);
}

/** Lengths travel in 32 bits. */
const fitting = ({ lengthBytes, flags }: StatusExtent): StatusExtent => ({ lengthBytes: Math.min(lengthBytes, 2 ** 32 - 65_536), flags });

function failure(request: Request, number: number, hasStructuredReplies: boolean, message = ''): Buffer {
	const isChunked = hasStructuredReplies && (request.type === command.read || request.type === command.blockStatus);
	if (!isChunked) return simpleReply(request, number);
	const words = Buffer.from(message).subarray(0, maxMessageBytes);
	const chunk = Buffer.alloc(26);
	writeChunkHeader(chunk, request, replyType.error, 6 + words.length);
	chunk.writeUInt32BE(number, 20);
	chunk.writeUInt16BE(words.length, 24);
	return Buffer.concat([chunk, words]);
}

function simpleReply(request: Request, number: number): Buffer {
	const reply = Buffer.alloc(16);
	writeSimpleHeader(reply, request, number);
	return reply;
}

function writeSimpleHeader(target: Buffer, { cookie }: Request, number: number): void {
	target.writeUInt32BE(simpleReplyMagic, 0);
	target.writeUInt32BE(number, 4);
	target.writeBigUInt64BE(cookie, 8);
}

function writeChunkHeader(target: Buffer, { cookie }: Request, type: number, lengthBytes: number, isLast = true): void {
	target.writeUInt32BE(structuredReplyMagic, 0);
	target.writeUInt16BE(isLast ? replyFlag.done : 0, 4);
	target.writeUInt16BE(type, 6);
	target.writeBigUInt64BE(cookie, 8);
	target.writeUInt32BE(lengthBytes, 16);
}
