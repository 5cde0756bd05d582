import { EngineError } from '../base/index.ts';
import {
	type BlockNames,
	blockCount,
	blocksInSegment,
	blocksPerSegment,
	fingerprintBytes,
	hashBytes,
	maxChunkBytes,
	storedBlocks,
	zeroBlocks,
	zeroHash,
} from '../format/index.ts';
import { BlankCursor, type BlockRun, planBlockRuns } from '../source/index.ts';
import type { Pipe } from './pipe.ts';
import type { MutableCounters, TaskObserver } from './task.ts';

/** Blocks that a worker is given at a time. */
const runBytes = 8 * 1024 * 1024;

type Extent = { readonly offsetBytes: number; readonly lengthBytes: number };

/** Names of segments, and of the blocks of those segments in which something is read. */
export type BlocksBefore = { readonly segments: readonly Uint8Array[]; readonly blocks: ReadonlyMap<number, BlockNames> };

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
	/** Gives what the blocks of a segment were at the point before, to recognise those that still are; null where that is not known. */
	readonly compare: ((segment: number) => Promise<BlockNames | null>) | null;
	/** Whether blocks get fingerprints, to be recognised by next time. Only in an encrypted chain. */
	readonly isFingerprinted: boolean;
	/** Keeps the names of the blocks of a segment, of which not all are zeros, and names it. */
	readonly store: (names: BlockNames, segment: number) => Uint8Array;
	readonly counters: MutableCounters;
	readonly observer: TaskObserver;
};

/**
 * Reads blocks through the pipe; those that the chain holds are recognised by their fingerprints or names. Few segments are held at a time, whatever the disk measures.
 * @returns the names of all segments; the zero hash for one of nothing but zeros
 * @throws `source.*`, `repository.*`
 */
export async function readBlocks(reading: BlockReading): Promise<readonly Uint8Array[]> {
	const { pipe, path, title, sizeBytes, blockSizeBytes, extents, blank, before, isFingerprinted, store, counters, observer } = reading;
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

	const begun = new Map<number, BlockNames>();
	const finished = Promise.withResolvers<void>();
	if (open === 0) finished.resolve();
	pipe.client = {
		onBlocks(firstBlock, found) {
			for (let i = 0; i < found.hashes.byteLength / hashBytes; i++) {
				const block = firstBlock + i;
				const segment = Math.floor(block / blocksPerSegment);
				const names = begun.get(segment) ?? before?.blocks.get(segment) ?? zeroBlocks(blocksInSegment(reading, segment), reading);
				begun.set(segment, names);
				takeOver(found, i, names, block % blocksPerSegment);
				counters.readBytes += bytesOf(block);
				counters.doneBytes += bytesOf(block);
				missing[segment] = (missing[segment] as number) - 1;
				if (missing[segment] !== 0) continue;
				begun.delete(segment);
				segments[segment] = storedBlocks(names).next().done ? zeroHash : store(names, segment);
				if (--open === 0) finished.resolve();
			}
			observer.counters({ ...counters });
		},
	};
	const blanks = new BlankCursor(blank);
	const compared = new Compared(reading.compare);
	for (const run of runs) {
		await pipe.room();
		observer.activity(title);
		const from = run.firstBlock * blockSizeBytes;
		const end = from + run.blockCount * blockSizeBytes;
		const [zeros, known] = [blanks.within(from, end), await compared.blocks(run)];
		pipe.give({ type: 'blocks', path, ...run, sizeBytes, blockSizeBytes, blank: zeros, isFingerprinted, before: known });
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

function takeOver(from: BlockNames, number: number, to: BlockNames, at: number): void {
	to.hashes.set(from.hashes.subarray(number * hashBytes, (number + 1) * hashBytes), at * hashBytes);
	const fingerprint = from.fingerprints?.subarray(number * fingerprintBytes, (number + 1) * fingerprintBytes);
	if (fingerprint) to.fingerprints?.set(fingerprint, at * fingerprintBytes);
}

/** What workers compare blocks with: of one segment at a time, since runs ascend and none reaches into a second one. */
class Compared {
	readonly #read: BlockReading['compare'];
	#segment = -1;
	#names: BlockNames | null = null;

	constructor(read: BlockReading['compare']) {
		this.#read = read;
	}

	async blocks({ firstBlock, blockCount: count }: BlockRun): Promise<BlockNames | null> {
		const segment = Math.floor(firstBlock / blocksPerSegment);
		if (this.#read && segment !== this.#segment) this.#names = await this.#read(segment);
		this.#segment = segment;
		if (!this.#names?.fingerprints) return null;
		const { hashes, fingerprints } = this.#names;
		const first = firstBlock % blocksPerSegment;
		const end = first + count;
		// pieces of their own: a thread would be sent all that lies behind a view
		return { hashes: hashes.slice(first * hashBytes, end * hashBytes), fingerprints: fingerprints.slice(first * fingerprintBytes, end * fingerprintBytes) };
	}
}
