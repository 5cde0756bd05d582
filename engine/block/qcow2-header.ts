import { damaged, unsupportedImage } from './source-error.ts';

/** What a reader needs of a qcow2 header (QEMU's docs/interop/qcow2.txt). Pure: bytes in, values or an `EngineError` out. */
export type Qcow2Header = {
	readonly version: 2 | 3;
	readonly clusterBits: number;
	readonly sizeBytes: number;
	readonly l1Offset: number;
	/** Entries of 16 bytes, with a bitmap for 32 subclusters. */
	readonly hasSubclusters: boolean;
	/** Entries that the size of the disk needs; the table may be longer. */
	readonly l1Count: number;
	readonly compression: 'deflate' | 'zstd';
	/** As the image names it; null without one. */
	readonly backing: { readonly name: Buffer; readonly format: string | null } | null;
};

export const qcow2Magic = 0x5146_49fb; // "QFI\xfb"

const minHeaderBytes = 72;
const maxL1Bytes = 32 * 1024 * 1024; // QEMU refuses more, too
const maxBackingNameBytes = 1023;
const backingFormatExtension = 0xe279_2aca;
const fullDiskEncryptionHint = 'Decrypt it with "qemu-img convert", or protect the machine from inside.';
const convertHint = 'Convert it with "qemu-img convert -O qcow2".';

// Incompatible features: a reader that does not know one of them must not touch the image
const featureDirty = 0; // reference counts may be wrong; they are not needed for reading
const featureCorrupt = 1;
const featureDataFile = 2;
const featureCompression = 3;
const featureExtendedL2 = 4;

/**
 * `head` is the beginning of the file: at least one cluster, or all of a smaller file. Every offset in the result is a safe integer;
 * whether it lies in the file is for the reader to check.
 */
export function parseQcow2Header(path: string, head: Buffer): Qcow2Header {
	if (head.length < minHeaderBytes) throw damaged(path, `its header ends after ${head.length} bytes`);
	const version = head.readUInt32BE(4);
	if (version === 1) throw unsupportedImage(path, 'it is an image of the first qcow format', convertHint);
	if (version !== 2 && version !== 3) throw unsupportedImage(path, `version ${version} of the qcow2 format is not known`, convertHint);
	if (head.readUInt32BE(32) !== 0) throw unsupportedImage(path, 'it is encrypted', fullDiskEncryptionHint);

	const clusterBits = head.readUInt32BE(20);
	if (clusterBits < 9 || clusterBits > 21) throw damaged(path, `clusters of 2^${clusterBits} bytes do not exist`);
	const clusterSize = 2 ** clusterBits;
	const headerLength = version === 3 ? readV3Length(path, head) : minHeaderBytes;
	const features = version === 3 ? head.readBigUInt64BE(72) : 0n;
	checkFeatures(path, features);

	const sizeBytes = readOffset(path, head, 24, 'size');
	const hasSubclusters = (features >> BigInt(featureExtendedL2)) % 2n === 1n;
	if (hasSubclusters && clusterBits < 14) throw damaged(path, `clusters of 2^${clusterBits} bytes are too small for subclusters`);
	const l1Count = Math.ceil(sizeBytes / clusterSize / (clusterSize / (hasSubclusters ? 16 : 8)));
	const l1Offset = readOffset(path, head, 40, 'L1 table');
	if (head.readUInt32BE(36) < l1Count) throw damaged(path, 'its L1 table is too short for its size');
	if (l1Count * 8 > maxL1Bytes) throw unsupportedImage(path, `its L1 table has ${l1Count} entries`, 'Convert it with larger clusters.');
	if (l1Offset % clusterSize !== 0) throw damaged(path, 'its L1 table is not aligned');

	return {
		version,
		clusterBits,
		hasSubclusters,
		sizeBytes,
		l1Offset,
		l1Count,
		compression: readCompression(path, head, features, headerLength),
		backing: readBacking(path, head, { headerLength, clusterSize }),
	};
}

function readV3Length(path: string, head: Buffer): number {
	const length = head.length < 104 ? 0 : head.readUInt32BE(100);
	if (length < 104 || length % 8 !== 0 || length > head.length) throw damaged(path, `its header cannot have ${length} bytes`);
	return length;
}

function checkFeatures(path: string, features: bigint): void {
	const has = (bit: number): boolean => (features & (1n << BigInt(bit))) !== 0n;
	if (has(featureCorrupt)) throw damaged(path, 'QEMU has marked it as corrupt');
	if (has(featureDataFile)) throw unsupportedImage(path, 'its data lies in an external data file', convertHint);
	const unknown = [featureDirty, featureCompression, featureExtendedL2].reduce((rest, bit) => rest & ~(1n << BigInt(bit)), features);
	if (unknown !== 0n) throw unsupportedImage(path, `it uses features that are not known (0x${unknown.toString(16)})`, convertHint);
}

function readCompression(path: string, head: Buffer, features: bigint, headerLength: number): 'deflate' | 'zstd' {
	const type = headerLength > 104 ? head.readUInt8(104) : 0;
	if ((type !== 0) !== ((features >> BigInt(featureCompression)) % 2n === 1n)) throw damaged(path, 'its header contradicts itself about compression');
	if (type > 1) throw unsupportedImage(path, `compression method ${type} is not known`, convertHint);
	return type === 1 ? 'zstd' : 'deflate';
}

function readBacking(path: string, head: Buffer, { headerLength, clusterSize }: { headerLength: number; clusterSize: number }): Qcow2Header['backing'] {
	const offset = readOffset(path, head, 8, 'backing file name');
	if (offset === 0) return null;
	const length = head.readUInt32BE(16);
	if (length === 0) return null;
	if (length > maxBackingNameBytes || offset < headerLength || offset + length > Math.min(clusterSize, head.length))
		throw damaged(path, 'the name of its backing file is out of place');
	// Header extensions lie between the header and the name
	for (let at = headerLength; at + 8 <= offset; ) {
		const type = head.readUInt32BE(at);
		const size = head.readUInt32BE(at + 4);
		if (type === 0) break;
		if (size > offset - at - 8) throw damaged(path, 'a header extension is too long');
		if (type === backingFormatExtension) return { name: head.subarray(offset, offset + length), format: head.toString('latin1', at + 8, at + 8 + size) };
		at += 8 + Math.ceil(size / 8) * 8;
	}
	return { name: head.subarray(offset, offset + length), format: null };
}

function readOffset(path: string, head: Buffer, at: number, what: string): number {
	const value = head.readBigUInt64BE(at);
	if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(path, `its ${what} has an impossible value`);
	return Number(value);
}
