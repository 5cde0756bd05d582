/** The thread that reads chunks, verifies them and writes files: for one task, then perhaps for another. */
import * as fs from 'node:fs';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { assert, EngineError, isEngineError, threadHasLoaded } from '../base/index.ts';
import { attachDiskWriter, type DiskTargetHandle, type DiskWriter, writeAt } from '../block/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import { hashBytes, isZeroHash, parseExtents, storedBlocks, type TreeEntry } from '../format/index.ts';
import { noShares, StorageGate } from '../mover/index.ts';
import { openPlatform } from '../platform/index.ts';
import { ChainReader, storageAt } from '../repository/index.ts';
import { applyMetadata, removeExisting, targetError } from './file-writer.ts';
import { LookAhead } from './look-ahead.ts';
import type {
	FileSlice,
	RestoreAnswer,
	RestoreOrder,
	RestoreReply,
	RestoreRequest,
	RestoreTimes,
	RestoreWorkerSetup,
	SliceFailure,
	SliceResult,
} from './protocol.ts';
import { type StoragePort, storageOver } from './storage-port.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const platform = openPlatform();
const zeros = new Uint8Array(1024 * 1024);
const reply = (message: RestoreReply): void => port.postMessage(message);

/** Chunks in the order in which the request needs them. What cannot be parsed fails where it is used. */
function chunksOf(request: RestoreRequest): Uint8Array[] {
	switch (request.type) {
		case 'slices':
			return request.slices.flatMap(({ extents }) => {
				try {
					return [...parseExtents(extents, 'the extents of a file')].flatMap((extent) => (extent.kind === 'data' ? [extent.hash] : []));
				} catch {
					return [];
				}
			});
		case 'finish':
			return [];
		case 'chunks':
		case 'blocks':
			return [...storedBlocks(request)];
	}
}

const failureOf = (target: Buffer, error: unknown): SliceFailure => {
	if (isEngineError(error) && error.code.startsWith('repository.')) return { code: 'repository', message: error.message };
	const { message, data } = targetError(target, error);
	return { code: data?.isFull ? 'full' : 'target', message };
};

/** Opens what a slice is written to. */
function openPart(temporary: Buffer): number {
	const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | (fs.constants.O_NOFOLLOW ?? 0);
	return fs.openSync(temporary, flags, 0o600);
}

function writeZeros(fd: number, lengthBytes: number, offset: number): void {
	for (let done = 0; done < lengthBytes; done += zeros.byteLength)
		writeAt(fd, zeros.subarray(0, Math.min(zeros.byteLength, lengthBytes - done)), offset + done);
}

/** What one task asks of this thread. */
class RestoreWork implements AsyncDisposable {
	readonly #opened = new AsyncDisposableStack();
	readonly #storage: StoragePort | null;
	readonly #gate: StorageGate;
	readonly #reader: ChainReader;
	readonly #times = { chunkMs: 0, writeMs: 0 };
	/** By the descriptors of the targets, which stay open until the task has ended. */
	readonly #diskWriters = new Map<number, DiskWriter>();
	/** Of the request; null where reading is not worth to be begun early. */
	#ahead: LookAhead | null = null;

	constructor({ chain, share, storage }: RestoreWorkerSetup) {
		this.#storage = storage;
		if (storage) this.#opened.defer(() => storage.port.close());
		this.#gate = new StorageGate(storage ? storageOver(storage) : storageAt(chain.repositoryPath), { ...noShares, read: share });
		this.#reader = this.#opened.use(new ChainReader(chain, this.#gate.storage, { isSequential: true }));
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.#opened.disposeAsync();
	}

