/** The thread that reads chunks, verifies them and writes files. */
import * as fs from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, EngineError, isEngineError, threadHasLoaded } from '../base/index.ts';
import { attachDiskWriter, type DiskTargetHandle, type DiskWriter, UncachedBuffers } from '../block/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import { hashBytes, isZeroHash, parseExtents, storedBlocks, type TreeEntry } from '../format/index.ts';
import { noShares, StorageGate } from '../mover/index.ts';
import { openPlatform } from '../platform/index.ts';
import { ChainReader, storageAt } from '../repository/index.ts';
import { applyMetadata, removeExisting, targetError } from './file-writer.ts';
import { LookAhead } from './look-ahead.ts';
import type { FileSlice, RestoreAnswer, RestoreReply, RestoreRequest, RestoreTimes, RestoreWorkerSetup, SliceFailure, SliceResult } from './protocol.ts';
import { SliceWriter } from './slice-writer.ts';
import { storageOver } from './storage-port.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const { chain, share, storage } = workerData as RestoreWorkerSetup;
const gate = new StorageGate(storage ? storageOver(storage) : storageAt(chain.repositoryPath), { ...noShares, read: share });
const reader = new ChainReader(chain, gate.storage, { isSequential: true });
const platform = openPlatform();
const buffers = new UncachedBuffers(platform);
const times = { chunkMs: 0, writeMs: 0 };
const reply = (message: RestoreReply): void => port.postMessage(message);

/** Of the request; null where reading is not worth to be begun early. */
let ahead: LookAhead | null = null;

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

async function readChunk(hash: Uint8Array): Promise<Uint8Array> {
	const start = performance.now();
	ahead?.advance();
	try {
		return await reader.readChunk(hash);
	} finally {
		times.chunkMs += performance.now() - start;
	}
}

function timesNow(): RestoreTimes {
	const { readMs, throttledMs } = gate.times;
	return { readMs, throttledMs, decodeMs: Math.max(0, times.chunkMs - readMs - throttledMs), writeMs: times.writeMs };
}

