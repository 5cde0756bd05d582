import type { Worker } from 'node:worker_threads';
import { assert, EngineError, endThread, retireThread, takeThread } from '../base/index.ts';
import { type BlockNames, type ChainKeys, codecs, hashBytes, type PlacedChunk, type RecordHeader, sealedRecordLimit } from '../format/index.ts';
import { chunkSizes } from './chunker.ts';
import { Claims } from './claims.ts';
import type { Effort } from './effort.ts';
import { Answers, createAnswers } from './inquiry.ts';
import type { FileResult, WorkerOrder, WorkerReply, WorkerRequest, WorkerSetup, WorkerTimes } from './protocol.ts';
import { createSlots, Slots } from './slots.ts';
import type { KnownChunks } from './target-run.ts';

/** Requests that wait in each worker while it works on one: enough that it never idles, few enough that memory stays bounded. */
const queuedPerWorker = 2;
const slotsPerWorker = 4;
const firstClaims = 1 << 16;

export type SealedRecord = { readonly sealed: Uint8Array; readonly header: RecordHeader; readonly chunks: readonly PlacedChunk[] };

export type PoolOptions = {
	readonly workerCount: number;
	readonly known: KnownChunks;
	readonly blockSizeBytes: number;
	readonly effort: Effort;
	/** Of the chain; null when it is not encrypted. */
	readonly keys: ChainKeys | null;
	/** Of the workers; default: process-worker.ts. */
	readonly module?: URL | undefined;
	/** Takes a sealed record; its bytes are given back to the worker when the promise settles. */
	readonly onRecord: (record: SealedRecord) => Promise<void>;
	readonly onFiles: (results: readonly FileResult[]) => void;
	readonly onBlocks: (firstBlock: number, names: BlockNames) => void;
	/** The pool is useless afterwards. */
	readonly onFailure: (error: unknown) => void;
};

type Member = {
	readonly worker: Worker;
	readonly slots: Slots;
	readonly answers: Answers;
	times: WorkerTimes;
	outstanding: number;
	flushed: (() => void) | null;
};

/** Process workers of one run: gives them work, takes their records, tells when there is room for more. */
export class WorkerPool implements AsyncDisposable {
	readonly #options: PoolOptions;
	readonly #members: Member[] = [];
	readonly #stop = new SharedArrayBuffer(4);
	/** Also used by the coordinating thread for its own chunks. */
	claims = Claims.create(firstClaims);
	#claimedCount = 0;
	#roomWaiters: (() => void)[] = [];
	#isFailed = false;
	/** All that was asked is done: only then are the workers of use to others. */
	#isWhole = false;

	readonly #module: URL;

	constructor(options: PoolOptions) {
		this.#options = options;
		this.#module = options.module ?? new URL('./process-worker.ts', import.meta.url);
	}

