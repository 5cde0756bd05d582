import { crc32 } from 'node:zlib';
import {
	damaged,
	type FileIndex,
	type IndexedRecord,
	openRecord,
	Packer,
	type PlacedChunk,
	parseRecordHeader,
	type RecordHeader,
	recordHeaderBytes,
	sealedBytes,
	sealRecord,
} from '../format/index.ts';
import type { BackupFileWriter } from './backup-file.ts';
import type { StepProgress } from './step-options.ts';
import type { StorageFile } from './storage/storage.ts';

/** Records that lie one after the other are read together. */
const readAheadBytes = 8 * 1024 * 1024;
const writesInFlight = 4;
export const repackLevel = 3;
export const maxRepackedChunk = 128 * 1024;

/** A file to copy from; its cipher is that of the file to copy to: records are copied as they lie. */
export type CopySource = { readonly file: StorageFile; readonly index: FileIndex };
export type CopyOptions = {
	readonly signal: AbortSignal;
	readonly progress?: StepProgress | undefined;
	/** Stop after about so many bytes; the rest is for another call. */
	readonly maxBytes?: number;
	/** A record is moved as it lies when at least this share of it is wanted; otherwise what is wanted is packed anew. */
	readonly wholeFrom?: number;
};

export type WantedRecord = IndexedRecord & { readonly wanted: readonly PlacedChunk[] };

/**
 * Copies the wanted chunks of one backup file into another, record by record and without decompressing, verified against their checksums.
 * @throws `repository.damaged` when a record cannot be trusted, `repository.*`
 */
export async function copyChunks(
	from: CopySource,
	to: BackupFileWriter,
	isWanted: (hash: Uint8Array) => boolean,
	options: CopyOptions,
): Promise<{ isComplete: boolean }> {
	const { signal, progress, maxBytes = Number.POSITIVE_INFINITY, wholeFrom = 0.5 } = options;
	const { cipher } = to;
	let copiedBytes = 0;
	let isComplete = true;
	const writes = new Set<Promise<void>>();
	let failure: { readonly error: unknown } | null = null;
	const write = (sealed: Uint8Array, header: RecordHeader, chunks: readonly PlacedChunk[]): void => {
		const fail = (error: unknown): void => {
			failure ??= { error };
		};
		const writing = to
			.append(sealed, header, chunks)
			.catch(fail)
			.finally(() => writes.delete(writing));
		writes.add(writing);
		copiedBytes += sealed.byteLength;
	};
	const settle = async (inFlight: number): Promise<void> => {
		while (writes.size > inFlight) await Promise.race(writes);
		if (failure) throw failure.error;
	};
	const records = wantedRecords(from.index, isWanted);
	let leftBytes = records.reduce((sum, { storedBytes }) => sum + recordHeaderBytes + storedBytes, 0);
	progress?.expects(leftBytes);
	const packer = new Packer((raw, chunks) => {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, repackLevel, cipher);
		write(buffer.subarray(0, totalBytes), header, chunks);
	}, cipher);
	try {
		for await (const { record, header, bytes } of readRecords(from.file, records, cipher)) {
			signal.throwIfAborted();
			if (copiedBytes >= maxBytes) {
				isComplete = false;
				break;
			}
			const wantedBytes = record.wanted.reduce((sum, { rawBytes }) => sum + rawBytes, 0);
			if (wantedBytes >= record.rawBytes * wholeFrom || record.wanted.some(({ rawBytes }) => rawBytes >= maxRepackedChunk)) write(bytes, header, record.wanted);
			else {
				const { raw } = openRecord(bytes, from.file.path, record.offset, cipher);
				for (const chunk of record.wanted) packer.add(Uint8Array.from(chunk.hash), raw.subarray(chunk.rawOffset, chunk.rawOffset + chunk.rawBytes));
			}
			leftBytes -= bytes.byteLength;
			progress?.moved(bytes.byteLength);
			await settle(writesInFlight - 1);
		}
		packer.flush();
	} finally {
		await Promise.all(writes);
	}
	await settle(0);
	progress?.expects(-leftBytes);
	return { isComplete };
}

/** The records that hold wanted chunks, by offset. */
export function wantedRecords(index: FileIndex, isWanted: (hash: Uint8Array) => boolean): WantedRecord[] {
	const wanted = new Map<number, PlacedChunk[]>();
	for (const chunk of index.chunks()) {
		if (!isWanted(chunk.hash)) continue;
		const list = wanted.get(chunk.recordNumber);
		if (list) list.push(chunk);
		else wanted.set(chunk.recordNumber, [chunk]);
	}
	const records: WantedRecord[] = [];
	let number = 0;
	for (const record of index.records()) {
		const chunks = wanted.get(number++);
		if (chunks) records.push({ ...record, wanted: chunks });
	}
	return records;
}

/** Reads records as they lie, neighbours together, and compares them with what the index says. @throws `repository.damaged` */
export async function* readRecords<Record extends IndexedRecord>(
	file: StorageFile,
	records: readonly Record[],
	cipher: BackupFileWriter['cipher'],
): AsyncGenerator<{ record: Record; header: RecordHeader; bytes: Uint8Array }> {
	for (let first = 0; first < records.length; ) {
		const start = (records[first] as Record).offset;
		let end = start;
		let next = first;
		for (; next < records.length; next++) {
			const { offset, storedBytes } = records[next] as Record;
			if (offset > end + 65_536 || (next > first && offset + storedBytes - start > readAheadBytes)) break;
			end = offset + recordHeaderBytes + storedBytes;
		}
		const buffer = Buffer.allocUnsafeSlow(end - start);
		if ((await file.read(buffer, start)) < buffer.byteLength) throw damaged(file.path, start, 'the file ends inside a record');
		for (const record of records.slice(first, next)) {
			const at = record.offset - start;
			const bytes = buffer.subarray(at, at + recordHeaderBytes + record.storedBytes);
			const header = parseRecordHeader(bytes, file.path, record.offset, cipher);
			if (header.storedBytes !== record.storedBytes || crc32(bytes.subarray(recordHeaderBytes)) !== record.payloadCrc)
				throw damaged(file.path, record.offset, 'the checksum of a record is wrong');
			yield { record, header, bytes };
		}
		first = next;
	}
}
