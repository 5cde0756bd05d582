import { availableParallelism } from 'node:os';
import { EngineError } from '../base/index.ts';
import type { Bottleneck, TaskCounters } from '../contract/index.ts';
import { type BlockNames, type PlacedChunk, sealedBytes, sealRecord } from '../format/index.ts';
import type { Effort } from './effort.ts';
import { MetadataStore } from './metadata-store.ts';
import { findBottleneck } from './meter.ts';
import type { FileResult, WorkerRequest } from './protocol.ts';
import type { TargetRun } from './target-run.ts';
import { type SealedRecord, WorkerPool } from './worker-pool.ts';

/** Metadata is small and text-like: a middling level whatever the job says. */
const metadataLevel = 3;

/** Each takes some tens of megabytes, with the largest blocks more; no target writes faster than so many can process. */
const maxWorkers = 8;

export type PipeOptions = {
	readonly target: TargetRun;
	readonly blockSizeBytes: number;
	readonly effort: Effort;
	readonly signal: AbortSignal;
	/** Of process workers, for tests whose workers are slow. */
	readonly workerModule?: URL | undefined;
};

/** Who is to hear of results: the object that is being protected. */
export type PipeClient = { onFiles?(results: readonly FileResult[]): void; onBlocks?(firstBlock: number, names: BlockNames): void };

/**
 * Source → workers → writer. Work goes in with `give`, results come back to the client, records go to the file as they are sealed.
 * The first failure anywhere ends everything: it is what `room`, `flush` and `check` throw.
 */
export class Pipe implements AsyncDisposable {
	readonly #options: PipeOptions;
	readonly #pool: WorkerPool;
	readonly #metadata: MetadataStore;
	readonly #pending = new Set<Promise<void>>();
	readonly #startedAt = performance.now();
	/** When the pipe began: what came before is none of its doing. */
	readonly #before: Pick<TargetRun, 'times' | 'sentBytes'>;
	#failure: { readonly error: unknown } | null = null;
	#onFailure: (() => void)[] = [];
	client: PipeClient = {};
	/** Time spent listing folders in the coordinating thread. */
	listMs = 0;

	constructor(options: PipeOptions) {
		this.#options = options;
		const { target } = options;
		this.#before = { times: target.times, sentBytes: target.sentBytes };
		this.#pool = new WorkerPool({
			workerCount: Math.min(availableParallelism(), maxWorkers),
			known: target.known,
			blockSizeBytes: options.blockSizeBytes,
			effort: options.effort,
			keys: target.cipher?.keys ?? null,
			module: options.workerModule,
			onRecord: (record) => this.#write(record),
			onFiles: (results) => this.client.onFiles?.(results),
			onBlocks: (firstBlock, names) => this.client.onBlocks?.(firstBlock, names),
			onFailure: (error) => this.fail(error),
		});
		this.#metadata = new MetadataStore({
			known: target.known,
			cipher: target.cipher,
			claim: (hash) => this.#pool.claims.claim(hash),
			sink: (raw, chunks) => this.#sealMetadata(raw, chunks),
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

	/** Whether the chain is encrypted. */
	get isEncrypted(): boolean {
		return this.#options.target.cipher !== null;
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
		return this.#metadata.put(chunk);
	}

	/** To be awaited now and then by whoever stores much and gives little. */
	async storeRoom(): Promise<void> {
		if (!this.#metadata.hasRoom) await this.orFailure(this.#metadata.room());
	}

	/** Resolves when everything that was given is in the file (not yet durable). */
	async flush(): Promise<void> {
		await this.orFailure(this.#pool.flush());
		await this.orFailure(this.#metadata.flush());
		await this.orFailure(Promise.all(this.#pending));
		this.check();
	}

	#sealMetadata(raw: Uint8Array, chunks: readonly PlacedChunk[]): void {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, metadataLevel, this.#options.target.cipher);
		this.#write({ sealed: buffer.subarray(0, totalBytes), header, chunks }).catch((error) => this.fail(error));
	}

	#write(record: SealedRecord): Promise<void> {
		const writing = this.#writeNow(record).finally(() => this.#pending.delete(writing));
		this.#pending.add(writing);
		return writing;
	}

	async #writeNow(record: SealedRecord): Promise<void> {
		if (this.#failure) return;
		await this.#options.target.append(record);
	}

	/** Bytes of records that have left for the file. */
	get transferredBytes(): number {
		return this.#options.target.sentBytes - this.#before.sentBytes;
	}

	/** Where the time went since the pipe began. */
	bottleneck({ doneBytes, readBytes }: Pick<TaskCounters, 'doneBytes' | 'readBytes'>): Bottleneck {
		const { readMs, processMs } = this.#pool.times;
		const { networkMs, writeMs, throttledMs } = this.#options.target.times;
		return findBottleneck({
			elapsedMs: performance.now() - this.#startedAt,
			workerCount: this.#pool.workerCount,
			readMs,
			processMs,
			listMs: this.listMs,
			networkMs: networkMs - this.#before.times.networkMs,
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
