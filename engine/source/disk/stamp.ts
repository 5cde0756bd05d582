import * as fs from 'node:fs';
import { bytesFromText } from '../../base/index.ts';

/** A change within so short a time before reading may not have moved the times that a later one has. */
const settledNs = 2_000_000_000n;

/**
 * What a raw image file is known by: as with any file, the same inode, size and times mean the same content. Null for everything else (devices have
 * no such times, other formats may lean on further files), and for a file that was written to a moment ago.
 */
export function diskStamp(path: string, format: 'raw' | 'qcow2' | 'device' | 'nbd'): string | null {
	if (format !== 'raw') return null;
	const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(bytesFromText(path), { bigint: true });
	if (ctimeNs + settledNs > BigInt(Date.now()) * 1_000_000n) return null;
	return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
