import { availableParallelism } from 'node:os';
import { EngineError } from '../base/index.ts';
import type { Bottleneck, TaskCounters } from '../contract/index.ts';
import { Packer, type PlacedChunk, sealedBytes, sealRecord } from '../format/index.ts';
import type { BackupFileWriter, ChainReader, Distrust } from '../repository/index.ts';
import type { Effort } from './effort.ts';
import { findBottleneck } from './meter.ts';
import type { FileResult, WorkerRequest } from './protocol.ts';
import type { StorageGate } from './throttle/index.ts';
import { type SealedRecord, WorkerPool } from './worker-pool.ts';

/** Metadata is small and text-like: a middling level whatever the job says. */
const metadataLevel = 3;

/** Each takes some tens of megabytes, with the largest blocks more; no target writes faster than so many can process. */
const maxWorkers = 8;

export type PipeOptions = {
	readonly writer: BackupFileWriter;
	/** Of the storage that the writer writes to. */
	readonly gate: Pick<StorageGate, 'times' | 'writtenBytes'>;
	readonly base: ChainReader | null;
	readonly knownIndexes: readonly SharedArrayBuffer[];
	/** What of those is damaged; null: nothing. */
	readonly distrust: Distrust | null;
	readonly blockSizeBytes: number;
	readonly effort: Effort;
	readonly signal: AbortSignal;
	/** Of process workers, for tests whose workers are slow. */
	readonly workerModule?: URL | undefined;
};

/** Who is to hear of results: the object that is being protected. */
export type PipeClient = { onFiles?(results: readonly FileResult[]): void; onBlocks?(firstBlock: number, hashes: Uint8Array): void };

/**
 * Source → workers → writer. Work goes in with `give`, results come back to the client, records go to the file as they are sealed.
 * The first failure anywhere ends everything: it is what `room`, `flush` and `check` throw.
 */
export class Pipe implements AsyncDisposable {
	readonly #options: PipeOptions;
	readonly #pool: WorkerPool;
	readonly #packer: Packer;
	readonly #pending = new Set<Promise<void>>();
	readonly #startedAt = performance.now();
	/** When the pipe began: what came before is none of its doing. */
	readonly #before: { readonly times: StorageGate['times']; readonly writtenBytes: number };
	#failure: { readonly error: unknown } | null = null;
	#onFailure: (() => void)[] = [];
	client: PipeClient = {};
	/** Time spent listing folders in the coordinating thread. */
	listMs = 0;

	constructor(options: PipeOptions) {
		this.#options = options;
		this.#before = { times: options.gate.times, writtenBytes: options.gate.writtenBytes };
		this.#packer = new Packer((raw, chunks) => this.#sealMetadata(raw, chunks), options.writer.cipher);
		this.#pool = new WorkerPool({
			workerCount: Math.min(availableParallelism(), maxWorkers),
			knownIndexes: options.knownIndexes,
			lostChunks: options.distrust?.lost.buffer ?? null,
			blockSizeBytes: options.blockSizeBytes,
			effort: options.effort,
			keys: options.writer.cipher?.keys ?? null,
			module: options.workerModule,
			onRecord: (record) => this.#write(record),
			onFiles: (results) => this.client.onFiles?.(results),
			onBlocks: (firstBlock, hashes) => this.client.onBlocks?.(firstBlock, hashes),
			onFailure: (error) => this.fail(error),
		});
		options.signal.addEventListener('abort', () => this.fail(options.signal.reason), { once: true });
		if (options.signal.aborted) this.fail(options.signal.reason);
	}

	fail(error: unknown): void {
		if (this.#failure) return;
		this.#failure = { error };
		this.#pool.stop();
		for (const wake of this.#onFailure) wake();
	}

	/** @throws the first failure */
	check(): void {
		if (this.#failure) throw this.#failure.error;
	}

	/** `promise`, unless the pipe fails first. */
	async orFailure<T>(promise: Promise<T>): Promise<T> {
		const failure = Promise.withResolvers<void>();
		this.#onFailure.push(failure.resolve);
		if (this.#failure) failure.resolve();
		try {
			const winner = await Promise.race([promise.then((value) => ({ value })), failure.promise]);
			this.check();
			return (winner as { value: T }).value;
		} finally {
			this.#onFailure.splice(this.#onFailure.indexOf(failure.resolve), 1);
		}
	}

	get hasRoom(): boolean {
		return this.#pool.hasRoom;
	}

	async room(): Promise<void> {
		this.check();
		if (!this.#pool.hasRoom) await this.orFailure(this.#pool.room());
	}

	give(request: WorkerRequest): void {
		this.#pool.give(request);
	}

	/** Keeps a small chunk of metadata (a directory page, a map segment) and names it. */
	store(chunk: Uint8Array): Uint8Array {
		return this.#packer.put(chunk, (hash) => !this.#isKnown(hash) && this.#pool.claims.claim(hash));
	}

	#isKnown(hash: Uint8Array): boolean {
		const { base, distrust } = this.#options;
		return Boolean(base?.has(hash)) && !distrust?.lost.has(hash);
	}

	/** Resolves when everything that was given is in the file (not yet durable). */
	async flush(): Promise<void> {
		await this.orFailure(this.#pool.flush());
		this.#packer.flush();
		await this.orFailure(Promise.all(this.#pending));
		this.check();
	}

	#sealMetadata(raw: Uint8Array, chunks: readonly PlacedChunk[]): void {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, metadataLevel, this.#options.writer.cipher);
		this.#write({ sealed: buffer.subarray(0, totalBytes), header, chunks }).catch((error) => this.fail(error));
	}

	#write(record: SealedRecord): Promise<void> {
		const writing = this.#writeNow(record).finally(() => this.#pending.delete(writing));
		this.#pending.add(writing);
		return writing;
	}

	async #writeNow({ sealed, header, chunks }: SealedRecord): Promise<void> {
		if (this.#failure) return;
		await this.#options.writer.append(sealed, header, chunks);
	}

	/** Bytes of records that have left for the file. */
	get transferredBytes(): number {
		return this.#options.gate.writtenBytes - this.#before.writtenBytes;
	}

	/** Where the time went since the pipe began. */
	bottleneck({ doneBytes, readBytes }: Pick<TaskCounters, 'doneBytes' | 'readBytes'>): Bottleneck {
		const { readMs, processMs } = this.#pool.times;
		const { writeMs, throttledMs } = this.#options.gate.times;
		return findBottleneck({
			elapsedMs: performance.now() - this.#startedAt,
			workerCount: this.#pool.workerCount,
			readMs,
			processMs,
			listMs: this.listMs,
			networkMs: 0,
			writeMs: writeMs - this.#before.times.writeMs,
			throttledMs: throttledMs - this.#before.times.throttledMs,
			doneBytes,
			readBytes,
			transferredBytes: this.transferredBytes,
		});
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.fail(new EngineError('cancelled', 'The run has ended.'));
		await this.#pool[Symbol.asyncDispose]();
		await Promise.allSettled(this.#pending);
	}
}
