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
	/** The caller reads all that was copied before anybody relies on it: records that are moved as they lie are not looked at on the way. */
	readonly isReadBack?: boolean;
};

type WantedRecord = IndexedRecord & { readonly wanted: readonly PlacedChunk[] };

/**
 * Copies the wanted chunks of one backup file into another, record by record and without decompressing, by the storage itself if it can. Each record is
 * read and compared with its checksum, unless it is read back.
 * @throws `repository.damaged` when a record cannot be trusted, `repository.*`
 */
export async function copyChunks(
	from: CopySource,
	to: BackupFileWriter,
	isWanted: (hash: Uint8Array) => boolean,
	options: CopyOptions,
): Promise<{ isComplete: boolean }> {
	const { maxBytes = Number.POSITIVE_INFINITY, wholeFrom = usuallyWholeFrom, isReadBack = false } = options;
	const records = wantedRecords(from.index, isWanted);
	const copy = new Copy(from.file, to, options);
	copy.expect(records);
	const [unread, read]: [WantedRecord[], WantedRecord[]] = [[], []];
	for (const record of records) (isReadBack && isMovedWhole(record, wholeFrom) ? unread : read).push(record);
	try {
		const isComplete = (await copy.unread(unread, maxBytes)) && (await copy.read(read, maxBytes, wholeFrom));
		await copy.finish();
		return { isComplete };
	} finally {
		await copy.settled();
	}
}

/** Unread records that are copied before somebody is told how far it is. */
const unreadBatchBytes = 8 * 1024 * 1024;

/** One batch is written while the next is read. */
class Copy {
	readonly #file: StorageFile;
	readonly #to: BackupFileWriter;
	readonly #signal: AbortSignal;
	readonly #progress: StepProgress | undefined;
	readonly #packer: Packer;
	#batch: SealedRecord[] = [];
	#addedBytes = 0;
	#leftBytes = 0;
	#writing: Promise<void> = Promise.resolve();

	constructor(file: StorageFile, to: BackupFileWriter, { signal, progress }: CopyOptions) {
		this.#file = file;
		this.#to = to;
		this.#signal = signal;
		this.#progress = progress;
		this.#packer = new Packer((raw, chunks) => {
			const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
			const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, repackLevel, to.cipher);
			this.#add({ sealed: buffer.subarray(0, totalBytes), header, chunks });
		}, to.cipher);
	}

	expect(records: readonly WantedRecord[]): void {
		this.#leftBytes = records.reduce((sum, record) => sum + lengthOf(record), 0);
		this.#progress?.expects(this.#leftBytes);
	}

	/** As they lie, without a look at them. @returns false when there was no more room within `maxBytes` */
	async unread(records: readonly WantedRecord[], maxBytes: number): Promise<boolean> {
		for (const batch of batchesOf(records)) {
			const fitting: WantedRecord[] = [];
			for (const record of batch) {
				if (this.#addedBytes >= maxBytes) break;
				this.#add({ sealed: null, from: { file: this.#file, offset: record.offset }, header: record, chunks: record.wanted });
				fitting.push(record);
			}
			await this.#writeBatch();
			for (const record of fitting) this.#moved(lengthOf(record));
			if (fitting.length < batch.length) return false;
		}
		return true;
	}

	/** Reads, compares with their checksums, and copies as they lie or packs anew. @returns as `unread` */
	async read(records: readonly WantedRecord[], maxBytes: number, wholeFrom: number): Promise<boolean> {
		const { cipher } = this.#to;
		for await (const window of readWindows(this.#file, records, cipher)) {
			const opened = window.map(({ record, bytes }) =>
				isMovedWhole(record, wholeFrom) ? null : openRecordBeside(bytes, this.#file.path, record.offset, cipher),
			);
			for (const one of opened) one?.catch(() => undefined); // whoever waits for it hears of it
			for (const [i, { record, header, bytes }] of window.entries()) {
				if (this.#addedBytes >= maxBytes) return false;
				const unpacked = await opened[i];
				if (!unpacked) this.#add({ sealed: bytes, from: { file: this.#file, offset: record.offset }, header, chunks: record.wanted });
				else {
					const { raw } = unpacked;
					for (const chunk of record.wanted) this.#packer.add(Uint8Array.from(chunk.hash), raw.subarray(chunk.rawOffset, chunk.rawOffset + chunk.rawBytes));
				}
				this.#moved(bytes.byteLength);
			}
			await this.#writeBatch();
		}
		return true;
	}

	async finish(): Promise<void> {
		this.#packer.flush();
		await this.#writeBatch();
		await this.#writing;
		this.#progress?.expects(-this.#leftBytes);
	}

	/** Nothing is under way any more. */
	async settled(): Promise<void> {
		await this.#writing.catch(() => undefined); // the first failure is the one to report
	}

	#add(record: SealedRecord): void {
		this.#batch.push(record);
		this.#addedBytes += lengthOf(record.header);
	}

	#moved(bytes: number): void {
		this.#signal.throwIfAborted();
		this.#leftBytes -= bytes;
		this.#progress?.moved(bytes);
	}

	/** The batch before must be done by then. */
	async #writeBatch(): Promise<void> {
		await this.#writing;
		this.#writing = this.#to.appendAll(this.#batch);
		this.#writing.catch(() => undefined); // whoever waits for it hears of it
		this.#batch = [];
	}
}

function* batchesOf(records: readonly WantedRecord[]): Generator<readonly WantedRecord[]> {
	let batch: WantedRecord[] = [];
	let bytes = 0;
	for (const record of records) {
		batch.push(record);
		bytes += lengthOf(record);
		if (bytes < unreadBatchBytes) continue;
		yield batch;
		batch = [];
		bytes = 0;
	}
	if (batch.length > 0) yield batch;
}

const lengthOf = ({ storedBytes }: { readonly storedBytes: number }): number => recordHeaderBytes + storedBytes;

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
