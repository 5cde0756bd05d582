import { EngineError, isEngineError } from '../base/index.ts';
import {
	type ChainCipher,
	type ChainKeys,
	type ChunkLocation,
	cipherOf,
	directoryBytes,
	FileIndex,
	hashText,
	maxStoredBytes,
	nameChunk,
	recordHeaderBytes,
	release,
	sameHash,
} from '../format/index.ts';
import { readRecord } from './read-record.ts';
import { storageAt } from './storage/open-storage.ts';
import type { Storage, StorageFile } from './storage/storage.ts';

/** A chain up to one point, as it is passed between threads: the indexes are shared, not copied. */
export type ChainHandle = {
	readonly repositoryPath: string;
	/** Null when the chain is not encrypted. */
	readonly keys: ChainKeys | null;
	/** The full first. */
	readonly files: readonly { readonly path: string; readonly index: SharedArrayBuffer }[];
};

/** Gives the bytes of a chunk, verified against its name. */
export interface ChunkReader {
	/** @throws `repository.damaged`, `repository.io` */
	readChunk(hash: Uint8Array): Promise<Uint8Array>;
}

/** Decoded records that are kept for the next chunk of the same record; one that holds a single chunk is not. */
const cacheBytes = 12 * 1024 * 1024;
/** A block of the usual size, or a group. */
const leastScratchBytes = 1024 * 1024;
/** As many are read ahead at a time. */
const maxScratches = 8;

/** @throws `repository.damaged` when it is gone, `repository.io` */
export async function openChainFile(storage: Storage, path: string): Promise<StorageFile> {
	try {
		return await storage.open(path, 'read');
	} catch (cause) {
		if (!isEngineError(cause, 'not-found.path')) throw cause;
		throw new EngineError('repository.damaged', `The backup file ${path} is missing from ${storage.properties.place}.`, {
			hint: 'Put the file back if it was moved. Otherwise points that need it are lost; the next run begins a new chain.',
			data: { file: path },
			cause,
		});
	}
}

const recordKey = (fileNumber: number, { recordOffset }: ChunkLocation): string => `${fileNumber}:${recordOffset}`;

export class ChainReader implements ChunkReader, AsyncDisposable {
	readonly #files: readonly { readonly path: string; readonly index: FileIndex }[];
	readonly #isSequential: boolean;
	readonly #storage: Storage;
	readonly #cipher: ChainCipher | null;
	readonly #open = new Map<number, Promise<StorageFile>>();
	/** That are being read, or kept. */
	readonly #records = new Map<string, Promise<Uint8Array>>();
	/** How much each of those takes that are kept, the one used last at the end. */
	readonly #kept = new Map<string, number>();
	#keptBytes = 0;
	/** How many times each record will be asked for. */
	readonly #expected = new Map<string, number>();
	/** Of those that are expected, the ones that are read and have a single chunk. */
	readonly #waiting = new Map<string, Uint8Array>();
	/** Memory of records with a single chunk that only their last reader has. */
	readonly #single = new WeakSet<ArrayBufferLike>();
	/** What records are read into: a new buffer for each would be most of what the collector of garbage has to do. */
	readonly #scratches: Uint8Array[] = [];
	/** Bytes read from storage so far. */
	readBytes = 0;

	/** @param options `isSequential`: only one chunk is used at a time, the last that was read. Then the memory of records that are kept no longer goes back at once. */
	constructor(handle: ChainHandle, storage: Storage = storageAt(handle.repositoryPath), { isSequential = false }: { readonly isSequential?: boolean } = {}) {
		this.#isSequential = isSequential;
		this.#storage = storage;
		this.#cipher = cipherOf(handle.keys);
		this.#files = handle.files.map(({ path, index }) => ({ path, index: new FileIndex(index) }));
	}

	has(hash: Uint8Array): boolean {
		return this.#files.some(({ index }) => index.has(hash));
	}

	/** Newest file first: that is where most of a point's own chunks lie. */
	locate(hash: Uint8Array): { fileNumber: number; location: ChunkLocation } | undefined {
		for (let fileNumber = this.#files.length - 1; fileNumber >= 0; fileNumber--) {
			const location = this.#files[fileNumber]?.index.find(hash);
			if (location) return { fileNumber, location };
		}
		return undefined;
	}

	/** Begins to read what `readChunk` will need soon, once for each time that it was called. @returns the chunk's bytes, 0 when the chain does not have it */
	expect(hash: Uint8Array): number {
		const found = this.locate(hash);
		if (!found) return 0;
		const key = recordKey(found.fileNumber, found.location);
		this.#expected.set(key, (this.#expected.get(key) ?? 0) + 1);
		this.#record(found.fileNumber, found.location);
		return found.location.rawBytes;
	}

