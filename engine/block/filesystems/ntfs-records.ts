import { exact, type Region, sure } from './region.ts';

const sectorBytes = 512;
const wrong = 'a record of its NTFS file system is wrong';

/** A piece of a file: clusters of the volume, or none where the file is sparse. */
export type Run = { readonly cluster: number | null; readonly count: number };

export type Attribute = { readonly type: number; readonly name: string; readonly isPlain: boolean } & (
	| { readonly value: Buffer }
	| { readonly value: null; readonly runs: readonly Run[]; readonly sizeBytes: number }
);

/** Puts back the last two bytes of each sector, which the update sequence array holds (FILE and INDX records). */
export function mendSectors(record: Buffer): void {
	const at = record.readUInt16LE(4);
	const count = record.readUInt16LE(6);
	sure(count === record.byteLength / sectorBytes + 1 && at % 2 === 0 && at + count * 2 <= sectorBytes - 2, wrong);
	for (let i = 1; i < count; i++) {
		const end = i * sectorBytes - 2;
		sure(record.readUInt16LE(end) === record.readUInt16LE(at), wrong);
		record.writeUInt16LE(record.readUInt16LE(at + i * 2), end);
	}
}

/** The attributes of a FILE record that is in use and whole. @throws Doubt */
export function parseFileRecord(record: Buffer, clusterCount: number): Attribute[] {
	sure(record.toString('latin1', 0, 4) === 'FILE', wrong);
	mendSectors(record);
	sure((record.readUInt16LE(0x16) & 1) !== 0 && record.readBigUInt64LE(0x20) === 0n, wrong);
	const end = Math.min(record.readUInt32LE(0x18), record.byteLength);
	const attributes: Attribute[] = [];
	for (let at = record.readUInt16LE(0x14); ; ) {
		sure(at % 8 === 0 && at + 4 <= end, wrong);
		const type = record.readUInt32LE(at);
		if (type === 0xffffffff) return attributes;
		sure(at + 24 <= end, wrong);
		const length = record.readUInt32LE(at + 4);
		sure(length >= 24 && at + length <= end, wrong);
		attributes.push(parseAttribute(type, record.subarray(at, at + length), clusterCount));
		at += length;
	}
}

function parseAttribute(type: number, bytes: Buffer, clusterCount: number): Attribute {
	const nameEnd = bytes.readUInt16LE(0xa) + bytes.readUInt8(9) * 2;
	sure(nameEnd <= bytes.byteLength, wrong);
	const shared = { type, name: bytes.toString('utf16le', bytes.readUInt16LE(0xa), nameEnd), isPlain: bytes.readUInt16LE(0xc) === 0 };
	if (bytes.readUInt8(8) === 0) {
		const from = bytes.readUInt16LE(0x14);
		const to = from + bytes.readUInt32LE(0x10);
		sure(to <= bytes.byteLength, wrong);
		return { ...shared, value: bytes.subarray(from, to) };
	}
	sure(bytes.byteLength >= 0x40 && bytes.readBigUInt64LE(0x10) === 0n, wrong);
	const runs = parseRuns(bytes.subarray(bytes.readUInt16LE(0x20)), clusterCount);
	const clusters = runs.reduce((sum, { count }) => sum + count, 0);
	sure(BigInt(clusters) === bytes.readBigUInt64LE(0x18) + 1n, wrong);
	return { ...shared, value: null, runs, sizeBytes: exact(bytes.readBigUInt64LE(0x30)) };
}

function parseRuns(bytes: Buffer, clusterCount: number): Run[] {
	const runs: Run[] = [];
	let cluster = 0;
	for (let at = 0; ; ) {
		sure(at < bytes.byteLength, wrong);
		const head = bytes.readUInt8(at++);
		if (head === 0) return runs;
		const lengthBytes = head & 0xf;
		const offsetBytes = head >> 4;
		sure(lengthBytes >= 1 && lengthBytes <= 6 && offsetBytes <= 6 && at + lengthBytes + offsetBytes <= bytes.byteLength, wrong);
		const count = bytes.readUIntLE(at, lengthBytes);
		at += lengthBytes;
		sure(count > 0 && count <= clusterCount, wrong);
		if (offsetBytes === 0) {
			runs.push({ cluster: null, count });
			continue;
		}
		cluster += bytes.readIntLE(at, offsetBytes);
		at += offsetBytes;
		sure(cluster >= 0 && cluster + count <= clusterCount, wrong);
		runs.push({ cluster, count });
	}
}

/** Reads `length` bytes at `offset` of what `runs` hold. @throws Doubt when that is not there */
export function readRuns(region: Region, runs: readonly Run[], clusterBytes: number, offset: number, length: number): Buffer {
	const pieces: Buffer[] = [];
	let left = length;
	let at = offset;
	let start = 0;
	for (const { cluster, count } of runs) {
		const end = start + count * clusterBytes;
		if (left > 0 && at < end) {
			const take = Math.min(left, end - at);
			sure(cluster !== null, wrong);
			pieces.push(region.read(cluster * clusterBytes + at - start, take));
			at += take;
			left -= take;
		}
		start = end;
	}
	sure(left === 0, wrong);
	return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}
