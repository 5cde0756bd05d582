import {
	type FileIndex,
	type IndexedRecord,
	openRecordBeside,
	Packer,
	type PlacedChunk,
	recordHeaderBytes,
	release,
	sealRecordBeside,
} from '../format/index.ts';
import type { BackupFileWriter, SealedRecord } from './backup-file.ts';
import { readWindows, type WindowBuffers } from './read-ahead.ts';
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
	/** The file to copy to, to read what was copied: then records that are moved as they lie are not looked at on the way. */
	readonly readBack?: StorageFile;
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
	const { wholeFrom = usuallyWholeFrom, readBack } = options;
	const isUnread = (record: WantedRecord): boolean => readBack !== undefined && isMovedWhole(record, wholeFrom);
	const records = wantedRecords(from.index, isWanted);
	const copy = new Copy(from.file, to, options);
	copy.expect(records);
	const unread = records.filter(isUnread);
	const read = records.filter((record) => !isUnread(record));
	await copy.allDone([copy.unread(unread), copy.read(read, wholeFrom)]);
	return { isComplete: copy.isComplete };
}

/** Unread records that are copied before somebody is told how far it is. */
const unreadBatchBytes = 8 * 1024 * 1024;

/** What must be packed anew keeps the processor busy, what is moved as it lies the disk: both are done at once. */
class Copy {
	readonly #file: StorageFile;
	readonly #to: BackupFileWriter;
	readonly #signal: AbortSignal;
	readonly #failed = new AbortController();
	readonly #progress: StepProgress | undefined;
	readonly #readBack: CopyOptions['readBack'];
	#roomBytes: number;
	#leftBytes = 0;
	isComplete = true;

	constructor(file: StorageFile, to: BackupFileWriter, { signal, progress, maxBytes = Number.POSITIVE_INFINITY, readBack }: CopyOptions) {
		this.#file = file;
		this.#to = to;
		this.#signal = AbortSignal.any([signal, this.#failed.signal]);
		this.#progress = progress;
		this.#roomBytes = maxBytes;
		this.#readBack = readBack;
	}

	expect(records: readonly WantedRecord[]): void {
		this.#leftBytes = records.reduce((sum, record) => sum + lengthOf(record), 0);
		this.#progress?.expects(this.#leftBytes);
	}

