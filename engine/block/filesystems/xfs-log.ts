import { type Region, sure } from './region.ts';

const basicBlock = 512;
const pieceBytes = 1024 * 1024;
const recordMagic = 0xfeedbabe;
const unmountFlag = 0x20;
const recordUnit = 32 * 1024;
/** The largest log that mkfs.xfs makes. */
const maxLogBytes = 2 ** 31;
const dirty = 'its XFS file system was not unmounted';

type Place = { readonly offsetBytes: number; readonly sizeBytes: number; readonly isV2: boolean };

/**
 * Passes only a log whose newest record is that of an unmount and to which nothing was written after it. The log is a ring; each basic block begins with
 * the number of the cycle that wrote it (in a record's header: behind the magic), so that the head is where the highest number ends.
 * @throws Doubt
 */
export function checkXfsLog(region: Region, { offsetBytes, sizeBytes, isV2 }: Place): void {
	sure(sizeBytes >= 16 * basicBlock && sizeBytes <= maxLogBytes, 'the log of its XFS file system has an absurd size');
	let head = { cycle: -1, block: -1 };
	let highest = 0;
	let countOfHighest = 0;
	for (let at = 0; at < sizeBytes; at += pieceBytes) {
		const piece = region.read(offsetBytes + at, Math.min(pieceBytes, sizeBytes - at));
		for (let within = 0; within < piece.byteLength; within += basicBlock) {
			const isRecord = piece.readUInt32BE(within) === recordMagic;
			const cycle = piece.readUInt32BE(within + (isRecord ? 4 : 0));
			if (cycle > highest) {
				highest = cycle;
				countOfHighest = 0;
			}
			if (cycle === highest) countOfHighest++;
			const block = (at + within) / basicBlock;
			if (isRecord && cycle >= head.cycle && piece.readUInt32BE(within + 16) === cycle && piece.readUInt32BE(within + 20) === block) head = { cycle, block };
		}
	}
	sure(head.block >= 0 && head.cycle === highest, dirty);
	const header = region.read(offsetBytes + head.block * basicBlock, basicBlock);
	const lengthBytes = header.readUInt32BE(12);
	const headerBlocks = isV2 ? Math.max(1, Math.ceil(header.readUInt32BE(320) / recordUnit)) : 1;
	const end = head.block + headerBlocks + Math.ceil(lengthBytes / basicBlock);
	// an unmount record that goes round the end of the ring is left in doubt
	sure(lengthBytes >= 12 && end * basicBlock <= sizeBytes && end === countOfHighest, dirty);
	const operation = region.read(offsetBytes + (head.block + headerBlocks) * basicBlock, 12);
	sure(header.readUInt32BE(40) === 1 && (operation.readUInt8(9) & unmountFlag) !== 0, dirty);
}
