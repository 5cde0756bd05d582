import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { hashBytes, maxChunkBytes } from './chunk.ts';
import { damaged } from './cursor.ts';

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
 */
export const recordHeaderBytes = 40;
const magic = 0x43455248; // "HREC", little endian

export const recordTypes = { chunks: 1, index: 2, root: 3 } as const;
export type RecordType = keyof typeof recordTypes;
export const codecs = { none: 0, zstd: 1 } as const;
export type Codec = keyof typeof codecs;

export type RecordHeader = {
	readonly type: RecordType;
	readonly codec: Codec;
	readonly storedBytes: number;
	readonly rawBytes: number;
	readonly payloadCrc: number;
};

/** The largest raw payload: the largest chunk and its directory. */
export const maxRawBytes = maxChunkBytes + 65_536;
const nameOf = <T extends Record<string, number>>(table: T, value: number): keyof T | undefined => Object.keys(table).find((key) => table[key] === value);

export function encodeRecordHeader(target: Uint8Array, header: RecordHeader): void {
	const view = new DataView(target.buffer, target.byteOffset, recordHeaderBytes);
	target.fill(0, 0, recordHeaderBytes);
	view.setUint32(0, magic, true);
	view.setUint8(4, recordTypes[header.type]);
	view.setUint8(5, codecs[header.codec]);
	view.setUint32(8, header.storedBytes, true);
	view.setUint32(12, header.rawBytes, true);
	view.setUint32(16, header.payloadCrc, true);
	view.setUint32(32, crc32(target.subarray(0, 32)), true);
}

/** @throws `repository.damaged`; `where` names the file for the message. */
export function parseRecordHeader(bytes: Uint8Array, where: string, offset: number): RecordHeader {
	if (bytes.byteLength < recordHeaderBytes) throw damaged(where, offset, 'a record header is cut short');
	const view = new DataView(bytes.buffer, bytes.byteOffset, recordHeaderBytes);
	if (view.getUint32(0, true) !== magic) throw damaged(where, offset, 'there is no record');
	if (view.getUint32(32, true) !== crc32(bytes.subarray(0, 32))) throw damaged(where, offset + 32, 'the checksum of a record header is wrong');
	const type = nameOf(recordTypes, view.getUint8(4));
	const codec = nameOf(codecs, view.getUint8(5));
	if (!type || !codec || view.getUint8(6) !== 0) throw damaged(where, offset + 4, 'a record has an unknown type, codec or cipher');
	const header = {
		type,
		codec,
		storedBytes: view.getUint32(8, true),
		rawBytes: view.getUint32(12, true),
		payloadCrc: view.getUint32(16, true),
	};
	if (header.storedBytes > maxRawBytes || header.rawBytes > maxRawBytes) throw damaged(where, offset + 8, 'a record is larger than allowed');
	return header;
}

/** Node's zlib works in pieces of this size and joins them: one piece for the whole record spares the joining. */
const pieceFor = (bytes: number): number => Math.max(1024, bytes);

/** zstd levels of RFC 8878 encoders; null stores as it is. */
export type CompressionLevel = number | null;

/**
 * Compresses `raw` and puts header and payload into `target`.
 * A payload that does not shrink is stored as it is.
 * @returns the bytes used in `target`, which must have room for the header and `raw`.
 */
export function sealRecord(target: Uint8Array, type: RecordType, raw: Uint8Array, level: CompressionLevel): { header: RecordHeader; totalBytes: number } {
	const packed = level === null ? raw : zstdCompressSync(raw, { params: { [zlib.ZSTD_c_compressionLevel]: level }, chunkSize: pieceFor(raw.byteLength) });
	const isPacked = packed.byteLength < raw.byteLength;
	const payload = isPacked ? packed : raw;
	target.set(payload, recordHeaderBytes);
	const header: RecordHeader = {
		type,
		codec: isPacked ? 'zstd' : 'none',
		storedBytes: payload.byteLength,
		rawBytes: raw.byteLength,
		payloadCrc: crc32(payload),
	};
	encodeRecordHeader(target, header);
	return { header, totalBytes: recordHeaderBytes + payload.byteLength };
}

/**
 * The raw payload of a whole record (header included in `bytes`).
 * Without a codec the result is a view into `bytes`.
 * @throws `repository.damaged`
 */
export function openRecord(bytes: Uint8Array, where: string, offset: number): { header: RecordHeader; raw: Uint8Array } {
	const header = parseRecordHeader(bytes, where, offset);
	if (bytes.byteLength < recordHeaderBytes + header.storedBytes) throw damaged(where, offset, 'a record is cut short');
	const payload = bytes.subarray(recordHeaderBytes, recordHeaderBytes + header.storedBytes);
	if (crc32(payload) !== header.payloadCrc) throw damaged(where, offset + recordHeaderBytes, 'the checksum of a record is wrong');
	let raw = payload;
	if (header.codec === 'zstd') {
		try {
			raw = zstdDecompressSync(payload, { maxOutputLength: Math.max(1, header.rawBytes), chunkSize: pieceFor(header.rawBytes) });
		} catch (cause) {
			throw damaged(where, offset + recordHeaderBytes, `a record cannot be decompressed (${cause instanceof Error ? cause.message : String(cause)})`);
		}
	}
	if (raw.byteLength !== header.rawBytes) throw damaged(where, offset + 12, 'a record has not the length that its header says');
	return { header, raw };
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