	/** What was expected and not read is not needed any more. */
	forgetExpected(): void {
		const keys = [...this.#expected.keys()];
		this.#expected.clear();
		for (const key of keys) if (this.#waiting.has(key)) this.#drop(key);
	}

	/** One copy after the other: a chunk is lost only when none of them is whole. */
	async readChunk(hash: Uint8Array): Promise<Uint8Array> {
		let failure: EngineError | null = null;
		for (let fileNumber = this.#files.length - 1; fileNumber >= 0; fileNumber--) {
			const location = this.#files[fileNumber]?.index.find(hash);
			if (!location) continue;
			try {
				return await this.#readCopy(hash, fileNumber, location);
			} catch (error) {
				if (!isEngineError(error, 'repository.damaged') && !isEngineError(error, 'repository.io')) throw error;
				failure ??= error;
			}
		}
		throw failure ?? new EngineError('repository.damaged', `The chain has lost the chunk ${hashText(hash)}.`, { data: { chunk: hashText(hash) } });
	}

	/** The caller needs what `readChunk` gave no more: unless neighbours may, its memory goes back at once. For who reads one chunk after the other. */
	giveBack(chunk: Uint8Array): void {
		if (this.#single.has(chunk.buffer)) release(chunk);
	}

	async #readCopy(hash: Uint8Array, fileNumber: number, location: ChunkLocation): Promise<Uint8Array> {
		const raw = await this.#record(fileNumber, location);
		this.#meetExpectation(recordKey(fileNumber, location));
		const chunk = raw.subarray(location.rawOffset, location.rawOffset + location.rawBytes);
		if (chunk.byteLength !== location.rawBytes || !sameHash(nameChunk(chunk, this.#cipher), hash)) {
			const file = this.#files[fileNumber]?.path;
			throw new EngineError('repository.damaged', `${file}: the chunk at ${location.recordOffset} is not what its name says.`, {
				hint: 'Run a check of the chain to see which points are hurt.',
				data: { file, offset: location.recordOffset, chunk: hashText(hash) },
			});
		}
		return chunk;
	}

	#record(fileNumber: number, location: ChunkLocation): Promise<Uint8Array> {
		const key = recordKey(fileNumber, location);
		const known = this.#records.get(key);
		if (known) {
			const bytes = this.#kept.get(key);
			if (bytes !== undefined) {
				this.#kept.delete(key);
				this.#kept.set(key, bytes);
			}
			return known;
		}
		const reading = this.#file(fileNumber).then(async (file) => {
			const scratch = this.#takeScratch(location.recordBytes);
			const { raw } = await readRecord(file, { offset: location.recordOffset, bytes: location.recordBytes }, this.#cipher, scratch);
			if (raw.buffer !== scratch.buffer) this.#putBack(scratch);
			this.readBytes += location.recordBytes;
			if (raw.byteLength > location.rawBytes + directoryBytes(1)) this.#keep(key, raw.byteLength);
			else {
				this.#waiting.set(key, raw);
				if (!this.#expected.has(key)) this.#drop(key);
			}
			return raw;
		});
		this.#records.set(key, reading);
		reading.catch(() => this.#records.delete(key)); // the caller sees the failure; the next one tries again
		return reading;
	}

	#meetExpectation(key: string): void {
		const count = this.#expected.get(key);
		if (count === undefined) return;
		if (count > 1) return void this.#expected.set(key, count - 1);
		this.#expected.delete(key);
		if (this.#waiting.has(key)) this.#drop(key);
	}

	/** Lets go of a record with a single chunk: who reads it now is the last. */
	#drop(key: string): void {
		const raw = this.#waiting.get(key);
		if (raw) this.#single.add(raw.buffer);
		this.#waiting.delete(key);
		this.#records.delete(key);
	}

	#keep(key: string, bytes: number): void {
		this.#kept.set(key, bytes);
		this.#keptBytes += bytes;
		for (const [oldest, size] of this.#kept) {
			if (this.#keptBytes <= cacheBytes || oldest === key) break;
			if (this.#isSequential) this.#records.get(oldest)?.then(release);
			this.#kept.delete(oldest);
			this.#records.delete(oldest);
			this.#keptBytes -= size;
		}
	}

	/** It is the caller's until it is put back. What the index says is not trusted: `readRecord` refuses what is larger than any record. */
	#takeScratch(bytes: number): Uint8Array {
		const scratch = this.#scratches.pop();
		if (scratch && scratch.byteLength >= bytes) return scratch;
		if (scratch) release(scratch);
		return Buffer.allocUnsafeSlow(Math.max(Math.min(bytes, maxStoredBytes + recordHeaderBytes), leastScratchBytes));
	}

	#putBack(scratch: Uint8Array): void {
		if (this.#scratches.length < maxScratches) this.#scratches.push(scratch);
		else release(scratch);
	}

	#file(fileNumber: number): Promise<StorageFile> {
		let file = this.#open.get(fileNumber);
		if (!file) {
			file = openChainFile(this.#storage, this.#files[fileNumber]?.path ?? '');
			this.#open.set(fileNumber, file);
		}
		return file;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const file of this.#open.values()) await (await file.catch(() => null))?.[Symbol.asyncDispose]();
	}
}
