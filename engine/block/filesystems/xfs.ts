import type { BlankList } from './blank-list.ts';
import { allOnes, crc32c } from './checksums.ts';
import { exact, type Region, sure } from './region.ts';
import { checkXfsLog } from './xfs-log.ts';

const roCompatKnown = 0x1 | 0x2 | 0x4 | 0x8;
const incompatKnown = 0x1 | 0x2 | 0x4 | 0x8 | 0x20;
const features2Known = 0x2 | 0x8 | 0x80 | 0x100 | 0x200;
const sharedVersionFlag = 0x200;
const moreBits = 0x8000;
const logV2 = 0x400;
const maxLevels = 9;
const minGroupBytes = 16 * 1024 * 1024;

export const recognisesXfs = (region: Region): boolean => region.has('XFSB', 0);

type XfsLayout = {
	readonly isV5: boolean;
	readonly blockBytes: number;
	readonly sectorBytes: number;
	readonly blockCount: number;
	readonly agBlocks: number;
	readonly agCount: number;
};

/** Free extents of the trees by block number of all allocation groups (XFS Algorithms & Data Structures, "AG Free Space Management"). */
export function findFreeXfsBlocks(region: Region, blank: BlankList): void {
	const sector = region.read(0, 512);
	const isV5 = (sector.readUInt16BE(100) & 0xf) === 5;
	const flags = sector.readUInt16BE(100);
	sure(isV5 || (flags & 0xf) === 4, 'its XFS file system is of an unknown version');
	const sectorBytes = sector.readUInt16BE(102);
	const blockBytes = sector.readUInt32BE(4);
	const isPower = (value: number, least: number, most: number): boolean => value >= least && value <= most && Number.isInteger(Math.log2(value));
	sure(isPower(sectorBytes, 512, 32_768) && isPower(blockBytes, 512, 65_536), 'its XFS file system has absurd sizes');
	const sb = region.read(0, sectorBytes);
	if (isV5) {
		checkCrc(sb, 224, 'superblock');
		sure(
			(sb.readUInt32BE(212) & ~roCompatKnown) === 0 && (sb.readUInt32BE(216) & ~incompatKnown) === 0,
			'its XFS file system has unknown features, or needs repair',
		);
		sure(sb.readUInt32BE(208) === 0 && sb.readUInt32BE(220) === 0, 'its XFS file system has unknown features');
	}
	sure((flags & sharedVersionFlag) === 0, 'its XFS file system has unknown features');
	if ((flags & moreBits) !== 0) sure((sb.readUInt32BE(200) & ~features2Known) === 0, 'its XFS file system has unknown features');
	sure(sb.readUInt8(126) === 0, 'its XFS file system was not made to the end');
	const layout: XfsLayout = {
		isV5,
		blockBytes,
		sectorBytes,
		blockCount: exact(sb.readBigUInt64BE(8)),
		agBlocks: sb.readUInt32BE(84),
		agCount: sb.readUInt32BE(88),
	};
	const { blockCount, agBlocks, agCount } = layout;
	sure(blockCount * blockBytes <= region.sizeBytes, 'its XFS file system is larger than it');
	sure(agBlocks >= 64 && agCount > 0 && agCount === Math.ceil(blockCount / agBlocks), 'its XFS file system has absurd sizes');

	sure(agCount === 1 || agBlocks * blockBytes >= minGroupBytes, 'its XFS file system has absurdly small groups');
	const agBlockLog = sb.readUInt8(124);
	sure(agBlockLog < 32 && 2 ** agBlockLog >= agBlocks, 'its XFS file system has absurd sizes');
	const logStart = exact(sb.readBigUInt64BE(48));
	sure(logStart !== 0, 'its XFS file system has its log elsewhere');
	const logBlock = Math.floor(logStart / 2 ** agBlockLog) * agBlocks + (logStart % 2 ** agBlockLog);
	const log = { start: logBlock * blockBytes, end: (logBlock + sb.readUInt32BE(96)) * blockBytes };
	checkXfsLog(region, { offsetBytes: log.start, sizeBytes: log.end - log.start, isV2: (flags & logV2) !== 0 });

	for (let ag = 0; ag < agCount; ag++) findFreeOfGroup(region, layout, ag, log, blank);
}

