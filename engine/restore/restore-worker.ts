/** The thread that reads chunks, verifies them and writes files. */
import * as fs from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, EngineError, isEngineError, threadHasLoaded } from '../base/index.ts';
import { attachDiskWriter, type DiskTargetHandle, type DiskWriter } from '../block/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import { hashBytes, isZeroHash, parseExtents, type TreeEntry } from '../format/index.ts';
import { noShares, StorageGate } from '../mover/index.ts';
import { openPlatform } from '../platform/index.ts';
import { ChainReader, storageAt } from '../repository/index.ts';
import { applyMetadata, removeExisting, targetError } from './file-writer.ts';
import { LookAhead } from './look-ahead.ts';
import type { FileSlice, RestoreReply, RestoreRequest, RestoreTimes, RestoreWorkerSetup, SliceFailure } from './protocol.ts';
import { storageOver } from './storage-port.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const { chain, share, storage } = workerData as RestoreWorkerSetup;
const gate = new StorageGate(storage ? storageOver(storage) : storageAt(chain.repositoryPath), { ...noShares, read: share });
const reader = new ChainReader(chain, gate.storage);
const platform = openPlatform();
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
			return Array.from({ length: request.hashes.byteLength / hashBytes }, (_, i) => request.hashes.subarray(i * hashBytes, (i + 1) * hashBytes)).filter(
				(hash) => !isZeroHash(hash),
			);
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

function timedWrite(action: () => void): void {
	const start = performance.now();
	action();
	times.writeMs += performance.now() - start;
}

const failureOf = (target: Buffer, error: unknown): SliceFailure => {
	if (isEngineError(error) && error.code.startsWith('repository.')) return { code: 'repository', message: error.message };
	const { message, data } = targetError(target, error);
	return { code: data?.isFull ? 'full' : 'target', message };
};

const zeros = new Uint8Array(1024 * 1024);

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
	for (let done = 0; done < bytes.byteLength; ) done += fs.writeSync(fd, bytes, done, bytes.byteLength - done, offset + done);
}

/** @returns bytes of the file that the slice covers */
async function writeSlice(slice: FileSlice): Promise<number> {
	const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | (fs.constants.O_NOFOLLOW ?? 0);
	const fd = fs.openSync(Buffer.from(slice.temporary), flags, 0o600);
	try {
		let at = slice.offset;
		for (const extent of parseExtents(slice.extents, 'the extents of a file')) {
			if (extent.kind === 'data') {
				const chunk = await readChunk(extent.hash);
				if (chunk.byteLength !== extent.lengthBytes) throw new EngineError('repository.damaged', 'A chunk has not the length that its file expects.');
				timedWrite(() => writeAll(fd, chunk, at));
			} else if (extent.kind === 'zero') {
				timedWrite(() => {
					for (let done = 0; done < extent.lengthBytes; done += zeros.byteLength)
						writeAll(fd, zeros.subarray(0, Math.min(zeros.byteLength, extent.lengthBytes - done)), at + done);
				});
			}
			at += extent.lengthBytes;
		}
		if (slice.entry) timedWrite(() => fs.ftruncateSync(fd, slice.entry?.sizeBytes ?? 0)); // a hole at the end was not written
		return at - slice.offset;
	} finally {
		fs.closeSync(fd);
	}
}

function finish(target: Buffer, temporary: Buffer, entry: TreeEntry): void {
	timedWrite(() => {
		applyMetadata(temporary, entry, platform, (warning) => reply({ type: 'warning', warning: { ...warning, path: null } }));
		fs.renameSync(temporary, target);
	});
}

async function serve(request: RestoreRequest): Promise<void> {
	ahead = storage && new LookAhead(reader, chunksOf(request));
	switch (request.type) {
		case 'slices':
			for (const slice of request.slices) {
				const target = Buffer.from(slice.target);
				const temporary = Buffer.from(slice.temporary);
				try {
					const writtenBytes = await writeSlice(slice);
					if (slice.entry) finish(target, temporary, slice.entry);
					reply({ type: 'slice', id: slice.id, writtenBytes, failure: null });
				} catch (error) {
					if (slice.entry) removeExisting(temporary);
					reply({ type: 'slice', id: slice.id, writtenBytes: 0, failure: failureOf(target, error) });
				}
			}
			return;
		case 'finish': {
			const target = Buffer.from(request.target);
			try {
				timedWrite(() => fs.truncateSync(Buffer.from(request.temporary), request.entry.sizeBytes));
				finish(target, Buffer.from(request.temporary), request.entry);
				reply({ type: 'finished', id: request.id, failure: null });
			} catch (error) {
				removeExisting(Buffer.from(request.temporary));
				reply({ type: 'finished', id: request.id, failure: failureOf(target, error) });
			}
			return;
		}
		case 'chunks':
			return readChunks(request);
		case 'blocks':
			return writeBlocks(request);
	}
}

async function readChunks({ id, hashes }: Extract<RestoreRequest, { type: 'chunks' }>): Promise<void> {
	const failures: { index: number; message: string; isUnreadable: boolean }[] = [];
	const before = reader.readBytes;
	for (let index = 0; index < hashes.byteLength / hashBytes; index++) {
		const hash = hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
		try {
			if (!isZeroHash(hash)) await readChunk(hash);
		} catch (error) {
			if (!isEngineError(error)) throw error;
			failures.push({ index, message: error.message, isUnreadable: error.code !== 'repository.damaged' });
		}
	}
	reply({ type: 'chunks', id, readBytes: reader.readBytes - before, failures });
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

async function writeBlocks({ target, offsets, lengths, hashes }: Extract<RestoreRequest, { type: 'blocks' }>): Promise<void> {
	const writer = diskWriterFor(target);
	const before = reader.readBytes;
	let writtenBytes = 0;
	let failure: ErrorShape | null = null;
	try {
		for (const [i, offset] of offsets.entries()) {
			const block = await readChunk(hashes.subarray(i * hashBytes, (i + 1) * hashBytes));
			if (block.byteLength !== lengths[i]) throw new EngineError('repository.damaged', `What is stored of byte ${offset} of the disk has the wrong length.`);
			timedWrite(() => writer.write(offset, block));
			writtenBytes += block.byteLength;
		}
	} catch (error) {
		if (!isEngineError(error)) throw error;
		failure = error.shape;
	}
	reply({ type: 'blocks', writtenBytes, readBytes: reader.readBytes - before, failure });
}

let last: Promise<void> = Promise.resolve();
port.on('message', (request: RestoreRequest) => {
	// one after the other: the cache of records serves neighbours best
	last = last.then(() => serve(request)).then(() => reply({ type: 'idle', times: timesNow() }));
});
threadHasLoaded();
