import { EngineError } from '../base/index.ts';
import { blockCount, blocksPerSegment, hashBytes, isZeroHash, maxChunkBytes, zeroHash } from '../format/index.ts';
import { BlankCursor, type BlockRun, planBlockRuns } from '../source/index.ts';
import type { Pipe } from './pipe.ts';
import type { MutableCounters, TaskObserver } from './task.ts';

/** Blocks that a worker is given at a time. */
const runBytes = 8 * 1024 * 1024;

type Extent = { readonly offsetBytes: number; readonly lengthBytes: number };

/** Names of segments, and of the blocks of those segments in which something is read. */
export type BlocksBefore = { readonly segments: readonly Uint8Array[]; readonly blocks: ReadonlyMap<number, Uint8Array> };

export type BlockReading = {
	readonly pipe: Pipe;
	/** Where it is read, and what it is for people. */
	readonly path: string;
	readonly title: string;
	readonly sizeBytes: number;
	readonly blockSizeBytes: number;
	/** What is read, ascending. All else is as in the segments before, or zeros. */
	readonly extents: readonly Extent[];
	/** What of that is taken for zeros, ascending. */
	readonly blank: readonly Extent[];
	/** What can be taken over; null: nothing. */
	readonly before: BlocksBefore | null;
	/** Keeps the names of the blocks of a segment, of which not all are zeros, and names it. */
	readonly store: (hashes: Uint8Array, segment: number) => Uint8Array;
	readonly counters: MutableCounters;
	readonly observer: TaskObserver;
};

/**
 * Reads blocks through the pipe; those that the chain holds are recognised by their names. Few segments are held at a time, whatever the disk measures.
 * @returns the names of all segments; the zero hash for one of nothing but zeros
 * @throws `source.*`, `repository.*`
 */
export async function readBlocks(reading: BlockReading): Promise<readonly Uint8Array[]> {
	const { pipe, path, title, sizeBytes, blockSizeBytes, extents, blank, before, store, counters, observer } = reading;
	const runs = [...planBlockRuns(extents, blockSizeBytes, Math.max(1, runBytes / blockSizeBytes))];
	const blocks = blockCount({ sizeBytes, blockSizeBytes });
	if ((blocks / blocksPerSegment) * hashBytes > maxChunkBytes / 2)
		throw new EngineError('source.unsupported', `${title} is too large for blocks of ${blockSizeBytes} bytes.`, {
			hint: 'Choose a larger block size for the job.',
		});
	const bytesOf = (block: number): number => Math.min(blockSizeBytes, sizeBytes - block * blockSizeBytes);
	const segments = Array.from({ length: Math.ceil(blocks / blocksPerSegment) }, (_, index) => before?.segments[index] ?? zeroHash);
	const { missing, listedBytes } = countMissing(runs, segments.length, bytesOf);
	let open = missing.filter((count) => count > 0).length;
	counters.doneBytes += sizeBytes - listedBytes; // what is not read is known
	observer.counters({ ...counters });

	const begun = new Map<number, Uint8Array>();
	const finished = Promise.withResolvers<void>();
	if (open === 0) finished.resolve();
	pipe.client = {
		onBlocks(firstBlock, hashes) {
			for (let i = 0; i < hashes.byteLength / hashBytes; i++) {
				const block = firstBlock + i;
				const segment = Math.floor(block / blocksPerSegment);
				const names =
					begun.get(segment) ?? before?.blocks.get(segment) ?? new Uint8Array(Math.min(blocksPerSegment, blocks - segment * blocksPerSegment) * hashBytes);
				begun.set(segment, names);
				names.set(hashes.subarray(i * hashBytes, (i + 1) * hashBytes), (block % blocksPerSegment) * hashBytes);
				counters.readBytes += bytesOf(block);
				counters.doneBytes += bytesOf(block);
				missing[segment] = (missing[segment] as number) - 1;
				if (missing[segment] !== 0) continue;
				begun.delete(segment);
				segments[segment] = isAllZero(names) ? zeroHash : store(names, segment);
				if (--open === 0) finished.resolve();
			}
			observer.counters({ ...counters });
		},
	};
	const blanks = new BlankCursor(blank);
	for (const run of runs) {
		await pipe.room();
		observer.activity(title);
		const from = run.firstBlock * blockSizeBytes;
		pipe.give({ type: 'blocks', path, ...run, sizeBytes, blockSizeBytes, blank: blanks.within(from, from + run.blockCount * blockSizeBytes) });
	}
	await pipe.orFailure(finished.promise);
	return segments;
}

/** Blocks that each segment waits for. */
function countMissing(runs: readonly BlockRun[], segmentCount: number, bytesOf: (block: number) => number): { missing: Uint16Array; listedBytes: number } {
	const missing = new Uint16Array(segmentCount);
	let listedBytes = 0;
	for (const { firstBlock, blockCount: count } of runs)
		for (let block = firstBlock; block < firstBlock + count; block++) {
			const segment = Math.floor(block / blocksPerSegment);
			missing[segment] = (missing[segment] as number) + 1;
			listedBytes += bytesOf(block);
		}
	return { missing, listedBytes };
}

function isAllZero(hashes: Uint8Array): boolean {
	for (let at = 0; at < hashes.byteLength; at += hashBytes) if (!isZeroHash(hashes.subarray(at, at + hashBytes))) return false;
	return true;
}
