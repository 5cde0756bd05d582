import { type BlankList, eachFreeRun } from './blank-list.ts';
import { type Attribute, mendSectors, parseFileRecord, type Run, readRuns } from './ntfs-records.ts';
import { exact, type Region, sure } from './region.ts';

const recordOf = { mft: 0, logFile: 2, volume: 3, root: 5, bitmap: 6 };
const attribute = { list: 0x20, fileName: 0x30, volumeInformation: 0x70, data: 0x80, indexRoot: 0x90, indexAllocation: 0xa0 };
const dirty = 'its NTFS file system was not unmounted';
const wrong = 'a table of its NTFS file system is wrong';
const pieceBytes = 1024 * 1024;
const maxIndexBytes = 64 * 1024 * 1024;
const maxRecordBytes = 8192;
const maxClusters = 2 ** 32;
/** Windows makes these anew when it starts. */
const swapFiles: ReadonlySet<string> = new Set(['pagefile.sys', 'swapfile.sys', 'hiberfil.sys']);

export const recognisesNtfs = (region: Region): boolean => region.has('NTFS    ', 3);

/** What $Bitmap says is free, and what the swap files in the root directory hold, of a volume that was unmounted in order. */
export function findFreeNtfsClusters(region: Region, blank: BlankList, swap: BlankList): void {
	const volume = new Volume(region);
	const flags = volume.attributes(recordOf.volume).find(({ type }) => type === attribute.volumeInformation)?.value;
	sure(flags !== null && flags !== undefined && flags.byteLength >= 12 && flags.readUInt8(8) === 3 && flags.readUInt16LE(10) === 0, dirty);
	checkLog(volume);
	const bitmap = volume.data(recordOf.bitmap);
	sure(bitmap.sizeBytes * 8 >= volume.clusterCount, wrong);
	const isUsed = (cluster: number): boolean => {
		const byte = volume.read(bitmap.runs, Math.floor(cluster / 8), 1).readUInt8();
		return ((byte >> (cluster % 8)) & 1) !== 0;
	};
	for (const { cluster, count } of [...volume.mft, ...bitmap.runs])
		sure(cluster !== null && isUsed(cluster) && isUsed(cluster + count - 1), 'the bitmap of its NTFS file system says that its own tables are free');
	sure(isUsed(0) && isUsed(volume.mirrorCluster), 'the bitmap of its NTFS file system says that its own tables are free');

	const { clusterBytes } = volume;
	for (let at = 0; at * 8 < volume.clusterCount; at += pieceBytes) {
		const first = at * 8;
		const count = Math.min(pieceBytes * 8, volume.clusterCount - first);
		const piece = volume.read(bitmap.runs, at, Math.ceil(count / 8));
		eachFreeRun(piece, count, (from, to) => blank.add((first + from) * clusterBytes, (first + to) * clusterBytes));
	}
	for (const { cluster, count } of findSwapRuns(volume)) {
		sure(cluster === null || (isUsed(cluster) && isUsed(cluster + count - 1)), wrong);
		if (cluster !== null) swap.add(cluster * clusterBytes, (cluster + count) * clusterBytes);
	}
}

type Data = Extract<Attribute, { value: null }>;

class Volume {
	readonly clusterBytes: number;
	readonly clusterCount: number;
	readonly mirrorCluster: number;
	readonly indexBytes: number;
	readonly mft: readonly Run[];
	readonly #region: Region;
	readonly #recordBytes: number;