	/** As they lie, without a look at them. */
	async unread(records: readonly WantedRecord[]): Promise<void> {
		await using batches = new Batches(this.#to, this.#readBack);
		for (const batch of batchesOf(records)) {
			const fitting = batch.filter((record) => this.#takeRoom(lengthOf(record)));
			for (const record of fitting) batches.add({ sealed: null, from: { file: this.#file, offset: record.offset }, header: record, chunks: record.wanted });
			await batches.next();
			for (const record of fitting) this.#moved(lengthOf(record));
			if (fitting.length < batch.length) break;
		}
		await batches.finish();
	}

	/** Reads, compares with their checksums, and copies as they lie or packs anew. */
	async read(records: readonly WantedRecord[], wholeFrom: number): Promise<void> {
		const { cipher } = this.#to;
		await using batches = new Batches(this.#to, this.#readBack);
		// The threads that compress also read and write: one group at a time, or nothing is left for what is moved beside
		let sealing: Promise<unknown> = Promise.resolve();
		const packer = new Packer((shared, chunks) => {
			const raw = shared.slice();
			const sealed = sealing.then(async () => {
				const record = await sealRecordBeside('chunks', raw, repackLevel, cipher);
				release(raw);
				return { ...record, chunks };
			});
			sealing = sealed.catch(() => undefined); // whoever waits for the record hears of it
			batches.add(sealed);
		}, cipher);
		for await (const window of readWindows(this.#file, records, cipher)) {
			const opened = window.map(({ record, bytes }) =>
				isMovedWhole(record, wholeFrom) ? null : ahead(() => openRecordBeside(bytes, this.#file.path, record.offset, cipher)),
			);
			for (const [i, { record, header, bytes }] of window.entries()) {
				if (!this.#takeRoom(bytes.byteLength)) break;
				opened[i + 1]?.begin();
				const unpacked = await opened[i]?.begin();
				if (!unpacked) batches.add({ sealed: bytes, from: { file: this.#file, offset: record.offset }, header, chunks: record.wanted });
				else {
					const { raw } = unpacked;
					for (const chunk of record.wanted) packer.add(Uint8Array.from(chunk.hash), raw.subarray(chunk.rawOffset, chunk.rawOffset + chunk.rawBytes));
					if (raw.buffer !== bytes.buffer) release(raw);
				}
				this.#moved(bytes.byteLength);
			}
			await batches.next();
			if (!this.isComplete) break;
		}
		packer.flush();
		await batches.finish();
	}

	/** Waits for all; the first failure ends the others. */
	async allDone(parts: readonly Promise<void>[]): Promise<void> {
		for (const part of parts) part.catch((error: unknown) => this.#failed.abort(error));
		await Promise.allSettled(parts);
		this.#signal.throwIfAborted();
		this.#progress?.expects(-this.#leftBytes);
	}

	/** Room is there as long as not all is used: the last one may go beyond. */
	#takeRoom(bytes: number): boolean {
		if (this.#roomBytes <= 0) this.isComplete = false;
		else this.#roomBytes -= bytes;
		return this.isComplete;
	}

	#moved(bytes: number): void {
		this.#signal.throwIfAborted();
		this.#leftBytes -= bytes;
		this.#progress?.moved(bytes);
	}
}

/** One batch of records is written while the next is read, and while the one before is read back. */
class Batches implements AsyncDisposable {
	readonly #to: BackupFileWriter;
	readonly #readBack: CopyOptions['readBack'];
	#batch: (SealedRecord | Promise<SealedRecord>)[] = [];
	#writing: Promise<readonly IndexedRecord[]> = Promise.resolve([]);
	#readingBack: Promise<void> = Promise.resolve();
	readonly #buffers: WindowBuffers = [];

	constructor(to: BackupFileWriter, readBack: CopyOptions['readBack']) {
		this.#to = to;
		this.#readBack = readBack;
	}

	add(record: SealedRecord | Promise<SealedRecord>): void {
		this.#batch.push(record);
		if (record instanceof Promise) record.catch(() => undefined); // whoever waits for it hears of it
	}

	/** Begins to write what was added. What was written before is so by then. */
	async next(): Promise<void> {
		const written = await this.#writing;
		await this.#readingBack;
		this.#writing = this.#write(this.#batch);
		this.#readingBack = this.#read(written);
		for (const one of [this.#writing, this.#readingBack]) one.catch(() => undefined); // whoever waits for it hears of it
		this.#batch = [];
	}

	async #write(batch: readonly (SealedRecord | Promise<SealedRecord>)[]): Promise<readonly IndexedRecord[]> {
		const records = await Promise.all(batch);
		const placed = await this.#to.appendAll(records);
		for (const { sealed, from } of records) if (sealed && !from) release(sealed); // it was packed anew, and nobody else has it
		return placed;
	}

	async #read(written: readonly IndexedRecord[]): Promise<void> {
		if (this.#readBack) for await (const _ of readWindows(this.#readBack, written, this.#to.cipher, this.#buffers));
	}

	async finish(): Promise<void> {
		await this.next();
		await this.next(); // what the first has written is read back
		await this.#readingBack;
	}

	/** Nothing is under way any more. */
	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.allSettled([this.#writing, this.#readingBack]); // the first failure is the one to report
	}
}

/** Something to be begun once, by whoever comes first. */
function ahead<T>(action: () => Promise<T>): { begin(): Promise<T> } {
	let result: Promise<T> | null = null;
	return {
		begin() {
			if (result === null) {
				result = action();
				result.catch(() => undefined); // whoever waits for it hears of it
			}
			return result;
		},
	};
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
	const { positions, starts } = index.positionsByRecord();
	const records: WantedRecord[] = [];
	let number = 0;
	for (const record of index.records()) {
		const wanted = Array.from(positions.subarray(starts[number], starts[++number]), (position) => index.chunkAt(position)).filter(({ hash }) => isWanted(hash));
		if (wanted.length > 0) records.push({ ...record, wanted });
	}
	return records;
}
