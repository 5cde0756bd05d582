import { promisify } from 'node:util';
import { crc32, constants as zlib, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { isEngineError, sealTagBytes } from '../base/index.ts';
import { ChainCipher } from './chain-cipher.ts';
import { hashBytes, maxChunkBytes } from './chunk.ts';
import { damaged } from './cursor.ts';
import { release } from './release.ts';

/**
 * A record is the unit of writing: a header of 40 bytes, then the payload, compressed as one piece.
 * Its raw payload is one or more chunks, then a directory that names them, so that a lost index can be rebuilt by
 * reading the file from its beginning.
 *
 * ```
 *  0  magic "HREC"      16  crc32 of the stored payload
 *  4  type              20  nonce, 12 bytes (zero without encryption)
 *  5  codec             32  crc32 of bytes 0–31
 *  6  cipher            36  zero
 *  7  zero
 *  8  stored length     (after the header)
 * 12  raw length
 * ```
 *
 * In an encrypted chain the stored payload is ciphertext and tag, sealed in the context of bytes 0–15, and then everything in the header but the
 * nonce is masked.
 */
export const recordHeaderBytes = 40;
const magic = 0x43455248; // "HREC", little endian

export const recordTypes = { chunks: 1, index: 2, root: 3 } as const;
export type RecordType = keyof typeof recordTypes;
export const codecs = { none: 0, zstd: 1 } as const;
export type Codec = keyof typeof codecs;
const cipherNone = 0;
const cipherAesGcm = 1;
const contextBytes = 16;
const nonceAt = 20;
const nonceEnd = 32;

export type RecordHeader = {
	readonly type: RecordType;
	readonly codec: Codec;
	readonly storedBytes: number;
	readonly rawBytes: number;
	readonly payloadCrc: number;
};

/** The largest raw payload: the largest chunk and its directory. */
export const maxRawBytes = maxChunkBytes + 65_536;
/** The largest stored payload. */
export const maxStoredBytes = maxRawBytes + sealTagBytes;
const nameOf = <T extends Record<string, number>>(table: T, value: number): keyof T | undefined => Object.keys(table).find((key) => table[key] === value);

export function encodeRecordHeader(target: Uint8Array, header: RecordHeader, cipher: ChainCipher | null): void {
	const view = new DataView(target.buffer, target.byteOffset, recordHeaderBytes);
	writeContext(target, header, cipher);
	view.setUint32(16, header.payloadCrc, true);
	view.setUint32(32, crc32(target.subarray(0, 32)), true);
	view.setUint32(36, 0, true);
	if (cipher) maskHeader(target, cipher);
}

/** What the payload is sealed with: a payload under another header does not open. */
function writeContext(target: Uint8Array, { type, codec, storedBytes, rawBytes }: Omit<RecordHeader, 'payloadCrc'>, cipher: ChainCipher | null): void {
	const view = new DataView(target.buffer, target.byteOffset, contextBytes);
	view.setUint32(0, magic, true);
	view.setUint8(4, recordTypes[type]);
	view.setUint8(5, codecs[codec]);
	view.setUint8(6, cipher ? cipherAesGcm : cipherNone);
	view.setUint8(7, 0);
	view.setUint32(8, storedBytes, true);
	view.setUint32(12, rawBytes, true);
}

/** Its own inverse. */
function maskHeader(header: Uint8Array, cipher: ChainCipher): void {
	const open = Buffer.concat([header.subarray(0, nonceAt), header.subarray(nonceEnd, recordHeaderBytes)]);
	const masked = cipher.mask(header.subarray(nonceAt, nonceEnd), open);
	header.set(masked.subarray(0, nonceAt), 0);
	header.set(masked.subarray(nonceAt), nonceEnd);
}

/** @throws `repository.damaged`; `where` names the file for the message. */
export const parseRecordHeader = (bytes: Uint8Array, where: string, offset: number, cipher: ChainCipher | null): RecordHeader =>
	parseHeader(bytes, where, offset, cipher).header;

function parseHeader(
	bytes: Uint8Array,
	where: string,
	offset: number,
	cipher: ChainCipher | null,
): { readonly header: RecordHeader; readonly plain: Uint8Array } {
	if (bytes.byteLength < recordHeaderBytes) throw damaged(where, offset, 'a record header is cut short');
	const plain = cipher ? Uint8Array.prototype.slice.call(bytes, 0, recordHeaderBytes) : bytes;
	if (cipher) maskHeader(plain, cipher);
	const view = new DataView(plain.buffer, plain.byteOffset, recordHeaderBytes);
	if (view.getUint32(0, true) !== magic) throw damaged(where, offset, 'there is no record');
	if (view.getUint32(32, true) !== crc32(plain.subarray(0, 32))) throw damaged(where, offset + 32, 'the checksum of a record header is wrong');
	const type = nameOf(recordTypes, view.getUint8(4));
	const codec = nameOf(codecs, view.getUint8(5));
	if (!type || !codec || view.getUint8(6) !== (cipher ? cipherAesGcm : cipherNone))
		throw damaged(where, offset + 4, 'a record has an unknown type, codec or cipher');
	const header = {
		type,
		codec,
		storedBytes: view.getUint32(8, true),
		rawBytes: view.getUint32(12, true),
		payloadCrc: view.getUint32(16, true),
	};
	if (header.storedBytes > maxStoredBytes || header.rawBytes > maxRawBytes) throw damaged(where, offset + 8, 'a record is larger than allowed');
	return { header, plain };
}

const decompress = promisify(zstdDecompress);

/** zstd levels of RFC 8878 encoders; null stores as it is. */
export type CompressionLevel = number | null;

/** Room that `sealRecord` needs for a raw payload of so many bytes. */
export const sealedBytes = (rawBytes: number): number => recordHeaderBytes + rawBytes + sealTagBytes;

/**
 * Compresses `raw`, seals it if the chain is encrypted, and puts header and payload into `target`. A payload that does not shrink is stored as it is.
 * What was sealed is opened again before it counts: nobody could find the fault later.
 * @returns the bytes used in `target`, which must have room for `sealedBytes`
 */
export function sealRecord(
	target: Uint8Array,
	type: RecordType,
	raw: Uint8Array,
	level: CompressionLevel,
	cipher: ChainCipher | null,
): { header: RecordHeader; totalBytes: number } {
	const packed = level === null ? raw : zstdCompressSync(raw, packingOf(raw, level));
	return sealPacked(target, type, raw, packed, cipher);
}

/** As `sealRecord`, but compresses in the process's pool of threads. `raw` must not change until then. @returns header and payload, and what the header says */
export async function sealRecordBeside(
	type: RecordType,
	raw: Uint8Array,
	level: number,
	cipher: ChainCipher | null,
): Promise<{ header: RecordHeader; sealed: Uint8Array }> {
	const packed = await compress(raw, packingOf(raw, level));
	const target = Buffer.allocUnsafeSlow(sealedBytes(Math.min(packed.byteLength, raw.byteLength)));
	const { header, totalBytes } = sealPacked(target, type, raw, packed, cipher);
	return { header, sealed: target.subarray(0, totalBytes) };
}

const compress = promisify(zstdCompress);

/** The most that zstd may need (`ZSTD_compressBound`): with so much room it writes straight to it, and asks for no memory of its own in between. */
const roomFor = (rawBytes: number): number => rawBytes + (rawBytes >> 8) + 512;

const packingOf = (raw: Uint8Array, level: number) => ({ params: { [zlib.ZSTD_c_compressionLevel]: level }, chunkSize: roomFor(raw.byteLength) });

function sealPacked(
	target: Uint8Array,
	type: RecordType,
	raw: Uint8Array,
	packed: Uint8Array,
	cipher: ChainCipher | null,
): { header: RecordHeader; totalBytes: number } {
	const isPacked = packed.byteLength < raw.byteLength;
	const plain = isPacked ? packed : raw;
	const storedBytes = plain.byteLength + (cipher ? sealTagBytes : 0);
	const shape = { type, codec: isPacked ? 'zstd' : 'none', storedBytes, rawBytes: raw.byteLength } as const;
	const payload = target.subarray(recordHeaderBytes, recordHeaderBytes + storedBytes);
	const nonce = target.subarray(nonceAt, nonceEnd);
	if (cipher) {
		ChainCipher.fillNonce(nonce);
		writeContext(target, shape, cipher);
		const context = target.subarray(0, contextBytes);
		const { sealed, tag } = cipher.seal(nonce, context, plain);
		payload.set(sealed);
		payload.set(tag, sealed.byteLength);
		release(sealed);
		const again = cipher.open(nonce, context, payload);
		if (!again || Buffer.compare(again, plain) !== 0)
			throw new Error('Defect: what was encrypted cannot be decrypted; the memory or the processor of this machine fails');
		release(again);
	} else {
		nonce.fill(0);
		payload.set(plain);
	}
	if (packed !== raw) release(packed);
	const header: RecordHeader = { ...shape, payloadCrc: crc32(payload) };
	encodeRecordHeader(target, header, cipher);
	return { header, totalBytes: recordHeaderBytes + storedBytes };
}

/** A record on its way from what is stored to its raw payload. */
type Unsealed = { readonly header: RecordHeader; readonly packed: Uint8Array; readonly where: string; readonly offset: number };

/** Everything but decompressing. */
function unseal(bytes: Uint8Array, where: string, offset: number, cipher: ChainCipher | null): Unsealed {
	const { header, plain } = parseHeader(bytes, where, offset, cipher);
	if (bytes.byteLength < recordHeaderBytes + header.storedBytes) throw damaged(where, offset, 'a record is cut short');
	const payload = bytes.subarray(recordHeaderBytes, recordHeaderBytes + header.storedBytes);
	// the tag of an encrypted payload says more than its checksum, which takes twice as long to look at
	const packed = cipher ? cipher.open(plain.subarray(nonceAt, nonceEnd), plain.subarray(0, contextBytes), payload) : payload;
	if ((packed === null || !cipher) && crc32(payload) !== header.payloadCrc)
		throw damaged(where, offset + recordHeaderBytes, 'the checksum of a record is wrong');
	if (packed === null) throw damaged(where, offset + recordHeaderBytes, 'a record is not what was encrypted');
	return { header, packed, where, offset };
}

/** Node's zlib works in pieces of this size and joins them: one piece for the whole record spares the joining, if it is not quite filled. */
const pieceFor = (bytes: number): number => Math.max(1024, bytes + 1);

const unpackingOf = ({ rawBytes }: RecordHeader) => ({ maxOutputLength: Math.max(1, rawBytes), chunkSize: pieceFor(rawBytes) });

const notUnpacked = ({ where, offset }: Unsealed, cause: unknown): Error =>
	damaged(where, offset + recordHeaderBytes, `a record cannot be decompressed (${cause instanceof Error ? cause.message : String(cause)})`);

function checkedLength({ header, where, offset }: Unsealed, raw: Uint8Array): { header: RecordHeader; raw: Uint8Array } {
	if (raw.byteLength !== header.rawBytes) throw damaged(where, offset + 12, 'a record has not the length that its header says');
	return { header, raw };
}

/**
 * The raw payload of a whole record (header included in `bytes`).
 * Without codec and cipher the result is a view into `bytes`.
 * @throws `repository.damaged`
 */
export function openRecord(bytes: Uint8Array, where: string, offset: number, cipher: ChainCipher | null): { header: RecordHeader; raw: Uint8Array } {
	const unsealed = unseal(bytes, where, offset, cipher);
	const { header, packed } = unsealed;
	if (header.codec === 'none') return checkedLength(unsealed, packed);
	try {
		return checkedLength(unsealed, zstdDecompressSync(packed, unpackingOf(header)));
	} catch (cause) {
		throw isEngineError(cause) ? cause : notUnpacked(unsealed, cause);
	} finally {
		if (cipher) release(packed);
	}
}

/** As `openRecord`, but decompresses in the process's pool of threads: for who has several to open, and may go on meanwhile. `bytes` must not change until then. */
export async function openRecordBeside(
	bytes: Uint8Array,
	where: string,
	offset: number,
	cipher: ChainCipher | null,
): Promise<{ header: RecordHeader; raw: Uint8Array }> {
	const unsealed = unseal(bytes, where, offset, cipher);
	const { header, packed } = unsealed;
	if (header.codec === 'none') return checkedLength(unsealed, packed);
	try {
		return checkedLength(unsealed, await decompress(packed, unpackingOf(header)));
	} catch (cause) {
		throw isEngineError(cause) ? cause : notUnpacked(unsealed, cause);
	} finally {
		if (cipher) release(packed);
	}
}

/** One chunk in a record's raw payload. */
export type PlacedChunk = { readonly hash: Uint8Array; readonly rawOffset: number; readonly rawBytes: number };

/** Bytes per chunk in a record's directory: its hash and its length. */
const directoryEntryBytes = hashBytes + 4;
export const directoryBytes = (chunkCount: number): number => chunkCount * directoryEntryBytes + 4;
export const maxChunksPerRecord = Math.floor((65_536 - 4) / directoryEntryBytes);

/** Writes the directory at `at`, behind the chunks. @returns the raw length. */
export function writeDirectory(raw: Uint8Array, at: number, chunks: readonly PlacedChunk[]): number {
	const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
	let offset = at;
	for (const chunk of chunks) {
		raw.set(chunk.hash, offset);
		view.setUint32(offset + hashBytes, chunk.rawBytes, true);
		offset += directoryEntryBytes;
	}
	view.setUint32(offset, chunks.length, true);
	return offset + 4;
}

/** The chunks of a raw payload, as its directory names them. @throws `repository.damaged` */
export function parseDirectory(raw: Uint8Array, where: string, offset: number): PlacedChunk[] {
	const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
	const count = raw.byteLength >= 4 ? view.getUint32(raw.byteLength - 4, true) : Number.POSITIVE_INFINITY;
	if (count > maxChunksPerRecord || directoryBytes(count) > raw.byteLength) throw damaged(where, offset, 'the directory of a record is larger than the record');
	const directoryAt = raw.byteLength - directoryBytes(count);
	const chunks: PlacedChunk[] = [];
	let rawOffset = 0;
	for (let i = 0; i < count; i++) {
		const at = directoryAt + i * directoryEntryBytes;
		const rawBytes = view.getUint32(at + hashBytes, true);
		if (rawOffset + rawBytes > directoryAt) throw damaged(where, offset, 'a chunk reaches past its record');
		chunks.push({ hash: raw.subarray(at, at + hashBytes), rawOffset, rawBytes });
		rawOffset += rawBytes;
	}
	if (rawOffset !== directoryAt) throw damaged(where, offset, 'the chunks of a record do not fill it');
	return chunks;
}
