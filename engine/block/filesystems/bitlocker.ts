import type { BlockSource } from '../block-source.ts';
import { readPartitions } from './partitions.ts';
import { Doubt, Region } from './region.ts';

/** Where NTFS has its name, in the boot sector. */
const recognisesBitLocker = (region: Region): boolean => region.has('-FVE-FS-', 3);

/** Which part of a disk BitLocker has encrypted, the first if there are several; null: none. @throws `source.*` when it cannot be read */
export function findBitLocker(source: BlockSource): string | null {
	const disk = new Region(source, { name: 'the disk', offsetBytes: 0, sizeBytes: source.sizeBytes });
	try {
		const regions = [disk, ...readPartitions(disk).map((partition) => new Region(source, partition))];
		return regions.find(recognisesBitLocker)?.name ?? null;
	} catch (error) {
		if (error instanceof Doubt || error instanceof RangeError) return null; // no table that Windows would start from
		throw error;
	}
}
