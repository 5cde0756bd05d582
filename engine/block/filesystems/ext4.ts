import { type BlankList, eachFreeRun } from './blank-list.ts';
import { allOnes, crc16, crc32c } from './checksums.ts';
import { exact, type Region, sure } from './region.ts';

const superblockBytes = 1024;
const compatKnown = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x200 | 0x400 | 0x800 | 0x1000;
const incompat = { journalDevice: 0x8, recover: 0x4, metaBg: 0x10, is64: 0x80, mmp: 0x100, flexBg: 0x200, csumSeed: 0x2000 };
const incompatKnown =
	0x2 | incompat.metaBg | 0x40 | incompat.is64 | incompat.mmp | incompat.flexBg | 0x400 | incompat.csumSeed | 0x4000 | 0x8000 | 0x10000 | 0x20000;
const roCompat = { sparseSuper: 0x1, gdtCsum: 0x10, bigalloc: 0x200, metadataCsum: 0x400 };
const roCompatKnown =
	roCompat.sparseSuper | 0x2 | 0x4 | 0x8 | roCompat.gdtCsum | 0x20 | 0x40 | 0x100 | roCompat.bigalloc | roCompat.metadataCsum | 0x2000 | 0x8000;
const sparseSuper2 = 0x200;
const blockUninit = 0x2;
const mmpClean = 0xff4d4d50;
/** 256 TiB in groups of 128 MiB. */
const maxGroups = 2 ** 21;

export const recognisesExt = (region: Region): boolean =>
	region.sizeBytes >= 2 * superblockBytes && region.read(superblockBytes + 0x38, 2).readUInt16LE() === 0xef53;

/** What ext2, ext3 and ext4 keep in a superblock (Documentation/filesystems/ext4/super.rst), checked. */
export class ExtLayout {
	readonly blockBytes: number;
	readonly clusterBlocks: number;
	readonly blockCount: number;
	readonly firstBlock: number;
	readonly blocksPerGroup: number;
	readonly inodesPerGroup: number;
	readonly inodeBytes: number;
	readonly groupCount: number;
	readonly descriptorBytes: number;
	readonly #region: Region;
	readonly #incompat: number;
	readonly #roCompat: number;
	readonly #reservedGdtBlocks: number;
	readonly #firstMetaBg: number;
	readonly #backupGroups: readonly number[] | null;
	readonly #uuid: Buffer;
	readonly #seed: number;

