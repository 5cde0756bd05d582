/**
 * The thread that does everything to a block: read, leave out zeros, name, look up, compress. It answers each request when its bytes
 * are packed or waiting in a group; `flush` packs the rest.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, isEngineError, isZero, systemErrorCode, threadHasLoaded } from '../base/index.ts';
import { type BlockSource, openBlockSource } from '../block/index.ts';
import {
	type BlockNames,
	ByteWriter,
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
import type { FileResult, FileWork, WorkerReply, WorkerRequest, WorkerSetup, WorkerTimes } from './protocol.ts';
import { Slots } from './slots.ts';

assert(parentPort, 'this file is a worker thread');
const port: MessagePort = parentPort;
const setup = workerData as WorkerSetup;
const platform = openPlatform();
const slots = new Slots(setup.slots);
const stop = new Int32Array(setup.stop);
const shouldStop = (): boolean => Atomics.load(stop, 0) !== 0;
let claims = new Claims(setup.claims);

const chunker = new Chunker(chunkSizes(setup.blockSizeBytes));
const maxChunk = Math.max(chunker.sizes.maximumBytes, setup.blockSizeBytes);
/** Holds a file's bytes while they are cut: at least two of the largest chunks, so that few bytes are moved to refill it. */
const window = Buffer.allocUnsafeSlow(maxChunk * 2);
const cipher = cipherOf(setup.keys);
const packer = new Packer(sealIntoSlot, cipher);
let inquiry: Inquiry | null = null;
/** Names a chunk, and packs it unless the chain has it or this run has taken it on. */
const keep = 'answers' in setup.known ? keepByAsking(setup.known.answers) : keepByIndexes(setup.known);

function keepByIndexes({ indexes, lost }: Extract<WorkerSetup['known'], { indexes: unknown }>): (chunk: Uint8Array) => Uint8Array {
	const known = indexes.map((buffer) => new FileIndex(buffer)).reverse();
	const lostChunks = lost && new FileIndex(lost);
	return (chunk) => packer.put(chunk, (hash) => (lostChunks?.has(hash) || !known.some((index) => index.has(hash))) && claims.claim(hash));
}

function keepByAsking(answers: AnswerMemory): (chunk: Uint8Array) => Uint8Array {
	const asking = new Inquiry({
		answers,
		cipher,
		largestChunkBytes: maxChunk,
		send: (hashes, area) => reply({ type: 'ask', hashes, area }),
		onUnknown: (hash, chunk) => {
			if (claims.claim(hash)) packer.add(hash, chunk);
		},
		shouldStop,
	});
	inquiry = asking;
	return (chunk) => asking.put(chunk);
}

const times = { readMs: 0, processMs: 0, waitMs: 0 };
const effort = new EffortControl(setup.effort);
/** Work until the record before. */
let workedBefore = 0;
const timesNow = (): WorkerTimes => ({ ...times });
/** Where the stopwatch last stood: every lap goes to one stage. */
let lapStart = performance.now();
function lap(stage: keyof typeof times | null): void {
	const now = performance.now();
	if (stage) times[stage] += now - lapStart;
	lapStart = now;
}

function sealIntoSlot(raw: Uint8Array, chunks: readonly PlacedChunk[]): void {
	lap('processMs');
	const waitedBefore = times.waitMs;
	const slot = slots.acquire(shouldStop);
	lap('waitMs');
	if (slot < 0) return; // stopping: the run will not be committed
	const { header, totalBytes } = sealRecord(slots.bytes(slot), 'chunks', raw, effort.level, cipher);
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
	lap('processMs');
	const workMs = times.readMs + times.processMs;
	effort.record(workMs - workedBefore, times.waitMs - waitedBefore);
	workedBefore = workMs;
}

function reply(message: WorkerReply): void {
	port.postMessage(message);
}

/** Cuts and packs one range of a file. @returns how many bytes were there */
function protectRange(file: SourceFile, offset: number, length: number, emit: (extent: Extent) => void): number {
	let from = 0;
	let to = 0;
	let readAt = offset;
	let isAtEnd = false;
	while (!shouldStop()) {
		if (!isAtEnd && to - from < maxChunk) {
			window.copyWithin(0, from, to);
			to -= from;
			from = 0;
			const wanted = Math.min(window.byteLength - to, offset + length - readAt);
			lap('processMs');
			const count = file.read(window.subarray(to, to + wanted), readAt);
			lap('readMs');
			readAt += count;
			to += count;
			isAtEnd = count < wanted || readAt === offset + length;
		}
		if (from === to) break;
		const end = from + chunker.next(window, from, to);
		const chunk = window.subarray(from, end);
		if (isZero(chunk)) emit({ kind: 'zero', lengthBytes: chunk.byteLength });
		else emit({ kind: 'data', lengthBytes: chunk.byteLength, hash: keep(chunk) });
		from = end;
	}
	return readAt - offset;
}

type Reading = {
	readonly extents: Uint8Array;
	readonly lengthBytes: number;
	readonly readBytes: number;
	readonly isStable: boolean;
	readonly isRacy: boolean;
	readonly mtimeNs: bigint;
	readonly ctimeNs: bigint;
};
const extentWriter = new ByteWriter();