	constructor(region: Region) {
		this.#region = region;
		const boot = region.read(0, 512);
		const sector = boot.readUInt16LE(0xb);
		const perCluster = boot.readUInt8(0xd);
		// above 128 it is the power of two, as a negative number
		const sectors = perCluster <= 0x80 ? perCluster : 2 ** (256 - perCluster);
		sure([512, 1024, 2048, 4096].includes(sector) && Number.isInteger(Math.log2(sectors)), 'its NTFS file system has absurd sizes');
		this.clusterBytes = sector * sectors;
		sure(this.clusterBytes <= 2 * 1024 * 1024, 'its NTFS file system has absurd sizes');
		const totalBytes = exact(boot.readBigUInt64LE(0x28) * BigInt(sector));
		sure(totalBytes <= region.sizeBytes, 'its NTFS file system is larger than it');
		this.clusterCount = Math.floor(totalBytes / this.clusterBytes);
		sure(this.clusterCount < maxClusters, 'its NTFS file system has absurd sizes');
		this.#recordBytes = this.#sizeOf(boot.readInt8(0x40));
		this.indexBytes = this.#sizeOf(boot.readInt8(0x44));
		this.mirrorCluster = exact(boot.readBigUInt64LE(0x38));
		const mftCluster = exact(boot.readBigUInt64LE(0x30));
		sure(mftCluster < this.clusterCount && this.mirrorCluster < this.clusterCount, wrong);
		const first = parseFileRecord(region.read(mftCluster * this.clusterBytes, this.#recordBytes), this.clusterCount);
		const data = first.find(({ type, name }) => type === attribute.data && name === '');
		sure(data !== undefined && data.value === null && data.runs[0]?.cluster === mftCluster, wrong);
		this.mft = data.runs;
	}

	/** Clusters, or as a negative number the power of two in bytes. */
	#sizeOf(value: number): number {
		const bytes = value > 0 ? value * this.clusterBytes : 2 ** -value;
		sure(bytes >= 512 && bytes <= maxRecordBytes && bytes % 512 === 0, 'its NTFS file system has absurd sizes');
		return bytes;
	}

	read(runs: readonly Run[], offset: number, length: number): Buffer {
		return readRuns(this.#region, runs, this.clusterBytes, offset, length);
	}

	attributes(record: number): Attribute[] {
		return parseFileRecord(this.read(this.mft, record * this.#recordBytes, this.#recordBytes), this.clusterCount);
	}

	sequenceOf(record: number): number {
		return this.read(this.mft, record * this.#recordBytes, this.#recordBytes).readUInt16LE(0x10);
	}

	/** Unnamed content that lies in clusters, all of it described in one record. */
	data(record: number): Data {
		const attributes = this.attributes(record);
		sure(!attributes.some(({ type }) => type === attribute.list), 'a table of its NTFS file system is in many pieces');
		const data = attributes.find(({ type, name }) => type === attribute.data && name === '');
		sure(data !== undefined && data.value === null && data.isPlain, wrong);
		return data;
	}
}

/** Passes a log that is empty, or whose newest restart page says that nobody has the volume open. */
function checkLog(volume: Volume): void {
	const { runs, sizeBytes } = volume.data(recordOf.logFile);
	sure(sizeBytes >= 8192, wrong);
	const first = volume.read(runs, 0, 4096);
	if (first.every((byte) => byte === 0xff)) return;
	const pageBytes = first.readUInt32LE(0x10);
	sure(first.toString('latin1', 0, 4) === 'RSTR' && [4096, 8192, 16_384, 65_536].includes(pageBytes) && pageBytes * 2 <= sizeBytes, dirty);
	const pages = [volume.read(runs, 0, pageBytes), volume.read(runs, pageBytes, pageBytes)].filter((page) => page.toString('latin1', 0, 4) === 'RSTR');
	const areas = pages.map((page) => {
		mendSectors(page);
		const at = page.readUInt16LE(0x18);
		sure(page.readInt16LE(0x1c) === 1 && at >= 0x1e && at + 0x30 <= 512, dirty); // version 2 belongs to a Windows that has only gone to sleep
		const area = page.subarray(at);
		return { lsn: area.readBigUInt64LE(0), isClosed: area.readUInt16LE(0xc) === 0xffff || (area.readUInt16LE(0xe) & 2) !== 0 };
	});
	const newest = areas.reduce((a, b) => (b.lsn > a.lsn ? b : a));
	sure(newest.isClosed, dirty);
}

/** Clusters of the swap files in the root directory, ascending. A hibernated system has parts of the volume in its memory: then nothing is left out. */
function findSwapRuns(volume: Volume): Run[] {
	const found: Run[] = [];
	for (const { record, sequence, name } of rootEntries(volume)) {
		if (!swapFiles.has(name) || volume.sequenceOf(record) !== sequence) continue;
		const attributes = volume.attributes(record);
		const isThere = attributes.some(({ type, value }) => type === attribute.fileName && value !== null && fileNameOf(value) === name);
		const data = attributes.find((one) => one.type === attribute.data && one.name === '');
		if (!isThere || data?.value !== null || !data.isPlain || attributes.some(({ type }) => type === attribute.list)) continue;
		if (name === 'hiberfil.sys' && data.sizeBytes >= 4) {
			const signature = volume.read(data.runs, 0, 4).toString('latin1').toLowerCase();
			sure(signature === 'wake' || signature === '\0\0\0\0', 'the Windows on its NTFS file system is hibernated');
		}
		found.push(...data.runs);
	}
	return found.filter(({ cluster }) => cluster !== null).sort((a, b) => (a.cluster as number) - (b.cluster as number));
}

type Entry = { readonly record: number; readonly sequence: number; readonly name: string };

const fileNameOf = (value: Buffer): string =>
	value.byteLength < 0x42 ? '' : value.toString('utf16le', 0x42, Math.min(value.byteLength, 0x42 + value.readUInt8(0x40) * 2)).toLowerCase();

/** All entries of the root directory's index, stale ones in unused pages included: whoever uses one looks at its record. */
function* rootEntries(volume: Volume): Generator<Entry> {
	const attributes = volume.attributes(recordOf.root);
	for (const { type, name, ...rest } of attributes) {
		if (name !== '$I30') continue;
		if (type === attribute.indexRoot && rest.value) yield* entriesOf(rest.value.subarray(0x10));
		if (type !== attribute.indexAllocation || rest.value !== null) continue;
		sure(rest.sizeBytes <= maxIndexBytes, 'the root directory of its NTFS file system is absurdly large');
		for (let at = 0; at + volume.indexBytes <= rest.sizeBytes; at += volume.indexBytes) {
			const page = volume.read(rest.runs, at, volume.indexBytes);
			if (page.toString('latin1', 0, 4) !== 'INDX') continue;
			mendSectors(page);
			yield* entriesOf(page.subarray(0x18));
		}
	}
}

function* entriesOf(index: Buffer): Generator<Entry> {
	sure(index.byteLength >= 16, wrong);
	const end = Math.min(index.readUInt32LE(4), index.byteLength);
	for (let at = index.readUInt32LE(0); at + 16 <= end; ) {
		const length = index.readUInt16LE(at + 8);
		if ((index.readUInt16LE(at + 12) & 2) !== 0) return;
		sure(length >= 16 && at + length <= end, wrong);
		const record = index.readUIntLE(at, 6);
		yield { record, sequence: index.readUInt16LE(at + 6), name: fileNameOf(index.subarray(at + 16, at + length)) };
		at += length;
	}
}