	constructor(region: Region) {
		this.#region = region;
		const sb = region.read(superblockBytes, superblockBytes);
		const compatFlags = sb.readUInt32LE(0x5c);
		this.#incompat = sb.readUInt32LE(0x60);
		this.#roCompat = sb.readUInt32LE(0x64);
		sure(sb.readUInt32LE(0x4c) === 1, 'its ext file system is of an unknown revision');
		sure((this.#incompat & incompat.recover) === 0, 'its ext file system was not unmounted');
		sure(
			(compatFlags & ~compatKnown) === 0 && (this.#incompat & ~incompatKnown) === 0 && (this.#roCompat & ~roCompatKnown) === 0,
			'its ext file system has unknown features',
		);
		sure(sb.readUInt16LE(0x3a) === 1 && sb.readUInt32LE(0xe8) === 0, 'its ext file system was not unmounted, or has errors');
		if (this.hasMetadataCsum) sure(crc32c(allOnes, sb.subarray(0, 0x3fc)) === sb.readUInt32LE(0x3fc), 'the checksum of its superblock is wrong');

		const logBlock = sb.readUInt32LE(0x18);
		const logCluster = sb.readUInt32LE(0x1c);
		sure(logBlock <= 6 && logCluster >= logBlock && logCluster <= 20, 'its ext file system has absurd sizes');
		this.blockBytes = 1024 << logBlock;
		this.clusterBlocks = (this.#roCompat & roCompat.bigalloc) !== 0 ? 2 ** (logCluster - logBlock) : 1;
		const is64 = (this.#incompat & incompat.is64) !== 0;
		this.blockCount = sb.readUInt32LE(4) + (is64 ? sb.readUInt32LE(0x150) * 2 ** 32 : 0);
		this.firstBlock = sb.readUInt32LE(0x14);
		this.blocksPerGroup = sb.readUInt32LE(0x20);
		this.inodesPerGroup = sb.readUInt32LE(0x28);
		this.inodeBytes = sb.readUInt16LE(0x58);
		this.descriptorBytes = is64 ? sb.readUInt16LE(0xfe) : 32;
		sure(this.blockCount > this.firstBlock && this.blockCount * this.blockBytes <= region.sizeBytes, 'its ext file system is larger than it');
		const clustersPerGroup = this.blocksPerGroup / this.clusterBlocks;
		const isSane =
			this.firstBlock <= 1 &&
			clustersPerGroup >= 8 &&
			clustersPerGroup % 8 === 0 &&
			clustersPerGroup <= this.blockBytes * 8 &&
			this.inodesPerGroup > 0 &&
			this.inodesPerGroup <= this.blockBytes * 8 &&
			this.inodeBytes >= 128 &&
			this.inodeBytes <= this.blockBytes &&
			[32, 64].includes(this.descriptorBytes);
		sure(isSane, 'its ext file system has absurd sizes');
		this.groupCount = Math.ceil((this.blockCount - this.firstBlock) / this.blocksPerGroup);
		sure(this.groupCount <= maxGroups, 'its ext file system has absurdly many groups');
		this.#reservedGdtBlocks = sb.readUInt16LE(0xce);
		this.#firstMetaBg = sb.readUInt32LE(0x104);
		this.#backupGroups = (compatFlags & sparseSuper2) !== 0 ? [sb.readUInt32LE(0x24c), sb.readUInt32LE(0x250)] : null;
		this.#uuid = sb.subarray(0x68, 0x78);
		this.#seed = (this.#incompat & incompat.csumSeed) !== 0 ? sb.readUInt32LE(0x270) : crc32c(allOnes, this.#uuid);
		if ((this.#incompat & incompat.mmp) !== 0) {
			const mmp = region.read(exact(sb.readBigUInt64LE(0x168)) * this.blockBytes, 8);
			sure(mmp.readUInt32LE(4) === mmpClean, 'its ext file system is in use somewhere');
		}
	}

	get hasMetadataCsum(): boolean {
		return (this.#roCompat & roCompat.metadataCsum) !== 0;
	}

	get #descriptorsPerBlock(): number {
		return this.blockBytes / this.descriptorBytes;
	}

	get descriptorBlockCount(): number {
		return Math.ceil(this.groupCount / this.#descriptorsPerBlock);
	}

	groupStart(group: number): number {
		return this.firstBlock + group * this.blocksPerGroup;
	}

	groupBlocks(group: number): number {
		return Math.min(this.blocksPerGroup, this.blockCount - this.groupStart(group));
	}

	#hasSuperblock(group: number): boolean {
		if (group === 0) return true;
		if (this.#backupGroups) return this.#backupGroups.includes(group);
		if (group === 1 || (this.#roCompat & roCompat.sparseSuper) === 0) return true;
		return [3, 5, 7].some((base) => {
			let power = base;
			while (power < group) power *= base;
			return power === group;
		});
	}

	#isMetaBg(group: number): boolean {
		return (this.#incompat & incompat.metaBg) !== 0 && group >= this.#firstMetaBg * this.#descriptorsPerBlock;
	}

	/** Superblock and group descriptors at the start of a group, in blocks; the first group has a boot block before them in file systems of small blocks. */
	baseBlocks(group: number): number {
		const superBlocks = this.#hasSuperblock(group) ? 1 : 0;
		const boot = group === 0 ? Math.floor(superblockBytes / this.blockBytes) - this.firstBlock : 0;
		if (this.#isMetaBg(group)) {
			const place = group % this.#descriptorsPerBlock;
			return boot + superBlocks + (place === 0 || place === 1 || place === this.#descriptorsPerBlock - 1 ? 1 : 0);
		}
		const descriptors = (this.#incompat & incompat.metaBg) !== 0 ? Math.min(this.#firstMetaBg, this.descriptorBlockCount) : this.descriptorBlockCount;
		return boot + (superBlocks === 0 ? 0 : superBlocks + descriptors + this.#reservedGdtBlocks);
	}

	#descriptorBlockAt(index: number): number {
		const group = index * this.#descriptorsPerBlock;
		if (!this.#isMetaBg(group)) return Math.floor(superblockBytes / this.blockBytes) + 1 + index;
		const isBehindBoot = this.blockBytes === 1024 && index === 0 && this.firstBlock === 0;
		return this.groupStart(group) + (this.#hasSuperblock(group) ? 1 : 0) + (isBehindBoot ? 1 : 0);
	}

	/** The groups' descriptors in order, their checksums right. */
	*descriptors(): Generator<GroupDescriptor> {
		for (let index = 0; index < this.descriptorBlockCount; index++) {
			const block = this.#region.read(this.#descriptorBlockAt(index) * this.blockBytes, this.blockBytes);
			for (let i = 0; i < this.#descriptorsPerBlock; i++) {
				const group = index * this.#descriptorsPerBlock + i;
				if (group >= this.groupCount) return;
				yield this.#parse(group, block.subarray(i * this.descriptorBytes, (i + 1) * this.descriptorBytes));
			}
		}
	}

	#parse(group: number, bytes: Buffer): GroupDescriptor {
		const isLong = this.descriptorBytes >= 64;
		const block = (low: number, high: number): number => bytes.readUInt32LE(low) + (isLong ? bytes.readUInt32LE(high) * 2 ** 32 : 0);
		const number = Buffer.alloc(4);
		number.writeUInt32LE(group);
		const checksum = bytes.readUInt16LE(0x1e);
		if (this.hasMetadataCsum) {
			const blanked = Buffer.from(bytes);
			blanked.writeUInt16LE(0, 0x1e);
			sure((crc32c(crc32c(this.#seed, number), blanked) & 0xffff) === checksum, 'the checksum of a group descriptor is wrong');
		} else if ((this.#roCompat & roCompat.gdtCsum) !== 0) {
			let crc = crc16(crc16(crc16(0xffff, this.#uuid), number), bytes.subarray(0, 0x1e));
			if (isLong) crc = crc16(crc, bytes.subarray(0x20));
			sure(crc === checksum, 'the checksum of a group descriptor is wrong');
		}
		const hasFlags = this.hasMetadataCsum || (this.#roCompat & roCompat.gdtCsum) !== 0;
		return {
			blockBitmap: block(0, 0x20),
			inodeBitmap: block(4, 0x24),
			inodeTable: block(8, 0x28),
			freeClusters: bytes.readUInt16LE(0xc) + (isLong ? bytes.readUInt16LE(0x2c) * 65_536 : 0),
			isUninitialised: hasFlags && (bytes.readUInt16LE(0x12) & blockUninit) !== 0,
			bitmapChecksum: this.hasMetadataCsum ? bytes.readUInt16LE(0x18) + (isLong ? bytes.readUInt16LE(0x38) * 65_536 : 0) : null,
		};
	}

	/** The bitmap of a group's clusters, its checksum right. */
	readBitmap({ blockBitmap, bitmapChecksum }: GroupDescriptor): Buffer {
		const bitmap = this.#region.read(blockBitmap * this.blockBytes, this.blockBytes);
		if (bitmapChecksum !== null) {
			const crc = crc32c(this.#seed, bitmap.subarray(0, this.blocksPerGroup / this.clusterBlocks / 8));
			sure((this.descriptorBytes >= 64 ? crc : crc & 0xffff) === bitmapChecksum, 'the checksum of a block bitmap is wrong');
		}
		return bitmap;
	}
}

export type GroupDescriptor = {
	readonly blockBitmap: number;
	readonly inodeBitmap: number;
	readonly inodeTable: number;
	readonly freeClusters: number;
	/** Its bitmap was never written: only its own tables are in use. */
	readonly isUninitialised: boolean;
	readonly bitmapChecksum: number | null;
};

/** What the bitmaps of all groups say is free, if they agree with each other and with where the tables lie. */
export function findFreeExtBlocks(region: Region, blank: BlankList): void {
	const layout = new ExtLayout(region);
	const { blockBytes, clusterBlocks } = layout;
	const descriptors = [...layout.descriptors()];
	const tables = placeTables(layout, descriptors);
	let next = 0;
	for (const [group, descriptor] of descriptors.entries()) {
		const start = layout.groupStart(group);
		const blocks = layout.groupBlocks(group);
		const clusters = Math.ceil(blocks / clusterBlocks);
		const bitmap = descriptor.isUninitialised ? Buffer.alloc(blockBytes) : layout.readBitmap(descriptor);
		for (; (tables[next]?.first ?? Number.POSITIVE_INFINITY) < start + blocks; next++) {
			const { first, count } = tables[next] as Table;
			sure(first >= start && first + count <= start + blocks, 'a table of its ext file system lies across groups');
			for (let cluster = Math.floor((first - start) / clusterBlocks); cluster * clusterBlocks < first - start + count; cluster++) {
				const byte = bitmap[cluster >> 3] as number;
				const mark = 1 << (cluster & 7);
				sure(descriptor.isUninitialised || (byte & mark) !== 0, 'a bitmap of its ext file system says that its own tables are free');
				bitmap[cluster >> 3] = byte | mark;
			}
		}
		const free = eachFreeRun(bitmap, clusters, (first, end) =>
			blank.add((start + first * clusterBlocks) * blockBytes, (start + Math.min(end * clusterBlocks, blocks)) * blockBytes),
		);
		sure(free === descriptor.freeClusters, 'the bitmaps of its ext file system do not agree with its counts');
	}
}

type Table = { readonly first: number; readonly count: number };

/** Everything that is no file: with flex_bg, the tables of one group may lie in another. Ascending; parts of one group stay apart from other groups'. */
function placeTables(layout: ExtLayout, descriptors: readonly GroupDescriptor[]): Table[] {
	const inodeTableBlocks = Math.ceil((layout.inodesPerGroup * layout.inodeBytes) / layout.blockBytes);
	const tables: Table[] = [];
	/** Inode tables may be laid out across the border of two groups: they are cut there. */
	const add = (first: number, count: number): void => {
		sure(first >= layout.firstBlock && first + count <= layout.blockCount, 'a table of its ext file system lies outside of it');
		for (let at = first; at < first + count; ) {
			const group = Math.floor((at - layout.firstBlock) / layout.blocksPerGroup);
			const end = Math.min(first + count, layout.groupStart(group + 1));
			tables.push({ first: at, count: end - at });
			at = end;
		}
	};
	for (const [group, { blockBitmap, inodeBitmap, inodeTable }] of descriptors.entries()) {
		const base = Math.min(layout.baseBlocks(group), layout.groupBlocks(group));
		if (base > 0) add(layout.groupStart(group), base);
		add(blockBitmap, 1);
		add(inodeBitmap, 1);
		add(inodeTable, inodeTableBlocks);
	}
	return tables.sort((a, b) => a.first - b.first);
}
