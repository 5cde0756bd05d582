import type * as fs from 'node:fs';

/** A change within so short a time before reading may not have moved the times that a later one has. */
const settledNs = 2_000_000_000n;

/**
 * What a raw image file is known by: as with any file, the same inode, size and times mean the same content. (Devices have no such times, other formats
 * may lean on further files.) Null for one that was written to a moment before it was read, or before its snapshot.
 */
export function diskStamp({ dev, ino, size, mtimeNs, ctimeNs }: fs.BigIntStats, instantNs: bigint | null): string | null {
	if (ctimeNs + settledNs > (instantNs ?? BigInt(Date.now()) * 1_000_000n)) return null;
	return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
