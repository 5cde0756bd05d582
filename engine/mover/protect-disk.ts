import * as fs from 'node:fs';
import { bytesFromText, EngineError, textFromBytes } from '../base/index.ts';
import { findBlank, NbdSource, openBlockSource } from '../block/index.ts';
import { blockCount, blocksPerSegment, encodeDiskMap, hashBytes, isZeroHash, maxChunkBytes, zeroHash } from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import { BlankCursor, diskStamp, leaveOut, NbdChangeTracker, planBlockRuns, type Reading } from '../source/index.ts';
import type { Pipe } from './pipe.ts';
import type { MutableCounters, TaskObserver } from './task.ts';
import { findUnchanged, trackedStamp } from './tracked-blocks.ts';

/** Blocks that a worker is given at a time. */
const runBytes = 8 * 1024 * 1024;

export type DiskProtection = {
	readonly pipe: Pipe;
	readonly path: string;
	/** Where it is read. */
	readonly reading: Reading;
	readonly blockSizeBytes: number;
	/** The point before; null when the disk must be read whatever it looks like. */
	readonly previous: { readonly root: Uint8Array; readonly stamp: string | null; readonly reader: ChunkReader } | null;
	/** Also what its file systems mark free, and swap. */
	readonly storeUnused: boolean;
	readonly counters: MutableCounters;
	readonly observer: TaskObserver;
};

/**
 * Reads a disk by its allocated extents and stores its map. Blocks that the chain holds are recognised by their hash.
 * A raw image file that has not been written to since the point before is not read at all.
 * Of a disk whose changes are tracked only those are read.
 * @returns the hash of the map's root, what the disk can be recognised by next time, and why all of it was read although its changes are tracked (or nothing)
 * @throws `source.*`, `repository.*`
 */
export async function protectDisk({
	pipe,
	path: original,
	reading,
	blockSizeBytes,
	previous,
	storeUnused,
	counters,
	observer,
}: DiskProtection): Promise<{ root: Uint8Array; stamp: string | null; reason: string }> {
	const { at, view } = reading.place(bytesFromText(original));
	const path = textFromBytes(at);
	using source = openBlockSource(path);
	const { sizeBytes, format } = source;
	const tracker = source instanceof NbdSource && source.instant !== null ? new NbdChangeTracker(path, source) : null;
	const stampNow = (): string | null => {
		if (tracker) return trackedStamp(tracker.token());
		if (format !== 'raw') return null;
		const stats = reading.correct(fs.statSync(at, { bigint: true }), at, view);
		return markedStamp(diskStamp(stats, view?.instantNs ?? null), storeUnused);
	};
	const stamp = stampNow(); // before anything is looked at that a write could change
	if (previous && stamp !== null && stamp === previous.stamp) {
		Object.assign(counters, { totalBytes: sizeBytes, doneBytes: sizeBytes, totalItems: 1, doneItems: 1, unchangedItems: 1 });
		observer.info(`${original} has not been written to since the point before.`);
		return { root: previous.root, stamp, reason: '' };
	}
	const tracked = tracker ? await findUnchanged({ tracker, sizeBytes, blockSizeBytes, previous }) : '';
	const unchanged = typeof tracked === 'string' ? null : tracked;
	// What was left out once and is in use now need not have been written to in between: it would be missing
	const blank = storeUnused || tracker ? { extents: [], notes: [] } : findBlank(source);
	const { extents, deadBytes, swapBytes } = leaveOut(unchanged?.changed ?? source.extents(), blank.extents);
	const runs = [...planBlockRuns(extents, blockSizeBytes, Math.max(1, runBytes / blockSizeBytes))];
	const blocks = blockCount({ sizeBytes, blockSizeBytes });
	if ((blocks / blocksPerSegment) * hashBytes > maxChunkBytes / 2)
		throw new EngineError('source.unsupported', `${original} is too large for blocks of ${blockSizeBytes} bytes.`, {
			hint: 'Choose a larger block size for the job.',
		});
	const bytesOf = (block: number): number => Math.min(blockSizeBytes, sizeBytes - block * blockSizeBytes);
	const segmentCount = Math.ceil(blocks / blocksPerSegment);
	const segments = Array.from({ length: segmentCount }, (_, index) => unchanged?.map.segments[index] ?? zeroHash);
	/** Blocks that each segment still waits for, and the hashes of segments that have begun: few at a time, whatever the disk measures. */
	const missing = new Uint16Array(segmentCount);
	const begun = new Map<number, Uint8Array>();
	let listed = 0;
	for (const run of runs) {
		for (let block = run.firstBlock; block < run.firstBlock + run.blockCount; block++) {
			const segment = Math.floor(block / blocksPerSegment);
			missing[segment] = (missing[segment] as number) + 1;
			listed += bytesOf(block);
		}
	}
	let open = missing.filter((count) => count > 0).length;
	if (!storeUnused && !tracker) {
		counters.leftOut = { deadBytes, swapBytes };
		for (const note of blank.notes) observer.info(note);
		if (deadBytes + swapBytes > 0) observer.info(`${deadBytes} bytes that its file systems mark free and ${swapBytes} bytes of swap are left out.`);
	}
	counters.totalBytes = sizeBytes;
	counters.totalItems = 1;
	counters.doneBytes = sizeBytes - listed; // holes are known without reading
	observer.counters({ ...counters });

	const finished = Promise.withResolvers<void>();
	if (open === 0) finished.resolve();
	pipe.client = {
		onBlocks(firstBlock, hashes) {
			for (let i = 0; i < hashes.byteLength / hashBytes; i++) {
				const block = firstBlock + i;
				const segment = Math.floor(block / blocksPerSegment);
				const segmentHashes =
					begun.get(segment) ?? unchanged?.segments.get(segment) ?? new Uint8Array(Math.min(blocksPerSegment, blocks - segment * blocksPerSegment) * hashBytes);
				begun.set(segment, segmentHashes);
				segmentHashes.set(hashes.subarray(i * hashBytes, (i + 1) * hashBytes), (block % blocksPerSegment) * hashBytes);
				counters.readBytes += bytesOf(block);
				counters.doneBytes += bytesOf(block);
				missing[segment] = (missing[segment] as number) - 1;
				if (missing[segment] !== 0) continue;
				begun.delete(segment);
				segments[segment] = isAllZero(segmentHashes) ? zeroHash : pipe.store(segmentHashes);
				if (--open === 0) finished.resolve();
			}
			observer.counters({ ...counters });
		},
	};
	const blanks = new BlankCursor(blank.extents);
	for (const run of runs) {
		await pipe.room();
		observer.activity(original);
		const from = run.firstBlock * blockSizeBytes;
		pipe.give({ type: 'blocks', path, ...run, sizeBytes, blockSizeBytes, blank: blanks.within(from, from + run.blockCount * blockSizeBytes) });
	}
	await pipe.orFailure(finished.promise);
	counters.doneItems = 1;
	const root = pipe.store(encodeDiskMap({ sizeBytes, blockSizeBytes, segments }));
	return { root, stamp: stamp !== null && stamp === stampNow() ? stamp : null, reason: unchanged === null ? (tracked as string) : '' };
}

/** A point that leaves unused blocks out is no base for one that stores them, nor the other way round, however unchanged the disk is. */
const markedStamp = (stamp: string | null, storeUnused: boolean): string | null => (stamp === null || storeUnused ? stamp : `${stamp}:used`);

function isAllZero(hashes: Uint8Array): boolean {
	for (let at = 0; at < hashes.byteLength; at += hashBytes) if (!isZeroHash(hashes.subarray(at, at + hashBytes))) return false;
	return true;
}
