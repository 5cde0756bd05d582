import { crc32 } from 'node:zlib';
import { type ChainCipher, damaged, maxStoredBytes, openRecord, type RecordHeader, recordHeaderBytes } from '../format/index.ts';
import type { StorageFile } from './storage/storage.ts';

export type RecordPlace = {
	readonly offset: number;
	/** With the header. */
	readonly bytes: number;
	/** Of all its bytes, where it is known. */
	readonly crc?: number;
};

/**
 * Reads exactly one record.
 * @param scratch what it is read into, if it has the room; `raw` may be a view of it
 * @throws `repository.damaged`, `repository.io`
 */
export async function readRecord(
	file: StorageFile,
	{ offset, bytes, crc }: RecordPlace,
	cipher: ChainCipher | null,
	scratch?: Uint8Array,
): Promise<{ header: RecordHeader; raw: Uint8Array }> {
	if (bytes > maxStoredBytes + recordHeaderBytes) throw damaged(file.path, offset, 'a record is larger than allowed');
	const buffer = scratch && scratch.byteLength >= bytes ? scratch.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
	if ((await file.read(buffer, offset)) < bytes) throw damaged(file.path, offset, 'the file ends inside a record');
	if (crc !== undefined && crc32(buffer) !== crc) throw damaged(file.path, offset, 'the record is not the one that was committed');
	return openRecord(buffer, file.path, offset, cipher);
}
