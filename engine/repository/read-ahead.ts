import { crc32 } from 'node:zlib';
import { damaged, type IndexedRecord, parseRecordHeader, type RecordHeader, recordHeaderBytes } from '../format/index.ts';
import type { BackupFileWriter } from './backup-file.ts';
import type { StorageFile } from './storage/storage.ts';

/** Records that lie one after the other are read together. */
const windowBytes = 2 * 1024 * 1024;
/** One that is read ahead, one that the caller looks at, and one that he may still be writing elsewhere. */
const buffersInTurn = 3;

export type ReadRecord<Record extends IndexedRecord> = { readonly record: Record; readonly header: RecordHeader; readonly bytes: Uint8Array };

/** What windows are read into, in turn: for whoever reads many times, since new memory costs more than the reading. */
export type WindowBuffers = (Buffer | undefined)[];

/**
 * Reads records as they lie, neighbours together and the next ones ahead, and compares them with what the index says.
 * The bytes of a window stay as they are until the next but one is asked for.
 * @throws `repository.damaged`
 */
export async function* readWindows<Record extends IndexedRecord>(
	file: StorageFile,
	records: readonly Record[],
	cipher: BackupFileWriter['cipher'],
	buffers?: WindowBuffers,
): AsyncGenerator<readonly ReadRecord<Record>[]> {
	const windows = planWindows(records);
	// those that are used again get the room that most windows need: each time that one grew it would be new memory
	const largest = windows.reduce((most, { start, end }) => Math.max(most, end - start), buffers ? windowBytes : 0);
	const inTurn = buffers ?? [];
	const read = async (number: number): Promise<Uint8Array | null> => {
		const window = windows[number];
		if (!window) return null;
		const turn = number % buffersInTurn;
		let buffer = inTurn[turn];
		if (!buffer || buffer.byteLength < largest) inTurn[turn] = buffer = Buffer.allocUnsafeSlow(largest);
		const bytes = buffer.subarray(0, window.end - window.start);
		if ((await file.read(bytes, window.start)) < bytes.byteLength) throw damaged(file.path, window.start, 'the file ends inside a record');
		return bytes;
	};
	let ahead = read(0);
	try {
		for (const [number, { first, next, start }] of windows.entries()) {
			const bytes = await ahead;
			ahead = read(number + 1);
			ahead.catch(() => undefined); // whoever waits for it hears of it
			if (bytes) yield records.slice(first, next).map((record) => lookAt(record, bytes.subarray(record.offset - start), file.path, cipher));
		}
	} finally {
		await ahead.catch(() => undefined); // nobody wants it any more, but the file may be closed only after it
	}
}

/** As `readWindows`, one by one. The bytes of a record stay as they are until the next one is asked for. */
export async function* readRecords<Record extends IndexedRecord>(
	file: StorageFile,
	records: readonly Record[],
	cipher: BackupFileWriter['cipher'],
	buffers?: WindowBuffers,
): AsyncGenerator<ReadRecord<Record>> {
	for await (const window of readWindows(file, records, cipher, buffers)) yield* window;
}

function lookAt<Record extends IndexedRecord>(record: Record, from: Uint8Array, path: string, cipher: BackupFileWriter['cipher']): ReadRecord<Record> {
	const bytes = from.subarray(0, recordHeaderBytes + record.storedBytes);
	const header = parseRecordHeader(bytes, path, record.offset, cipher);
	if (header.storedBytes !== record.storedBytes || crc32(bytes.subarray(recordHeaderBytes)) !== record.payloadCrc)
		throw damaged(path, record.offset, 'the checksum of a record is wrong');
	return { record, header, bytes };
}

type Window = { readonly first: number; readonly next: number; readonly start: number; readonly end: number };

/** What lies a little apart is read together as well: the gap costs less than another request. */
const mostApartBytes = 65_536;

function planWindows(records: readonly IndexedRecord[]): Window[] {
	const windows: Window[] = [];
	for (let first = 0; first < records.length; ) {
		const start = (records[first] as IndexedRecord).offset;
		let end = start;
		let next = first;
		for (; next < records.length; next++) {
			const { offset, storedBytes } = records[next] as IndexedRecord;
			const recordEnd = offset + recordHeaderBytes + storedBytes;
			if (offset > end + mostApartBytes || (next > first && recordEnd - start > windowBytes)) break;
			end = recordEnd;
		}
		windows.push({ first, next, start, end });
		first = next;
	}
	return windows;
}
