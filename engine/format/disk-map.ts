import { hashBytes } from './chunk.ts';
import { ByteReader, ByteWriter } from './cursor.ts';

/**
 * A disk is a map of blocks of one size. Map segments are chunks of up to 1,024 block hashes; the root, a chunk too, lists them.
 * A block or a segment that is all zero has the zero hash and takes no room.
 *
 * ```
 * root: varint size of the disk · varint block size · segment hashes, 32 bytes each
 * ```
 */
export const blocksPerSegment = 1024;
const blockSizes = [262_144, 524_288, 1_048_576, 4_194_304];
const maxDiskBytes = 2 ** 50;

export type DiskMapRoot = { readonly sizeBytes: number; readonly blockSizeBytes: number; readonly segments: readonly Uint8Array[] };

export const blockCount = (root: { readonly sizeBytes: number; readonly blockSizeBytes: number }): number => Math.ceil(root.sizeBytes / root.blockSizeBytes);

export function encodeDiskMap(root: DiskMapRoot): Uint8Array {
	const writer = new ByteWriter(32 + root.segments.length * hashBytes);
	writer.varint(root.sizeBytes);
	writer.varint(root.blockSizeBytes);
	for (const segment of root.segments) writer.bytes(segment);
	return writer.copy();
}

/** @throws `repository.damaged` */
export function parseDiskMap(bytes: Uint8Array, where: string): DiskMapRoot {
	const reader = new ByteReader(bytes, where);
	const sizeBytes = reader.varint();
	const blockSizeBytes = reader.varint();
	if (sizeBytes > maxDiskBytes || !blockSizes.includes(blockSizeBytes)) reader.fail('a disk has an impossible size');
	const segmentCount = Math.ceil(blockCount({ sizeBytes, blockSizeBytes }) / blocksPerSegment);
	if (reader.remaining !== segmentCount * hashBytes) reader.fail('the map of a disk has not the length that its size demands');
	return { sizeBytes, blockSizeBytes, segments: Array.from({ length: segmentCount }, () => reader.take(hashBytes)) };
}