function countWrite(startedAt: number): void {
	times.writeMs += performance.now() - startedAt;
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

/** Decodes a slice and hands it to its writer. @returns bytes of the file that it covers */
async function writeSlice(slice: FileSlice, writer: SliceWriter): Promise<number> {
	let at = slice.offset;
	for (const extent of parseExtents(slice.extents, 'the extents of a file')) {
		const chunk = extent.kind === 'data' ? await readChunk(extent.hash) : null;
		if (chunk && chunk.byteLength !== extent.lengthBytes) throw new EngineError('repository.damaged', 'A chunk has not the length that its file expects.');
		const startedAt = performance.now();
		if (chunk) await writer.write(chunk, at);
		else if (extent.kind === 'zero') await writer.writeZeros(extent.lengthBytes, at);
		countWrite(startedAt);
		if (chunk) reader.giveBack(chunk);
		at += extent.lengthBytes;
	}
	const startedAt = performance.now();
	writer.end();
	countWrite(startedAt);
	return at - slice.offset;
}

/** Decoded and handed to the writer; it is written when `written` resolves, which it always does. */
type Handed = { readonly written: Promise<SliceResult> };

/** While what one slice brought is on its way to the target, the next is decoded. */
async function restoreSlice(slice: FileSlice): Promise<Handed> {
	const [target, temporary] = [Buffer.from(slice.target), Buffer.from(slice.temporary)];
	const opened = new AsyncDisposableStack();
	const failed = async (error: unknown): Promise<SliceResult> => {
		await opened.disposeAsync();
		if (slice.entry) removeExisting(temporary);
		return { id: slice.id, writtenBytes: 0, failure: failureOf(target, error) };
	};
	const settle = async (fd: number, writer: SliceWriter, writtenBytes: number): Promise<SliceResult> => {
		try {
			await writer.settled();
			if (slice.entry && writer.endBytes < slice.entry.sizeBytes) fs.ftruncateSync(fd, slice.entry.sizeBytes); // a hole at the end was not written
			await opened.disposeAsync();
			if (slice.entry) finish(target, temporary, slice.entry);
			return { id: slice.id, writtenBytes, failure: null };
		} catch (error) {
			return failed(error);
		}
	};
	try {
		const fd = opened.adopt(openPart(temporary), (fd) => fs.closeSync(fd));
		const writer = opened.use(new SliceWriter(fd, slice.lengthBytes, platform, buffers));
		const writtenBytes = await writeSlice(slice, writer);
		return { written: settle(fd, writer, writtenBytes) };
	} catch (error) {
		return { written: failed(error) };
	}
}

function finish(target: Buffer, temporary: Buffer, entry: TreeEntry): void {
	const startedAt = performance.now();
	applyMetadata(temporary, entry, platform, (warning) => reply({ type: 'warning', warning: { ...warning, path: null } }));
	fs.renameSync(temporary, target);
	countWrite(startedAt);
}

/** What is asked is taken, the next request may be served; `answer` comes when it is done. */
type Served = { readonly answer: Promise<RestoreAnswer> };

async function serve(request: RestoreRequest): Promise<Served> {
	reader.forgetExpected(); // a request that failed leaves some
	ahead = storage && new LookAhead(reader, chunksOf(request));
	switch (request.type) {
		case 'slices': {
			const written: Promise<SliceResult>[] = [];
			for (const slice of request.slices) written.push((await restoreSlice(slice)).written);
			return { answer: Promise.all(written).then((results) => ({ type: 'slices', results })) };
		}
		case 'finish':
			return { answer: finishFile(request) };
		case 'chunks':
			return { answer: Promise.resolve(await readChunks(request)) };
		case 'blocks':
			return writeBlocks(request);
	}
}

/** Of a file whose slices are all written. */
async function finishFile({ id, entry, ...request }: Extract<RestoreRequest, { type: 'finish' }>): Promise<RestoreAnswer> {
	const [target, temporary] = [Buffer.from(request.target), Buffer.from(request.temporary)];
	try {
		fs.truncateSync(temporary, entry.sizeBytes);
		finish(target, temporary, entry);
		return { type: 'finished', id, failure: null };
	} catch (error) {
		removeExisting(temporary);
		return { type: 'finished', id, failure: failureOf(target, error) };
	}
}

async function readChunks({ id, hashes }: Extract<RestoreRequest, { type: 'chunks' }>): Promise<RestoreAnswer> {
	const failures: { index: number; message: string; isUnreadable: boolean }[] = [];
	const before = reader.readBytes;
	for (let index = 0; index < hashes.byteLength / hashBytes; index++) {
		const hash = hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
		try {
			if (!isZeroHash(hash)) reader.giveBack(await readChunk(hash));
		} catch (error) {
			if (!isEngineError(error)) throw error;
			failures.push({ index, message: error.message, isUnreadable: error.code !== 'repository.damaged' });
		}
	}
	return { type: 'chunks', id, readBytes: reader.readBytes - before, failures };
}

/** By the descriptors of the targets, which stay open as long as this thread. */
const diskWriters = new Map<number, DiskWriter>();

function diskWriterFor(target: DiskTargetHandle): DiskWriter {
	const known = diskWriters.get(target.fd);
	if (known) return known;
	const writer = attachDiskWriter(target, platform);
	diskWriters.set(target.fd, writer);
	return writer;
}

async function writeBlocks({ target, offsets, lengths, hashes }: Extract<RestoreRequest, { type: 'blocks' }>): Promise<Served> {
	const writer = diskWriterFor(target);
	const before = reader.readBytes;
	let writtenBytes = 0;
	let failure: ErrorShape | null = null;
	const fail = (error: unknown): void => {
		if (!isEngineError(error)) throw error;
		failure ??= error.shape;
	};
	try {
		for (const [i, offset] of offsets.entries()) {
			const block = await readChunk(hashes.subarray(i * hashBytes, (i + 1) * hashBytes));
			if (block.byteLength !== lengths[i]) throw new EngineError('repository.damaged', `What is stored of byte ${offset} of the disk has the wrong length.`);
			const startedAt = performance.now();
			await writer.write(offset, block);
			countWrite(startedAt);
			writtenBytes += block.byteLength;
			reader.giveBack(block);
		}
	} catch (error) {
		fail(error);
	}
	const readBytes = reader.readBytes - before;
	return {
		answer: writer
			.flush()
			.catch(fail)
			.then(() => ({ type: 'blocks', writtenBytes, readBytes, failure })),
	};
}

let last: Promise<void> = Promise.resolve();
port.on('message', (request: RestoreRequest) => {
	// one after the other: the cache of records serves neighbours best
	last = last.then(async () => {
		const { answer } = await serve(request);
		answer.then((answer) => reply({ type: 'answer', answer, times: timesNow() }));
	});
});
threadHasLoaded();
