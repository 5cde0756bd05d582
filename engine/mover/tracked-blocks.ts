import { isEngineError } from '../base/index.ts';
import { type BlockNames, blocksPerSegment } from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import type { ChangeTracker } from '../source/index.ts';
import { MapBefore } from './map-before.ts';
import type { BlocksBefore } from './read-blocks.ts';

type Extent = { readonly offsetBytes: number; readonly lengthBytes: number };

/** What can be taken over from the point before, and where the disk has changed since. */
export type Unchanged = BlocksBefore & { readonly changed: readonly Extent[] };

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
export async function findUnchanged({ tracker, previous, ...shape }: TrackedDisk): Promise<Unchanged | string> {
	if (previous === null) return '';
	if (previous.stamp === null || !previous.stamp.startsWith(prefix)) return 'All of the disk was read: its changes were not tracked at the point before.';
	const found = tracker.changedSince(previous.stamp.slice(prefix.length));
	if (!found.isKnown) return `All of the disk was read. ${found.reason}`;
	try {
		const map = await MapBefore.open(previous.root, previous.reader, shape);
		if (map === null) return 'All of the disk was read: its size or that of its blocks is another one than before.';
		const blocks = new Map<number, BlockNames>();
		for (const index of segmentsOf(found.extents, shape.blockSizeBytes)) blocks.set(index, await map.readSegment(index));
		return { segments: map.segments, blocks, changed: found.extents };
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
