import { crc32 } from 'node:zlib';
import { EngineError } from '../../base/index.ts';

/**
 * Bytes of a connection: a preface of 32 bytes from each side, then frames. docs/protocol.md specifies both.
 * Everything that comes in is hostile until it has been checked: a header counts only with its checksum, and memory is taken only for a length that was allowed.
 */
export const protocolVersion = 5;

export const prefaceBytes = 32;
const prefaceMagic = 'HOLDFAST';
const productAt = 12;

/** The one thing that never changes between versions, so that each side can tell which of them is older. */
export type Preface = { readonly version: number; readonly product: string };

export function encodePreface({ version, product }: Preface): Buffer {
	const bytes = Buffer.alloc(prefaceBytes);
	bytes.write(prefaceMagic, 0, 'latin1');
	bytes.writeUInt16LE(version, 8);
	bytes.write(product.slice(0, prefaceBytes - productAt), productAt, 'latin1');
	return bytes;
}

/** @throws `connection.refused` when it is no preface of ours */
export function parsePreface(bytes: Buffer, peer: string): Preface {
	if (bytes.toString('latin1', 0, 8) !== prefaceMagic)
		throw new EngineError('connection.refused', `${peer} answers, but is no data mover.`, { hint: 'Check the address and the port.' });
	const product = bytes.toString('latin1', productAt).replace(/[^ -~]/g, '');
	return { version: bytes.readUInt16LE(8), product };
}

/** @throws `connection.refused` saying which side to update */
export function refuseOtherVersion(ours: Preface, theirs: Preface, peer: string): void {
	if (ours.version === theirs.version) return;
	const older = ours.version < theirs.version ? 'on this machine' : `on ${peer}`;
	throw new EngineError(
		'connection.refused',
		`${peer} has Holdfast ${theirs.product} (protocol ${theirs.version}), this machine has ${ours.product} (protocol ${ours.version}).`,
		{ hint: `Update Holdfast ${older}.`, data: { ours, theirs } },
	);
}

export const frameTypes = { hello: 1, welcome: 2, refusal: 3, message: 4, ack: 5, again: 6, ping: 7, bye: 8, ask: 9, have: 10 } as const;
export type FrameType = keyof typeof frameTypes;
const typeNames = new Map<number, FrameType>((Object.entries(frameTypes) as [FrameType, number][]).map(([name, value]) => [value, name]));

/** The largest record of a backup file, with the names of its chunks. */
export const maxMessageBytes = 17 * 1024 * 1024;
const maxPayloadBytes: Readonly<Record<FrameType, number>> = {
	hello: 4096,
	welcome: 4096,
	refusal: 16_384,
	message: maxMessageBytes,
	ack: 0,
	again: 0,
	ping: 0,
	bye: 16_384,
	ask: 0,
	have: 2 * 1024 * 1024,
};

/**
 * ```
 *  0  magic "HFRM"     8  length of the payload, u32    20  crc32 of the payload
 *  4  type            12  sequence number, u64          24  crc32 of bytes 0–23
 *  5  zero, 3 bytes
 * ```
 */
export const frameHeaderBytes = 28;
const frameMagic = 0x4d524648;
const maxSequence = Number.MAX_SAFE_INTEGER;

export type FrameHeader = { readonly type: FrameType; readonly payloadBytes: number; readonly sequence: number; readonly payloadCrc: number };

export function encodeFrameHeader({ type, payloadBytes, sequence, payloadCrc }: FrameHeader): Buffer {
	const bytes = Buffer.alloc(frameHeaderBytes);
	bytes.writeUInt32LE(frameMagic, 0);
	bytes.writeUInt8(frameTypes[type], 4);
	bytes.writeUInt32LE(payloadBytes, 8);
	bytes.writeBigUInt64LE(BigInt(sequence), 12);
	bytes.writeUInt32LE(payloadCrc, 20);
	bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24);
	return bytes;
}

/** @returns null when it is no header, was damaged, or says what no header may say: where the next frame begins is not known then */
export function parseFrameHeader(bytes: Buffer): FrameHeader | null {
	if (bytes.readUInt32LE(0) !== frameMagic || bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) return null;
	const type = typeNames.get(bytes.readUInt8(4));
	const sequence = bytes.readBigUInt64LE(12);
	const payloadBytes = bytes.readUInt32LE(8);
	if (!type || bytes.readUIntLE(5, 3) !== 0 || sequence > maxSequence || payloadBytes > maxPayloadBytes[type]) return null;
	return { type, payloadBytes, sequence: Number(sequence), payloadCrc: bytes.readUInt32LE(20) };
}

