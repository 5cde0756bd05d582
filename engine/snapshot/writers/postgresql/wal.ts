/** Positions and segments of the write-ahead log (PostgreSQL, src/include/access/xlog_internal.h). */

/** What pg_backup_stop says of a backup, as far as WAL is concerned. */
export type WalRange = {
	/** Segment that holds the record where recovery begins, for instance 000000010000000000000002. */
	readonly firstSegment: string;
	/** Where the backup ended, for instance 0/3000100: all before it is needed. */
	readonly endPosition: string;
	readonly segmentBytes: number;
};

const segmentName = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;
const position = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;
const hex8 = (value: number | bigint): string => value.toString(16).toUpperCase().padStart(8, '0');
/** More than a backup's few seconds of even the busiest cluster: what asks for more is not a range, but damage. */
const maxSegments = 65_536n;

/**
 * Names of all segments that recovery reads, in order.
 * @throws RangeError when the two ends do not make a range
 */
export function segmentsOf({ firstSegment, endPosition, segmentBytes }: WalRange): string[] {
	const first = segmentName.exec(firstSegment);
	const end = position.exec(endPosition);
	if (!first || !end || !Number.isSafeInteger(segmentBytes) || segmentBytes < 1) throw new RangeError(`${firstSegment} to ${endPosition} is no range of WAL`);
	const perLog = 0x1_0000_0000n / BigInt(segmentBytes);
	const from = BigInt(`0x${first[2]}`) * perLog + BigInt(`0x${first[3]}`);
	// The end is where the next record would begin: at a border the segment before it is the last.
	const to = ((BigInt(`0x${end[1]}`) << 32n) + BigInt(`0x${end[2]}`) - 1n) / BigInt(segmentBytes);
	if (to < from || to - from >= maxSegments) throw new RangeError(`${firstSegment} to ${endPosition} is no range of WAL`);
	return Array.from({ length: Number(to - from) + 1 }, (_, i) => {
		const number = from + BigInt(i);
		return `${first[1]}${hex8(number / perLog)}${hex8(number % perLog)}`;
	});
}

/**
 * Whether the first page of a segment says that it is this one (XLogLongPageHeaderData: magic, info, timeline, page address). A segment that was
 * recycled has the right name and an older address.
 * @param page at least 16 bytes from the beginning of the file
 */
export function isSegment(page: Uint8Array, name: string, segmentBytes: number): boolean {
	const parts = segmentName.exec(name);
	if (!parts || page.length < 16) return false;
	const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
	const address = (BigInt(`0x${parts[2]}`) << 32n) + BigInt(`0x${parts[3]}`) * BigInt(segmentBytes);
	// in the byte order of the machine that the cluster runs on, which is the one that reads it
	return [true, false].some((littleEndian) => view.getBigUint64(8, littleEndian) === address);
}
