import { crc32 } from 'node:zlib';
import { Doubt, exact, type Region, sure } from './region.ts';

export type Partition = { readonly name: string; readonly offsetBytes: number; readonly sizeBytes: number };

const gptType = 0xee;
const extendedTypes: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
const maxLogical = 128;
const maxGptEntries = 1024;

/**
 * The partitions of a disk, ascending and apart from each other; none where it has no table. The UEFI specification (5.3) is the source of GPT.
 * @throws Doubt when there is a table that cannot be trusted
 */
export function readPartitions(disk: Region): Partition[] {
	const gpt = [512, 4096].find((sector) => disk.has('EFI PART', sector));
	const partitions = gpt === undefined ? readMbr(disk) : readGpt(disk, gpt);
	partitions.sort((a, b) => a.offsetBytes - b.offsetBytes);
	for (const [i, { offsetBytes, sizeBytes }] of partitions.entries()) {
		sure(offsetBytes + sizeBytes <= disk.sizeBytes, 'its partition table points outside of it');
		const before = partitions[i - 1];
		sure(!before || before.offsetBytes + before.sizeBytes <= offsetBytes, 'its partitions overlap');
	}
	return partitions;
}

function readGpt(disk: Region, sector: number): Partition[] {
	const header = disk.read(sector, sector);
	const headerBytes = header.readUInt32LE(12);
	sure(headerBytes >= 92 && headerBytes <= sector, 'its partition table (GPT) has an absurd header');
	const checksum = header.readUInt32LE(16);
	header.writeUInt32LE(0, 16);
	sure(crc32(header.subarray(0, headerBytes)) === checksum, 'the checksum of its partition table (GPT) is wrong');
	const count = header.readUInt32LE(80);
	const entryBytes = header.readUInt32LE(84);
	sure(count <= maxGptEntries && entryBytes >= 128 && entryBytes <= 4096 && entryBytes % 8 === 0, 'its partition table (GPT) has absurd entries');
	const entries = disk.read(exact(header.readBigUInt64LE(72) * BigInt(sector)), count * entryBytes);
	sure(crc32(entries) === header.readUInt32LE(88), 'the checksum of its partition table (GPT) is wrong');
	const partitions: Partition[] = [];
	for (let i = 0; i < count; i++) {
		const entry = entries.subarray(i * entryBytes, (i + 1) * entryBytes);
		if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
		const first = exact(entry.readBigUInt64LE(32) * BigInt(sector));
		const end = exact((entry.readBigUInt64LE(40) + 1n) * BigInt(sector));
		sure(end > first, 'its partition table (GPT) has absurd entries');
		partitions.push({ name: `partition ${i + 1}`, offsetBytes: first, sizeBytes: end - first });
	}
	return partitions;
}

type MbrEntry = { readonly type: number; readonly first: number; readonly count: number };

/** The four entries of a sector; null when it is not a partition table: boot sectors of file systems carry the same signature. */
function readEntries(sector: Buffer): MbrEntry[] | null {
	if (sector.readUInt16LE(510) !== 0xaa55) return null;
	const entries: MbrEntry[] = [];
	for (let at = 446; at < 510; at += 16) {
		const status = sector.readUInt8(at);
		const entry = { type: sector.readUInt8(at + 4), first: sector.readUInt32LE(at + 8), count: sector.readUInt32LE(at + 12) };
		if (status !== 0 && status !== 0x80) return null;
		if (entry.type !== 0 && (entry.first === 0 || entry.count === 0)) return null;
		entries.push(entry);
	}
	return entries;
}

function readMbr(disk: Region): Partition[] {
	if (disk.sizeBytes < 512) return [];
	const entries = readEntries(disk.read(0, 512));
	if (!entries) return [];
	sure(!entries.some(({ type }) => type === gptType), 'its partition table (GPT) is missing or damaged');
	const partitions: Partition[] = [];
	const add = (number: number, first: number, { count }: MbrEntry): void => {
		partitions.push({ name: `partition ${number}`, offsetBytes: first * 512, sizeBytes: count * 512 });
	};
	for (const [i, entry] of entries.entries()) {
		if (entry.type === 0) continue;
		if (!extendedTypes.has(entry.type)) {
			add(i + 1, entry.first, entry);
			continue;
		}
		let at = entry.first;
		for (let number = 5; ; number++) {
			if (number >= 5 + maxLogical) throw new Doubt('its chain of logical partitions does not end');
			const logical = readEntries(disk.read(at * 512, 512));
			sure(logical !== null, 'a logical partition has no table');
			const [own, next] = logical as [MbrEntry, MbrEntry];
			if (own.type !== 0) add(number, at + own.first, own);
			if (next.type === 0) break;
			sure(extendedTypes.has(next.type) && entry.first + next.first > at, 'its chain of logical partitions goes back');
			at = entry.first + next.first;
		}
	}
	return partitions;
}