/**
 * What has come in of the other side's messages, beside all below the number in the header: `seen`; and what of all these is not dealt with: `inWork`.
 * Payload: number of seen, u32 · per one u64 · per one in work u64, up to the end.
 */
export type Arrivals = { readonly seen: readonly number[]; readonly inWork: readonly number[] };

export function encodeArrivals({ seen, inWork }: Arrivals): Buffer {
	const bytes = Buffer.alloc(4 + 8 * (seen.length + inWork.length));
	bytes.writeUInt32LE(seen.length, 0);
	[...seen, ...inWork].forEach((sequence, i) => {
		bytes.writeBigUInt64LE(BigInt(sequence), 4 + 8 * i);
	});
	return bytes;
}

/** @returns null when it cannot be understood */
export function parseArrivals(bytes: Buffer): Arrivals | null {
	const count = (bytes.byteLength - 4) / 8;
	if (count < 0 || !Number.isInteger(count) || bytes.readUInt32LE(0) > count) return null;
	const all = Array.from({ length: count }, (_, i) => Number(bytes.readBigUInt64LE(4 + 8 * i)));
	const seenCount = bytes.readUInt32LE(0);
	return { seen: all.slice(0, seenCount), inWork: all.slice(seenCount) };
}

/** Pieces as one payload, with its checksum. */
export const crcOf = (parts: readonly Uint8Array[]): number => parts.reduce((crc, part) => crc32(part, crc), 0);
export const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.byteLength, 0);

export type Frame = FrameHeader & {
	readonly payload: Buffer;
	/** The payload is not what was sent. */
	readonly isDamaged: boolean;
};

/** Cuts what comes in into preface and frames. */
export class FrameParser {
	readonly #admits: (header: FrameHeader) => boolean;
	readonly #head = Buffer.alloc(Math.max(prefaceBytes, frameHeaderBytes));
	#headUsed = 0;
	#hasPreface = false;
	#header: FrameHeader | null = null;
	#payload = Buffer.alloc(0);
	#payloadUsed = 0;
	#crc = 0;

	/** @param admits is asked before memory is taken for a payload; false ends the connection */
	constructor(admits: (header: FrameHeader) => boolean) {
		this.#admits = admits;
	}

	/**
	 * Takes bytes up to the end of the next preface or frame.
	 * @returns how many were taken, and what they complete; null when this can be no connection of ours any more
	 */
	next(bytes: Buffer): { readonly taken: number; readonly item: Buffer | Frame | null } | null {
		let taken = 0;
		if (!this.#header) {
			const wanted = this.#hasPreface ? frameHeaderBytes : prefaceBytes;
			taken = Math.min(bytes.byteLength, wanted - this.#headUsed);
			bytes.copy(this.#head, this.#headUsed, 0, taken);
			this.#headUsed += taken;
			if (this.#headUsed < wanted) return { taken, item: null };
			this.#headUsed = 0;
			if (!this.#hasPreface) {
				this.#hasPreface = true;
				return { taken, item: Buffer.from(this.#head.subarray(0, prefaceBytes)) };
			}
			const header = parseFrameHeader(this.#head);
			if (!header || !this.#admits(header)) return null;
			this.#header = header;
			this.#payload = Buffer.allocUnsafeSlow(header.payloadBytes);
			this.#payloadUsed = 0;
			this.#crc = 0;
		}
		const header = this.#header;
		const piece = bytes.subarray(taken, taken + header.payloadBytes - this.#payloadUsed);
		piece.copy(this.#payload, this.#payloadUsed);
		this.#crc = crc32(piece, this.#crc); // while it is in the processor's cache
		this.#payloadUsed += piece.byteLength;
		taken += piece.byteLength;
		if (this.#payloadUsed < header.payloadBytes) return { taken, item: null };
		this.#header = null;
		return { taken, item: { ...header, payload: this.#payload, isDamaged: this.#crc !== header.payloadCrc } };
	}
}
