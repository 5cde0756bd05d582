import { isEngineError } from '../../base/index.ts';
import type { BlockExtent, BlockSource } from '../block-source.ts';
import { BlankList } from './blank-list.ts';
import { findFreeExtBlocks, recognisesExt } from './ext4.ts';
import { findSwapPages, recognisesSwap } from './linux-swap.ts';
import { findFreeNtfsClusters, recognisesNtfs } from './ntfs.ts';
import { readPartitions } from './partitions.ts';
import { Doubt, Region, sure } from './region.ts';
import { findFreeXfsBlocks, recognisesXfs } from './xfs.ts';

export type BlankKind = 'dead' | 'swap';
export type BlankExtent = BlockExtent & { readonly kind: BlankKind };

export type Blank = {
	/** What need not be stored: ascending, apart from each other, a few hundred thousand at most. */
	readonly extents: readonly BlankExtent[];
	/** Why a region that looks like a file system counts as used all the same. */
	readonly notes: readonly string[];
};

/** Of one kind on one disk: shared out among its regions. */
const maxExtents = 262_144;

type Reader = { readonly recognises: (region: Region) => boolean; readonly find: (region: Region, dead: BlankList, swap: BlankList) => void };

const readers: readonly Reader[] = [
	{ recognises: recognisesExt, find: findFreeExtBlocks },
	{ recognises: recognisesXfs, find: findFreeXfsBlocks },
	{ recognises: recognisesNtfs, find: findFreeNtfsClusters },
	{ recognises: recognisesSwap, find: (region, _, swap) => findSwapPages(region, swap) },
];

/**
 * Finds what the file systems on a disk mark free, and what only held memory that was swapped out. Whatever is unknown, damaged, in use or contradicts
 * itself counts as used. Never throws for what the disk says, or for parts of it that cannot be read.
 */
export function findBlank(source: BlockSource): Blank {
	const notes: string[] = [];
	const disk = new Region(source, { name: 'the disk', offsetBytes: 0, sizeBytes: source.sizeBytes });
	const partitions = orDoubt(disk, notes, () => {
		const found = readPartitions(disk);
		sure(found.length === 0 || !readers.some(({ recognises }) => recognises(disk)), 'it has both a partition table and a file system');
		return found;
	});
	if (!partitions) return { extents: [], notes };
	const regions = partitions.length === 0 ? [disk] : partitions.map((partition) => new Region(source, partition));
	const maxCount = Math.ceil(maxExtents / regions.length);
	return { extents: regions.flatMap((region) => orDoubt(region, notes, () => findInRegion(region, maxCount)) ?? []), notes };
}

function findInRegion(region: Region, maxCount: number): BlankExtent[] {
	const able = readers.filter(({ recognises }) => recognises(region));
	sure(able.length <= 1, 'it looks like several file systems at once');
	const [reader] = able;
	if (!reader) return [];
	const dead = new BlankList(maxCount);
	const swap = new BlankList(maxCount);
	reader.find(region, dead, swap);
	const of = (list: BlankList, kind: BlankKind): BlankExtent[] => list.toExtents(region.offsetBytes).map((extent) => ({ ...extent, kind }));
	const extents = [...of(dead, 'dead'), ...of(swap, 'swap')].sort((a, b) => a.offsetBytes - b.offsetBytes);
	for (const [i, { offsetBytes }] of extents.entries()) {
		const before = extents[i - 1];
		sure(!before || before.offsetBytes + before.lengthBytes <= offsetBytes, 'it says that used blocks are free');
	}
	return extents;
}

function orDoubt<T>({ name }: Region, notes: string[], find: () => T): T | null {
	try {
		return find();
	} catch (error) {
		if (error instanceof Doubt) notes.push(`All of ${name} is stored: ${error.message}.`);
		else if (error instanceof RangeError) notes.push(`All of ${name} is stored: its tables end too early.`);
		else if (isEngineError(error) && error.code.startsWith('source.')) notes.push(`All of ${name} is stored: its tables cannot be read (${error.message})`);
		else throw error;
		return null;
	}
}
