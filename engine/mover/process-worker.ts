/**
 * The thread that does everything to a block: read, leave out zeros, name, look up, compress. It answers each request when its bytes
 * are packed or waiting in a group; `flush` packs the rest. It does so for one run, then perhaps for another.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { assert, isEngineError, isZero, systemErrorCode, threadHasLoaded } from '../base/index.ts';
import { type BlockSource, openBlockSource } from '../block/index.ts';
import {
	type BlockNames,
	ByteWriter,
	type ChainCipher,
	cipherOf,
	type Extent,
	FileIndex,
	fingerprintBytes,
	hashBytes,
	Packer,
	type PlacedChunk,
	sameHash,
	sealRecord,
	writeExtent,
	zeroBlocks,
} from '../format/index.ts';
import { openPlatform } from '../platform/index.ts';
import { SourceFile } from '../source/index.ts';
import { Chunker, chunkSizes } from './chunker.ts';
import { Claims } from './claims.ts';
import { EffortControl } from './effort.ts';
import { type AnswerMemory, Inquiry } from './inquiry.ts';
import type { FileResult, FileWork, WorkerOrder, WorkerReply, WorkerRequest, WorkerSetup, WorkerTimes } from './protocol.ts';
import { Slots } from './slots.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const platform = openPlatform();

function reply(message: WorkerReply): void {
	port.postMessage(message);
}

type BlocksRequest = Extract<WorkerRequest, { type: 'blocks' }>;

type Reading = {
	readonly extents: Uint8Array;
	readonly lengthBytes: number;
	readonly readBytes: number;
	readonly isStable: boolean;
	readonly isRacy: boolean;
	readonly mtimeNs: bigint;
	readonly ctimeNs: bigint;
};

/** Zeros what is blank of a block at `offset`. @returns where in `blank` the next block goes on */
function blankOut(block: Uint8Array, offset: number, blank: Float64Array, first: number): number {
	let at = first;
	for (; at < blank.length; at += 2) {
		const from = (blank[at] as number) - offset;
		const to = from + (blank[at + 1] as number);
		if (from >= block.byteLength) break;
		block.fill(0, Math.max(0, from), Math.min(to, block.byteLength));
		if (to > block.byteLength) break; // its rest lies in the next block
	}
	return at;
}

/** What one run asks of this thread. */
class ProcessWork implements Disposable {
	readonly #slots: Slots;
	readonly #shouldStop: () => boolean;
	#claims: Claims;
	readonly #chunker: Chunker;
	readonly #maxChunk: number;
	/** Holds a file's bytes while they are cut: at least two of the largest chunks, so that few bytes are moved to refill it. */
	readonly #window: Buffer;
	readonly #cipher: ChainCipher | null;
	readonly #packer: Packer;
	#inquiry: Inquiry | null = null;
	/** Names a chunk, and packs it unless the chain has it or this run has taken it on. */
	readonly #keep: (chunk: Uint8Array) => Uint8Array;
	readonly #times = { readMs: 0, processMs: 0, waitMs: 0 };
	readonly #effort: EffortControl;
	/** Work until the record before. */
	#workedBefore = 0;
	/** Where the stopwatch last stood: every lap goes to one stage. */
	#lapStart = performance.now();
	readonly #extentWriter = new ByteWriter();
	#disk: { readonly path: string; readonly source: BlockSource } | null = null;

	constructor({ known, claims, slots, stop, blockSizeBytes, effort, keys }: WorkerSetup) {
		this.#slots = new Slots(slots);
		const stopping = new Int32Array(stop);
		this.#shouldStop = () => Atomics.load(stopping, 0) !== 0;
		this.#claims = new Claims(claims);
		this.#chunker = new Chunker(chunkSizes(blockSizeBytes));
		this.#maxChunk = Math.max(this.#chunker.sizes.maximumBytes, blockSizeBytes);
		this.#window = Buffer.allocUnsafeSlow(this.#maxChunk * 2);
		this.#cipher = cipherOf(keys);
		this.#packer = new Packer((raw, chunks) => this.#sealIntoSlot(raw, chunks), this.#cipher);
		this.#effort = new EffortControl(effort);
		this.#keep = 'answers' in known ? this.#keepByAsking(known.answers) : this.#keepByIndexes(known);
	}

	[Symbol.dispose](): void {
		this.#disk?.source.close();
		this.#disk = null;
	}