	async #readChunk(hash: Uint8Array): Promise<Uint8Array> {
		const start = performance.now();
		this.#ahead?.advance();
		try {
			return await this.#reader.readChunk(hash);
		} finally {
			this.#times.chunkMs += performance.now() - start;
		}
	}

	timesNow(): RestoreTimes {
		const { readMs, throttledMs } = this.#gate.times;
		return { readMs, throttledMs, decodeMs: Math.max(0, this.#times.chunkMs - readMs - throttledMs), writeMs: this.#times.writeMs };
	}

	#countWrite(startedAt: number): void {
		this.#times.writeMs += performance.now() - startedAt;
	}

	/** @returns bytes of the file that the slice covers, and where in the file what was written ends */
	async #writeSlice({ offset, extents }: FileSlice, fd: number): Promise<{ coveredBytes: number; end: number }> {
		let [at, end] = [offset, offset];
		for (const extent of parseExtents(extents, 'the extents of a file')) {
			const chunk = extent.kind === 'data' ? await this.#readChunk(extent.hash) : null;
			if (chunk && chunk.byteLength !== extent.lengthBytes) throw new EngineError('repository.damaged', 'A chunk has not the length that its file expects.');
			const startedAt = performance.now();
			if (chunk) writeAt(fd, chunk, at);
			else if (extent.kind === 'zero') writeZeros(fd, extent.lengthBytes, at);
			this.#countWrite(startedAt);
			if (chunk) this.#reader.giveBack(chunk);
			at += extent.lengthBytes;
			if (extent.kind !== 'hole') end = at;
		}
		return { coveredBytes: at - offset, end };
	}

	async #restoreSlice(slice: FileSlice): Promise<SliceResult> {
		const { id, entry } = slice;
		const [target, temporary] = [Buffer.from(slice.target), Buffer.from(slice.temporary)];
		try {
			const writtenBytes = await this.#writePart(slice, temporary);
			if (entry) this.#finish(target, temporary, entry);
			return { id, writtenBytes, failure: null };
		} catch (error) {
			if (entry) removeExisting(temporary);
			return { id, writtenBytes: 0, failure: failureOf(target, error) };
		}
	}

	/** @returns as the slice covers */
	async #writePart(slice: FileSlice, temporary: Buffer): Promise<number> {
		const fd = openPart(temporary);
		try {
			const { coveredBytes, end } = await this.#writeSlice(slice, fd);
			if (slice.entry && end < slice.entry.sizeBytes) fs.ftruncateSync(fd, slice.entry.sizeBytes); // a hole at the end was not written
			return coveredBytes;
		} finally {
			fs.closeSync(fd);
		}
	}

	#finish(target: Buffer, temporary: Buffer, entry: TreeEntry): void {
		const startedAt = performance.now();
		applyMetadata(temporary, entry, platform, (warning) => reply({ type: 'warning', warning: { ...warning, path: null } }));
		fs.renameSync(temporary, target);
		this.#countWrite(startedAt);
	}

	async serve(request: RestoreRequest): Promise<RestoreAnswer> {
		this.#reader.forgetExpected(); // a request that failed leaves some
		this.#ahead = this.#storage && new LookAhead(this.#reader, chunksOf(request));
		switch (request.type) {
			case 'slices': {
				const results: SliceResult[] = [];
				for (const slice of request.slices) results.push(await this.#restoreSlice(slice));
				return { type: 'slices', results };
			}
			case 'finish':
				return this.#finishFile(request);
			case 'chunks':
				return this.#readChunks(request);
			case 'blocks':
				return this.#writeBlocks(request);
		}
	}

	/** Of a file whose slices are all written. */
	#finishFile({ id, entry, ...request }: Extract<RestoreRequest, { type: 'finish' }>): RestoreAnswer {
		const [target, temporary] = [Buffer.from(request.target), Buffer.from(request.temporary)];
		try {
			fs.truncateSync(temporary, entry.sizeBytes);
			this.#finish(target, temporary, entry);
			return { type: 'finished', id, failure: null };
		} catch (error) {
			removeExisting(temporary);
			return { type: 'finished', id, failure: failureOf(target, error) };
		}
	}

	async #readChunks({ id, hashes }: Extract<RestoreRequest, { type: 'chunks' }>): Promise<RestoreAnswer> {
		const failures: { index: number; message: string; isUnreadable: boolean }[] = [];
		const before = this.#reader.readBytes;
		for (let index = 0; index < hashes.byteLength / hashBytes; index++) {
			const hash = hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
			try {
				if (!isZeroHash(hash)) this.#reader.giveBack(await this.#readChunk(hash));
			} catch (error) {
				if (!isEngineError(error)) throw error;
				failures.push({ index, message: error.message, isUnreadable: error.code !== 'repository.damaged' });
			}
		}
		return { type: 'chunks', id, readBytes: this.#reader.readBytes - before, failures };
	}

	#diskWriterFor(target: DiskTargetHandle): DiskWriter {
		const known = this.#diskWriters.get(target.fd);
		if (known) return known;
		const writer = attachDiskWriter(target, platform);
		this.#diskWriters.set(target.fd, writer);
		return writer;
	}

	async #writeBlocks({ target, offsets, lengths, hashes }: Extract<RestoreRequest, { type: 'blocks' }>): Promise<RestoreAnswer> {
		const writer = this.#diskWriterFor(target);
		const before = this.#reader.readBytes;
		let writtenBytes = 0;
		let failure: ErrorShape | null = null;
		try {
			for (const [i, offset] of offsets.entries()) {
				const block = await this.#readChunk(hashes.subarray(i * hashBytes, (i + 1) * hashBytes));
				if (block.byteLength !== lengths[i]) throw new EngineError('repository.damaged', `What is stored of byte ${offset} of the disk has the wrong length.`);
				const startedAt = performance.now();
				writer.write(offset, block);
				this.#countWrite(startedAt);
				writtenBytes += block.byteLength;
				this.#reader.giveBack(block);
			}
		} catch (error) {
			if (!isEngineError(error)) throw error;
			failure = error.shape;
		}
		return { type: 'blocks', writtenBytes, readBytes: this.#reader.readBytes - before, failure };
	}
}

let work: RestoreWork | null = null;

async function obey(order: RestoreOrder): Promise<void> {
	switch (order.type) {
		case 'begin':
			work = new RestoreWork(order.setup);
			return;
		case 'end':
			await work?.[Symbol.asyncDispose]();
			work = null;
			return reply({ type: 'ended' });
		default: {
			const current = work;
			assert(current, 'a request belongs to a task');
			return reply({ type: 'answer', answer: await current.serve(order), times: current.timesNow() });
		}
	}
}

let last: Promise<void> = Promise.resolve();
port.on('message', (order: RestoreOrder) => {
	// one after the other: the cache of records serves neighbours best
	last = last.then(() => obey(order));
});
threadHasLoaded();
