import { EngineError, isEngineError } from '../base/index.ts';
import { blockCount, blocksPerSegment, type DiskMapRoot, hashBytes, isZeroHash, parseDiskMap } from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import type { ChangeTracker } from '../source/index.ts';

type Extent = { readonly offsetBytes: number; readonly lengthBytes: number };

/** The map of the point before, to be taken over where nothing has changed. */
export type Unchanged = {
	readonly map: DiskMapRoot;
	readonly changed: readonly Extent[];
	/** The names of the blocks of segments in which something has changed. */
	readonly segments: ReadonlyMap<number, Uint8Array>;
};

export type TrackedDisk = {
	readonly tracker: ChangeTracker;
	readonly sizeBytes: number;
	readonly blockSizeBytes: number;
	/** What was kept with the point before; null: nothing. */
	readonly previous: { readonly root: Uint8Array; readonly stamp: string | null; readonly reader: ChunkReader } | null;
};

const prefix = 'changes:';

/** What is kept with a point of a disk whose changes are tracked. */
export const trackedStamp = (token: string | null): string | null => (token === null ? null : prefix + token);

/**
 * What of the point before can be taken over.
 * @returns the reason why nothing can be; empty where there is no point before
 * @throws `source.*`, `repository.io`
 */
export async function findUnchanged({ tracker, sizeBytes, blockSizeBytes, previous }: TrackedDisk): Promise<Unchanged | string> {
	if (previous === null) return '';
	if (previous.stamp === null || !previous.stamp.startsWith(prefix)) return 'All of the disk was read: its changes were not tracked at the point before.';
	const found = tracker.changedSince(previous.stamp.slice(prefix.length));
	if (!found.isKnown) return `All of the disk was read. ${found.reason}`;
	try {
		const map = parseDiskMap(await previous.reader.readChunk(previous.root), 'the disk map of the point before');
		if (map.sizeBytes !== sizeBytes || map.blockSizeBytes !== blockSizeBytes)
			return 'All of the disk was read: its size or that of its blocks is another one than before.';
		const segments = new Map<number, Uint8Array>();
		for (const index of segmentsOf(found.extents, blockSizeBytes)) segments.set(index, await readSegment(map, index, previous.reader));
		return { map, changed: found.extents, segments };
	} catch (error) {
		if (!isEngineError(error, 'repository.damaged')) throw error;
		return 'All of the disk was read: the map of the point before is damaged.';
	}
}

/** Numbers of the segments in which ascending extents lie, each once. */
export function* segmentsOf(extents: readonly Extent[], blockSizeBytes: number): Generator<number> {
	const segmentBytes = blockSizeBytes * blocksPerSegment;
	let next = 0;
	for (const { offsetBytes, lengthBytes } of extents) {
		const last = Math.floor((offsetBytes + lengthBytes - 1) / segmentBytes);
		for (next = Math.max(next, Math.floor(offsetBytes / segmentBytes)); next <= last; next++) yield next;
	}
}

async function readSegment(map: DiskMapRoot, index: number, reader: ChunkReader): Promise<Uint8Array> {
	const length = Math.min(blocksPerSegment, blockCount(map) - index * blocksPerSegment) * hashBytes;
	const hash = map.segments[index] as Uint8Array;
	const segment = isZeroHash(hash) ? new Uint8Array(length) : Uint8Array.from(await reader.readChunk(hash));
	if (segment.byteLength !== length)
		throw new EngineError('repository.damaged', `A segment of the map of a disk has ${segment.byteLength} bytes instead of ${length}.`);
	return segment;
}
