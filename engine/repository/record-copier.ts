import { type FileIndex, type IndexedRecord, openRecordBeside, Packer, type PlacedChunk, recordHeaderBytes, sealedBytes, sealRecord } from '../format/index.ts';
import type { BackupFileWriter, SealedRecord } from './backup-file.ts';
import { readWindows } from './read-ahead.ts';
import type { StepProgress } from './step-options.ts';
import type { StorageFile } from './storage/storage.ts';

export const repackLevel = 3;
export const maxRepackedChunk = 128 * 1024;
const usuallyWholeFrom = 0.5;

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

type WantedRecord = IndexedRecord & { readonly wanted: readonly PlacedChunk[] };

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
	const { signal, progress, maxBytes = Number.POSITIVE_INFINITY, wholeFrom = usuallyWholeFrom } = options;
	const { cipher } = to;
	let addedBytes = 0;
	let isComplete = true;
	let batch: SealedRecord[] = [];
	const add = (record: SealedRecord): void => {
		batch.push(record);
		addedBytes += record.sealed.byteLength;
	};
	const records = wantedRecords(from.index, isWanted);
	let leftBytes = records.reduce((sum, { storedBytes }) => sum + recordHeaderBytes + storedBytes, 0);
	progress?.expects(leftBytes);
	const packer = new Packer((raw, chunks) => {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, repackLevel, cipher);
		add({ sealed: buffer.subarray(0, totalBytes), header, chunks });
	}, cipher);
	let writing = Promise.resolve();
	/** One batch is written while the next is read; the one before must be done by then. */
	const writeBatch = async (): Promise<void> => {
		await writing;
		writing = to.appendAll(batch);
		writing.catch(() => undefined); // whoever waits for it hears of it
		batch = [];
	};
	try {
		for await (const window of readWindows(from.file, records, cipher)) {
			const opened = window.map(({ record, bytes }) =>
				isMovedWhole(record, wholeFrom) ? null : openRecordBeside(bytes, from.file.path, record.offset, cipher),
			);
			for (const one of opened) one?.catch(() => undefined); // whoever waits for it hears of it
			for (const [i, { record, header, bytes }] of window.entries()) {
				signal.throwIfAborted();
				isComplete = addedBytes < maxBytes;
				if (!isComplete) break;
				const unpacked = await opened[i];
				if (!unpacked) add({ sealed: bytes, header, chunks: record.wanted });
				else {
					const { raw } = unpacked;
					for (const chunk of record.wanted) packer.add(Uint8Array.from(chunk.hash), raw.subarray(chunk.rawOffset, chunk.rawOffset + chunk.rawBytes));
				}
				leftBytes -= bytes.byteLength;
				progress?.moved(bytes.byteLength);
			}
			await writeBatch();
			if (!isComplete) break;
		}
		packer.flush();
		await writeBatch();
	} finally {
		await writing.catch(() => undefined); // the first failure is the one to report
	}
	await writing;
	progress?.expects(-leftBytes);
	return { isComplete };
}

const wantedBytes = ({ wanted }: WantedRecord): number => wanted.reduce((sum, { rawBytes }) => sum + rawBytes, 0);

/** Otherwise what is wanted of it is packed anew. Large chunks are alone in their record: it cannot become smaller. */
const isMovedWhole = (record: WantedRecord, wholeFrom: number): boolean =>
	wantedBytes(record) >= record.rawBytes * wholeFrom || record.wanted.some(({ rawBytes }) => rawBytes >= maxRepackedChunk);

/** What the wanted chunks will about take when they are copied. */
export const copiedBytes = (index: FileIndex, isWanted: (hash: Uint8Array) => boolean, wholeFrom: number): number =>
	wantedRecords(index, isWanted).reduce((sum, record) => {
		const lengthBytes = recordHeaderBytes + record.storedBytes;
		return sum + (isMovedWhole(record, wholeFrom) ? lengthBytes : (lengthBytes * wantedBytes(record)) / record.rawBytes);
	}, 0);

/** The records that hold wanted chunks, by offset. */
function wantedRecords(index: FileIndex, isWanted: (hash: Uint8Array) => boolean): WantedRecord[] {
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