	/** A thread costs a tenth of a second and tens of megabytes: it starts when there is work that no other has time for. */
	#start(): Member {
		const { known, blockSizeBytes, effort, keys } = this.#options;
		const answers = createAnswers();
		const largestChunk = Math.max(chunkSizes(blockSizeBytes).maximumBytes, blockSizeBytes);
		const memory = createSlots(slotsPerWorker, sealedRecordLimit(largestChunk));
		const setup: WorkerSetup = {
			known: known.kind === 'indexes' ? { indexes: known.indexes, lost: known.lost } : { answers },
			claims: this.claims.buffer,
			slots: memory,
			stop: this.#stop,
			blockSizeBytes,
			effort,
			keys,
		};
		const worker = takeThread(this.#module);
		const member: Member = {
			worker,
			slots: new Slots(memory),
			answers: new Answers(answers),
			times: { readMs: 0, processMs: 0, waitMs: 0 },
			outstanding: 0,
			flushed: null,
		};
		worker.on('message', (reply: WorkerReply) => {
			try {
				this.#take(member, reply);
			} catch (error) {
				this.#fail(error);
			}
		});
		worker.on('error', (error) => this.#fail(error));
		worker.postMessage({ type: 'begin', setup } satisfies WorkerOrder);
		this.#members.push(member);
		return member;
	}

	get workerCount(): number {
		return Math.max(1, this.#members.length);
	}

	/** Sums over all workers. */
	get times(): WorkerTimes {
		const sum = { readMs: 0, processMs: 0, waitMs: 0 };
		for (const { times } of this.#members) {
			sum.readMs += times.readMs;
			sum.processMs += times.processMs;
			sum.waitMs += times.waitMs;
		}
		return sum;
	}

	get hasRoom(): boolean {
		const mayStart = this.#members.length < this.#options.workerCount;
		return this.#isFailed || mayStart || this.#members.some(({ outstanding }) => outstanding < queuedPerWorker);
	}

	/** Resolves when a request can be given without piling up. */
	async room(): Promise<void> {
		while (!this.hasRoom) await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
	}

	/** Gives a request to the worker with the least to do. Call when there is room. */
	give(request: WorkerRequest): void {
		const idle = this.#members.find(({ outstanding }) => outstanding === 0);
		const mayStart = this.#members.length < this.#options.workerCount;
		const member = idle ?? (mayStart ? this.#start() : this.#members.reduce((a, b) => (b.outstanding < a.outstanding ? b : a)));
		member.outstanding++;
		member.worker.postMessage(request);
	}

	/** Resolves when every worker has packed what it held and all records have been handed to `onRecord`. */
	async flush(): Promise<void> {
		await this.#flushAll();
		this.#isWhole = !this.#isFailed;
	}

	async #flushAll(): Promise<void> {
		await Promise.all(
			this.#members.map(
				(member) =>
					new Promise<void>((resolve) => {
						if (this.#isFailed) return resolve();
						member.flushed = resolve;
						member.worker.postMessage({ type: 'flush' } satisfies WorkerRequest);
					}),
			),
		);
	}

	/** Workers end their present request early; what they still answer is of no use. */
	stop(): void {
		Atomics.store(new Int32Array(this.#stop), 0, 1);
	}

	#take(member: Member, reply: WorkerReply): void {
		if (this.#isFailed) return;
		switch (reply.type) {
			case 'record':
				this.#takeRecord(member, reply);
				break;
			case 'ask':
				this.#ask(member, reply.hashes, reply.area);
				break;
			case 'files':
			case 'blocks':
				member.times = reply.times;
				member.outstanding--;
				if (reply.type === 'files') this.#options.onFiles(reply.results);
				else this.#options.onBlocks(reply.firstBlock, reply.names);
				this.#wake();
				break;
			case 'blocks-failed':
				this.#fail(new EngineError(reply.code as 'source.unreadable', reply.message, { hint: reply.hint }));
				break;
			case 'flushed':
				member.times = reply.times;
				member.flushed?.();
				member.flushed = null;
		}
	}

	#ask(member: Member, hashes: Uint8Array, area: number): void {
		const { known } = this.#options;
		assert(known.kind === 'ask', 'a worker with indexes asks');
		known.ask(hashes).then(
			(answer) => member.answers.give(area, answer),
			(error) => this.#fail(error),
		);
	}

	#takeRecord(member: Member, reply: Extract<WorkerReply, { type: 'record' }>): void {
		let rawOffset = 0;
		const chunks = Array.from(reply.lengths, (rawBytes, i) => {
			const chunk = { hash: reply.hashes.subarray(i * hashBytes, (i + 1) * hashBytes), rawOffset, rawBytes };
			rawOffset += rawBytes;
			return chunk;
		});
		this.#claimedCount += chunks.length;
		if (this.#claimedCount > this.claims.capacity * 0.6) this.#growClaims();
		const header: RecordHeader = {
			type: 'chunks',
			codec: codecs[reply.codec] === codecs.zstd ? 'zstd' : 'none',
			storedBytes: reply.storedBytes,
			rawBytes: reply.rawBytes,
			payloadCrc: reply.payloadCrc,
		};
		this.#options
			.onRecord({ sealed: member.slots.bytes(reply.slot, reply.totalBytes), header, chunks })
			.catch((error) => this.#fail(error))
			.finally(() => member.slots.release(reply.slot));
	}

	#growClaims(): void {
		this.claims = this.claims.grown();
		for (const { worker } of this.#members) worker.postMessage({ type: 'claims', claims: this.claims.buffer } satisfies WorkerRequest);
	}

	#wake(): void {
		const waiters = this.#roomWaiters;
		this.#roomWaiters = [];
		for (const wake of waiters) wake();
	}

	#fail(error: unknown): void {
		if (this.#isFailed) return;
		this.#isFailed = true;
		this.stop();
		for (const member of this.#members) member.flushed?.();
		this.#wake();
		this.#options.onFailure(error);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const isWhole = this.#isWhole && !this.#isFailed;
		this.#isFailed = true;
		this.stop();
		this.#wake();
		const end: WorkerOrder = { type: 'end' };
		const retire = ({ worker, outstanding, flushed }: Member): Promise<void> =>
			isWhole && outstanding === 0 && !flushed ? retireThread(this.#module, worker, end) : endThread(worker);
		await Promise.all(this.#members.map(retire));
	}
}