function checkCrc(bytes: Buffer, at: number, what: string): void {
	const checksum = bytes.readUInt32LE(at);
	const blanked = Buffer.from(bytes);
	blanked.writeUInt32LE(0, at);
	sure((crc32c(allOnes, blanked) ^ allOnes) >>> 0 === checksum, `the checksum of an XFS ${what} is wrong`);
}

function findFreeOfGroup(region: Region, layout: XfsLayout, ag: number, log: { readonly start: number; readonly end: number }, blank: BlankList): void {
	const { isV5, blockBytes, sectorBytes, blockCount, agBlocks } = layout;
	const groupStart = ag * agBlocks;
	const groupBlocks = Math.min(agBlocks, blockCount - groupStart);
	const agf = region.read(groupStart * blockBytes + sectorBytes, sectorBytes);
	if (isV5) checkCrc(agf, 216, 'allocation group header');
	const isSane = agf.toString('latin1', 0, 4) === 'XAGF' && agf.readUInt32BE(4) === 1 && agf.readUInt32BE(8) === ag && agf.readUInt32BE(12) === groupBlocks;
	sure(isSane, 'an allocation group header of its XFS file system is wrong');
	const levels = agf.readUInt32BE(28);
	sure(levels >= 1 && levels <= maxLevels, 'a free space tree of its XFS file system is absurdly high');

	const headerBytes = isV5 ? 56 : 16;
	const readNode = (at: number, level: number): Buffer => {
		sure(at > 0 && at < groupBlocks, 'a free space tree of its XFS file system points outside of its group');
		const node = region.read((groupStart + at) * blockBytes, blockBytes);
		if (isV5) {
			checkCrc(node, 52, 'free space tree');
			sure(node.readUInt32BE(48) === ag, 'a free space tree of its XFS file system belongs elsewhere');
		}
		sure(node.toString('latin1', 0, 4) === (isV5 ? 'AB3B' : 'ABTB') && node.readUInt16BE(4) === level, 'a free space tree of its XFS file system is wrong');
		return node;
	};
	let at = agf.readUInt32BE(16);
	for (let level = levels - 1; level > 0; level--) {
		const node = readNode(at, level);
		sure(node.readUInt16BE(6) > 0, 'a free space tree of its XFS file system is wrong');
		at = node.readUInt32BE(headerBytes + Math.floor((blockBytes - headerBytes) / 12) * 8);
	}
	/** The four headers of a group take a sector each. */
	let end = Math.ceil((4 * sectorBytes) / blockBytes);
	let free = 0;
	while (at !== 0xffffffff) {
		const leaf = readNode(at, 0);
		const count = leaf.readUInt16BE(6);
		sure(headerBytes + count * 8 <= blockBytes && (count > 0 || free === 0), 'a free space tree of its XFS file system is wrong');
		for (let i = 0; i < count; i++) {
			const first = leaf.readUInt32BE(headerBytes + i * 8);
			const length = leaf.readUInt32BE(headerBytes + i * 8 + 4);
			// ascending records also keep a chain of leaves from going round
			sure(first >= end && length > 0 && first + length <= groupBlocks, 'a free space tree of its XFS file system is not in order');
			end = first + length;
			free += length;
			const start = (groupStart + first) * blockBytes;
			const stop = (groupStart + end) * blockBytes;
			sure(stop <= log.start || start >= log.end, 'its XFS file system says that its log is free');
			blank.add(start, stop);
		}
		at = leaf.readUInt32BE(12);
		sure(count > 0 || at === 0xffffffff, 'a free space tree of its XFS file system is wrong');
	}
	sure(free === agf.readUInt32BE(52), 'the free space trees of its XFS file system do not agree with its counts');
}
