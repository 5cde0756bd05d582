import { constants, inflateRawSync, zstdDecompressSync } from 'node:zlib';

/**
 * One compressed cluster. `bytes` begins with it and may go on with others: the table only knows its length in sectors.
 * Null when it does not give exactly `clusterSize` bytes.
 */
export function decompressCluster(compression: 'deflate' | 'zstd', bytes: Buffer, clusterSize: number): Buffer | null {
	try {
		const result = compression === 'deflate' ? inflate(bytes, clusterSize) : unzstd(bytes, clusterSize);
		return result?.length === clusterSize ? result : null;
	} catch {
		return null; // the library's reason says nothing that helps an administrator
	}
}

/** QEMU uses a window of 4 KiB and tolerates a stream without an end once all output is there. */
const inflate = (bytes: Buffer, clusterSize: number): Buffer =>
	inflateRawSync(bytes, { windowBits: 12, maxOutputLength: clusterSize, finishFlush: constants.Z_SYNC_FLUSH });

function unzstd(bytes: Buffer, clusterSize: number): Buffer | null {
	const length = zstdFrameLength(bytes);
	if (length === null) return null;
	// A window four times the largest cluster: a hostile frame must not make the decoder reserve more
	return zstdDecompressSync(bytes.subarray(0, length), { maxOutputLength: clusterSize, params: { [constants.ZSTD_d_windowLogMax]: 23 } });
}

const zstdMagic = 0xfd2f_b528;
const dictionaryIdBytes = [0, 1, 2, 4] as const;
const contentSizeBytes = [0, 2, 4, 8] as const;

/** Length of the Zstandard frame that `bytes` begins with (RFC 8878, section 3.1.1); null if there is no whole one. */
export function zstdFrameLength(bytes: Buffer): number | null {
	if (bytes.length < 6 || bytes.readUInt32LE(0) !== zstdMagic) return null;
	const descriptor = bytes.readUInt8(4);
	const isSingleSegment = (descriptor & 0x20) !== 0;
	const contentSizeFlag = descriptor >> 6;
	const contentSize = contentSizeFlag === 0 && isSingleSegment ? 1 : (contentSizeBytes[contentSizeFlag] as number);
	let at = 5 + (isSingleSegment ? 0 : 1) + (dictionaryIdBytes[descriptor & 3] as number) + contentSize;
	for (let isLast = false; !isLast; ) {
		if (at + 3 > bytes.length) return null;
		const block = bytes.readUIntLE(at, 3);
		isLast = (block & 1) === 1;
		const type = (block >> 1) & 3;
		if (type === 3) return null;
		at += 3 + (type === 1 ? 1 : block >> 3); // a repeated byte is stored once
	}
	at += (descriptor & 0x04) !== 0 ? 4 : 0; // checksum
	return at <= bytes.length ? at : null;
}
