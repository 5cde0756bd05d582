import { fingerprintBytes, hashBytes, isZeroHash } from './chunk.ts';
import { ByteReader, ByteWriter, damaged } from './cursor.ts';

/**
 * A disk is a map of blocks of one size. Map segments are chunks of up to 1,024 block hashes; the root, a chunk too, lists them.
 * A block or a segment that is all zero has the zero hash and takes no room.
 * In an encrypted chain a segment also holds a fingerprint of each block, which costs a tenth of its hash: so a disk that must be read again is compared at the speed of reading.
 *
 * ```
 * root:    varint size of the disk · varint block size · segment hashes, 32 bytes each
 * segment: block hashes, 32 bytes each · in an encrypted chain, fingerprints of the blocks, 16 bytes each
 * ```
 */
export const blocksPerSegment = 1024;
const blockSizes = [262_144, 524_288, 1_048_576, 4_194_304];
const maxDiskBytes = 2 ** 50;

export type DiskMapRoot = { readonly sizeBytes: number; readonly blockSizeBytes: number; readonly segments: readonly Uint8Array[] };

/** Blocks one after the other, as a segment of a map names them. */
export type BlockNames = {
	/** 32 bytes each; the zero hash for a block of zeros. */
	readonly hashes: Uint8Array;
	/** 16 bytes each; zeros where there is none, as for a block of zeros. Null in a chain that is not encrypted. */
	readonly fingerprints: Uint8Array | null;
};

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

/** How many blocks a segment holds: the last one may hold fewer than others. */
export const blocksInSegment = (shape: { readonly sizeBytes: number; readonly blockSizeBytes: number }, index: number): number =>
	Math.min(blocksPerSegment, blockCount(shape) - index * blocksPerSegment);

/** Of blocks that are all zero. */
export const zeroBlocks = (count: number, { isFingerprinted }: { readonly isFingerprinted: boolean }): BlockNames => ({
	hashes: new Uint8Array(count * hashBytes),
	fingerprints: isFingerprinted ? new Uint8Array(count * fingerprintBytes) : null,
});

export const encodeMapSegment = ({ hashes, fingerprints }: BlockNames): Uint8Array => (fingerprints ? Buffer.concat([hashes, fingerprints]) : hashes);

/** The names are views into `bytes`. @param blocks how many the segment must hold @throws `repository.damaged` */
export function parseMapSegment(bytes: Uint8Array, blocks: number, where: string): BlockNames {
	const hashesEnd = blocks * hashBytes;
	const end = hashesEnd + blocks * fingerprintBytes;
	if (bytes.byteLength !== hashesEnd && bytes.byteLength !== end) throw damaged(where, 0, 'a segment of the map of a disk has a wrong length');
	return { hashes: bytes.subarray(0, hashesEnd), fingerprints: bytes.byteLength === end ? bytes.subarray(hashesEnd) : null };
}

/** The hashes of blocks that are not all zero. They are views. */
export function* storedBlocks({ hashes }: Pick<BlockNames, 'hashes'>): Generator<Uint8Array> {
	for (let at = 0; at < hashes.byteLength; at += hashBytes) {
		const hash = hashes.subarray(at, at + hashBytes);
		if (!isZeroHash(hash)) yield hash;
	}
}