function readOnce(path: Buffer, segment: FileWork['segment']): Reading {
	lap('processMs'); // of the file before
	using file = new SourceFile(path, platform);
	lap('readMs');
	extentWriter.reset();
	const start = segment?.offset ?? 0;
	const end = segment ? Math.max(start, Math.min(segment.offset + segment.length, file.sizeBytes)) : file.sizeBytes;
	let at = start;
	let readBytes = 0;
	// neighbouring zeros become one extent, whatever the chunker made of them
	let pending: { kind: 'hole' | 'zero'; lengthBytes: number } | null = null;
	const emit = (extent: Extent): void => {
		if (pending && extent.kind === pending.kind) pending.lengthBytes += extent.lengthBytes;
		else {
			if (pending) writeExtent(extentWriter, pending);
			pending = extent.kind === 'hole' || extent.kind === 'zero' ? { kind: extent.kind, lengthBytes: extent.lengthBytes } : null;
			if (!pending) writeExtent(extentWriter, extent);
		}
	};
	let isShort = false;
	for (const extent of file.dataExtents()) {
		const from = Math.max(extent.offset, start);
		const to = Math.min(extent.offset + extent.length, end);
		if (to <= from) continue;
		if (from > at) emit({ kind: 'hole', lengthBytes: from - at });
		const count = protectRange(file, from, to - from, emit);
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
	if (pending) writeExtent(extentWriter, pending);
	const { mtimeNs, ctimeNs } = file.stats;
	return { extents: extentWriter.copy(), lengthBytes: at - start, readBytes, isStable, isRacy: file.isRacy, mtimeNs, ctimeNs };
}

function protectFile({ id, path, segment }: FileWork): FileResult {
	try {
		const name = Buffer.from(path);
		let reading = readOnce(name, segment);
		if (!reading.isStable && !segment && !shouldStop()) reading = readOnce(name, segment);
		const { isStable, ...rest } = reading;
		return { id, ...rest, hasMoved: !isStable };
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === undefined) throw error;
		return { id, failure: { code, message: error instanceof Error ? error.message : code } };
	}
}

let disk: { readonly path: string; readonly source: BlockSource } | null = null;

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

/** Names a block. One that is as it was before is recognised by its fingerprint, which costs less. */
function nameBlock(block: Uint8Array, number: number, { hashes, fingerprints }: BlockNames, before: BlockNames | null): void {
	let known: Uint8Array | null = null;
	if (fingerprints && cipher) {
		const fingerprint = cipher.fingerprint(block);
		const at = number * fingerprintBytes;
		fingerprints.set(fingerprint, at);
		const isAsBefore = before?.fingerprints && sameHash(before.fingerprints.subarray(at, at + fingerprintBytes), fingerprint);
		if (isAsBefore) known = before.hashes.subarray(number * hashBytes, (number + 1) * hashBytes);
	}
	hashes.set(known ?? keep(block), number * hashBytes);
}

function protectBlocks(request: Extract<WorkerRequest, { type: 'blocks' }>): BlockNames {
	if (disk?.path !== request.path) {
		disk?.source.close();
		disk = { path: request.path, source: openBlockSource(request.path) };
	}
	const { blockSizeBytes } = request;
	const names = zeroBlocks(request.blockCount, request);
	let nextBlank = 0;
	for (let i = 0; i < request.blockCount && !shouldStop(); i++) {
		const offset = (request.firstBlock + i) * blockSizeBytes;
		const block = window.subarray(0, Math.min(blockSizeBytes, request.sizeBytes - offset));
		lap(null);
		const count = disk.source.readSync(block, offset);
		lap('readMs');
		if (count < block.byteLength) block.fill(0, count); // the image became shorter; what is missing reads as zeros
		nextBlank = blankOut(block, offset, request.blank, nextBlank);
		if (!isZero(block)) nameBlock(block, i, names, request.before);
		lap('processMs');
	}
	return names;
}

port.on('message', (request: WorkerRequest) => {
	lap(null);
	switch (request.type) {
		case 'files': {
			const results = request.files.filter(() => !shouldStop()).map(protectFile);
			lap('processMs');
			return reply({ type: 'files', results, times: timesNow() });
		}
		case 'blocks':
			try {
				const names = protectBlocks(request);
				return reply({ type: 'blocks', firstBlock: request.firstBlock, names, times: timesNow() });
			} catch (error) {
				if (isEngineError(error)) return reply({ type: 'blocks-failed', code: error.code, message: error.message, hint: error.hint });
				const code = systemErrorCode(error);
				if (code === undefined) throw error;
				return reply({
					type: 'blocks-failed',
					code: 'source.unreadable',
					message: `${request.path}: could not be read (${code}).`,
					hint: 'Check the disk that holds it.',
				});
			}
		case 'claims':
			claims = new Claims(request.claims);
			return;
		case 'flush':
			inquiry?.flush();
			packer.flush();
			return reply({ type: 'flushed', times: timesNow() });
	}
});
threadHasLoaded();
