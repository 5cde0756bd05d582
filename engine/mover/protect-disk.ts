import * as fs from 'node:fs';
import { bytesFromText, isEngineError, textFromBytes } from '../base/index.ts';
import { findBlank, NbdSource, openBlockSource } from '../block/index.ts';
import { type BlockNames, encodeDiskMap, encodeMapSegment } from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import { diskStamp, leaveOut, NbdChangeTracker, type Reading } from '../source/index.ts';
import { MapBefore } from './map-before.ts';
import type { Pipe } from './pipe.ts';
import { readBlocks } from './read-blocks.ts';
import type { MutableCounters, TaskObserver } from './task.ts';
import { findUnchanged, trackedStamp } from './tracked-blocks.ts';

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
 * Reads a disk by its allocated extents and stores its map. Blocks that are as at the point before are recognised by their fingerprints where the chain has
 * these, those that the chain holds elsewhere by their hash.
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
	if (!storeUnused && !tracker) {
		counters.leftOut = { deadBytes, swapBytes };
		for (const note of blank.notes) observer.info(note);
		if (deadBytes + swapBytes > 0) observer.info(`${deadBytes} bytes that its file systems mark free and ${swapBytes} bytes of swap are left out.`);
	}
	counters.totalBytes = sizeBytes;
	counters.totalItems = 1;
	const segments = await readBlocks({
		...{ pipe, path, title: original, sizeBytes, blockSizeBytes, extents, blank: blank.extents, before: unchanged, counters, observer },
		compare: previous && !unchanged && pipe.isEncrypted ? await compareWith(previous, { sizeBytes, blockSizeBytes }) : null,
		isFingerprinted: pipe.isEncrypted,
		store: (names) => pipe.store(encodeMapSegment(names)),
	});
	counters.doneItems = 1;
	const root = pipe.store(encodeDiskMap({ sizeBytes, blockSizeBytes, segments }));
	return { root, stamp: stamp !== null && stamp === stampNow() ? stamp : null, reason: unchanged === null ? (tracked as string) : '' };
}

/** What blocks are compared with. What of the point before is damaged, or another disk, is not: then they are named. */
async function compareWith(
	{ root, reader }: NonNullable<DiskProtection['previous']>,
	shape: { readonly sizeBytes: number; readonly blockSizeBytes: number },
): Promise<((segment: number) => Promise<BlockNames | null>) | null> {
	const map = await unlessDamaged(MapBefore.open(root, reader, shape));
	return map && ((segment) => unlessDamaged(map.readSegment(segment)));
}

async function unlessDamaged<T>(reading: Promise<T>): Promise<T | null> {
	try {
		return await reading;
	} catch (error) {
		if (isEngineError(error, 'repository.damaged')) return null;
		throw error;
	}
}

/** A point that leaves unused blocks out is no base for one that stores them, nor the other way round, however unchanged the disk is. */
const markedStamp = (stamp: string | null, storeUnused: boolean): string | null => (stamp === null || storeUnused ? stamp : `${stamp}:used`);