	serve(request: WorkerRequest): void {
		this.#lap(null);
		switch (request.type) {
			case 'files': {
				const results = request.files.filter(() => !this.#shouldStop()).map((file) => this.#protectFile(file));
				this.#lap('processMs');
				reply({ type: 'files', results, times: { ...this.#times } });
				break;
			}
			case 'blocks':
				reply(this.#answerBlocks(request));
				break;
			case 'claims':
				this.#claims = new Claims(request.claims);
				break;
			case 'flush':
				this.#inquiry?.flush();
				this.#packer.flush();
				reply({ type: 'flushed', times: { ...this.#times } });
		}
	}

	#lap(stage: keyof WorkerTimes | null): void {
		const now = performance.now();
		if (stage) this.#times[stage] += now - this.#lapStart;
		this.#lapStart = now;
	}

	#sealIntoSlot(raw: Uint8Array, chunks: readonly PlacedChunk[]): void {
		this.#lap('processMs');
		const waitedBefore = this.#times.waitMs;
		const slot = this.#slots.acquire(this.#shouldStop);
		this.#lap('waitMs');
		if (slot < 0) return; // stopping: the run will not be committed
		const { header, totalBytes } = sealRecord(this.#slots.bytes(slot), 'chunks', raw, this.#effort.level, this.#cipher);
		const hashes = new Uint8Array(chunks.length * hashBytes);
		const lengths = new Uint32Array(chunks.length);
		chunks.forEach((chunk, i) => {
			hashes.set(chunk.hash, i * hashBytes);
			lengths[i] = chunk.rawBytes;
		});
		reply({
			type: 'record',
			slot,
			totalBytes,
			storedBytes: header.storedBytes,
			rawBytes: header.rawBytes,
			payloadCrc: header.payloadCrc,
			codec: header.codec,
			hashes,
			lengths,
		});
		this.#lap('processMs');
		const workMs = this.#times.readMs + this.#times.processMs;
		this.#effort.record(workMs - this.#workedBefore, this.#times.waitMs - waitedBefore);
		this.#workedBefore = workMs;
	}

	/** Cuts and packs one range of a file. @returns how many bytes were there */
	#protectRange(file: SourceFile, offset: number, length: number, emit: (extent: Extent) => void): number {
		let from = 0;
		let to = 0;
		let readAt = offset;
		let isAtEnd = false;
		while (!this.#shouldStop()) {
			if (!isAtEnd && to - from < this.#maxChunk) {
				this.#window.copyWithin(0, from, to);
				to -= from;
				from = 0;
				const wanted = Math.min(this.#window.byteLength - to, offset + length - readAt);
				this.#lap('processMs');
				const count = file.read(this.#window.subarray(to, to + wanted), readAt);
				this.#lap('readMs');
				readAt += count;
				to += count;
				isAtEnd = count < wanted || readAt === offset + length;
			}
			if (from === to) break;
			const end = from + this.#chunker.next(this.#window, from, to);
			const chunk = this.#window.subarray(from, end);
			if (isZero(chunk)) emit({ kind: 'zero', lengthBytes: chunk.byteLength });
			else emit({ kind: 'data', lengthBytes: chunk.byteLength, hash: this.#keep(chunk) });
			from = end;
		}
		return readAt - offset;
	}

	#readOnce(path: Buffer, segment: FileWork['segment']): Reading {
		this.#lap('processMs'); // of the file before
		using file = new SourceFile(path, platform);
		this.#lap('readMs');
		this.#extentWriter.reset();
		const start = segment?.offset ?? 0;
		const end = segment ? Math.max(start, Math.min(segment.offset + segment.length, file.sizeBytes)) : file.sizeBytes;
		let at = start;
		let readBytes = 0;
		// neighbouring zeros become one extent, whatever the chunker made of them
		let pending: { kind: 'hole' | 'zero'; lengthBytes: number } | null = null;
		const emit = (extent: Extent): void => {
			if (pending && extent.kind === pending.kind) pending.lengthBytes += extent.lengthBytes;
			else {
				if (pending) writeExtent(this.#extentWriter, pending);
				pending = extent.kind === 'hole' || extent.kind === 'zero' ? { kind: extent.kind, lengthBytes: extent.lengthBytes } : null;
				if (!pending) writeExtent(this.#extentWriter, extent);
			}
		};
		let isShort = false;
		for (const extent of file.dataExtents()) {
			const from = Math.max(extent.offset, start);
			const to = Math.min(extent.offset + extent.length, end);
			if (to <= from) continue;
			if (from > at) emit({ kind: 'hole', lengthBytes: from - at });
			const count = this.#protectRange(file, from, to - from, emit);
			readBytes += count;
			at = from + count;
			isShort = count < to - from;
			if (isShort) break; // it became shorter: what is there is kept, and said
		}
		const isStable = file.isStable();
		if (at < end && isStable && !isShort) {
			emit({ kind: 'hole', lengthBytes: end - at });
			at = end;
		}
		if (pending) writeExtent(this.#extentWriter, pending);
		const { mtimeNs, ctimeNs } = file.stats;
		return { extents: this.#extentWriter.copy(), lengthBytes: at - start, readBytes, isStable, isRacy: file.isRacy, mtimeNs, ctimeNs };
	}

	#protectFile({ id, path, segment }: FileWork): FileResult {
		try {
			const name = Buffer.from(path);
			let reading = this.#readOnce(name, segment);
			if (!reading.isStable && !segment && !this.#shouldStop()) reading = this.#readOnce(name, segment);
			const { isStable, ...rest } = reading;
			return { id, ...rest, hasMoved: !isStable };
		} catch (error) {
			const code = systemErrorCode(error);
			if (code === undefined) throw error;
			return { id, failure: { code, message: error instanceof Error ? error.message : code } };
		}
	}

	/** Names a block. One that is as it was before is recognised by its fingerprint, which costs less. */
	#nameBlock(block: Uint8Array, number: number, { hashes, fingerprints }: BlockNames, before: BlockNames | null): void {
		let known: Uint8Array | null = null;
		if (fingerprints && this.#cipher) {
			const fingerprint = this.#cipher.fingerprint(block);
			const at = number * fingerprintBytes;
			fingerprints.set(fingerprint, at);
			const isAsBefore = before?.fingerprints && sameHash(before.fingerprints.subarray(at, at + fingerprintBytes), fingerprint);
			if (isAsBefore) known = before.hashes.subarray(number * hashBytes, (number + 1) * hashBytes);
		}
		hashes.set(known ?? this.#keep(block), number * hashBytes);
	}

	#answerBlocks(request: BlocksRequest): WorkerReply {
		try {
			const names = this.#protectBlocks(request);
			return { type: 'blocks', firstBlock: request.firstBlock, names, times: { ...this.#times } };
		} catch (error) {
			if (isEngineError(error)) return { type: 'blocks-failed', code: error.code, message: error.message, hint: error.hint };
			const code = systemErrorCode(error);
			if (code === undefined) throw error;
			return {
				type: 'blocks-failed',
				code: 'source.unreadable',
				message: `${request.path}: could not be read (${code}).`,
				hint: 'Check the disk that holds it.',
			};
		}
	}

	#protectBlocks(request: BlocksRequest): BlockNames {
		if (this.#disk?.path !== request.path) {
			this[Symbol.dispose]();
			this.#disk = { path: request.path, source: openBlockSource(request.path) };
		}
		const { blockSizeBytes } = request;
		const names = zeroBlocks(request.blockCount, request);
		let nextBlank = 0;
		for (let i = 0; i < request.blockCount && !this.#shouldStop(); i++) {
			const offset = (request.firstBlock + i) * blockSizeBytes;
			const block = this.#window.subarray(0, Math.min(blockSizeBytes, request.sizeBytes - offset));
			this.#lap(null);
			const count = this.#disk.source.readSync(block, offset);
			this.#lap('readMs');
			if (count < block.byteLength) block.fill(0, count); // the image became shorter; what is missing reads as zeros
			nextBlank = blankOut(block, offset, request.blank, nextBlank);
			if (!isZero(block)) this.#nameBlock(block, i, names, request.before);
			this.#lap('processMs');
		}
		return names;
	}

	#keepByIndexes({ indexes, lost }: Extract<WorkerSetup['known'], { indexes: unknown }>): (chunk: Uint8Array) => Uint8Array {
		const known = indexes.map((buffer) => new FileIndex(buffer)).reverse();
		const lostChunks = lost && new FileIndex(lost);
		return (chunk) => this.#packer.put(chunk, (hash) => (lostChunks?.has(hash) || !known.some((index) => index.has(hash))) && this.#claims.claim(hash));
	}

	#keepByAsking(answers: AnswerMemory): (chunk: Uint8Array) => Uint8Array {
		const asking = new Inquiry({
			answers,
			cipher: this.#cipher,
			largestChunkBytes: this.#maxChunk,
			send: (hashes, area) => reply({ type: 'ask', hashes, area }),
			onUnknown: (hash, chunk) => {
				if (this.#claims.claim(hash)) this.#packer.add(hash, chunk);
			},
			shouldStop: this.#shouldStop,
		});
		this.#inquiry = asking;
		return (chunk) => asking.put(chunk);
	}
}

let work: ProcessWork | null = null;

port.on('message', (order: WorkerOrder) => {
	switch (order.type) {
		case 'begin':
			work = new ProcessWork(order.setup);
			return;
		case 'end':
			work?.[Symbol.dispose]();
			work = null;
			reply({ type: 'ended' });
			return;
		default:
			assert(work, 'a request belongs to a run');
			work.serve(order);
	}
});
threadHasLoaded();
