import { crc32 } from 'node:zlib';
import { EngineError } from '../base/index.ts';
import type { BackupFileKind } from '../contract/index.ts';
import { type ChainLock, encodeLock, lockBytes, parseLock } from './lock.ts';

/**
 * A backup file begins with two superblocks in slots of 4,096 bytes; records follow. A commit writes the slot with the older one, so that
 * one of them is valid at every instant, and when it is durable a copy into the other, so that one bad byte does not cost the file.
 *
 * ```
 *   0  magic "HOLDFAST"         56  offset of the root record, u64
 *   8  format version, u16      64  length of the root record with its header, u32
 *  10  kind: 1 full,            68  crc32 of the root record, u32
 *      2 increment, 3 reverse   72  committed end of the file, u64
 *  11  alignment, log2          80  created at, epoch ms, u64
 *  12  flags, u32: 1 encrypted  88  zero up to 120
 *  16  file id, 16 characters  120  crc32 of bytes 0–119
 *  32  chain id, 16 characters 124  crc32 of bytes 128–543 if encrypted
 *  48  generation, u64         128  lock, if encrypted (lock.ts)
 *                              544  zero up to 4,096
 * ```
 */
export const superblockSlotBytes = 4096;
export const firstRecordOffset = 2 * superblockSlotBytes;
export const formatVersion = 1;
const magic = Buffer.from('HOLDFAST', 'latin1');
const kinds: readonly BackupFileKind[] = ['full', 'increment', 'reverse'];
const checkedBytes = 120;
const lockAt = 128;
const flagEncrypted = 1;

export type Superblock = {
	readonly kind: BackupFileKind;
	/** Records begin at multiples of 2^alignmentLog2. */
	readonly alignmentLog2: number;
	readonly fileId: string;
	readonly chainId: string;
	/** Grows by one with each superblock; its parity is the slot. */
	readonly generation: number;
	readonly rootOffset: number;
	readonly rootBytes: number;
	readonly rootCrc: number;
	readonly committedEnd: number;
	readonly createdAt: number;
	/** How the chain is opened; null when it is not encrypted. */
	readonly lock: ChainLock | null;
};

export const slotOffset = (generation: number): number => (generation % 2) * superblockSlotBytes;

export function encodeSuperblock(block: Superblock): Uint8Array {
	const bytes = Buffer.alloc(superblockSlotBytes);
	magic.copy(bytes, 0);
	bytes.writeUInt16LE(formatVersion, 8);
	bytes.writeUInt8(kinds.indexOf(block.kind) + 1, 10);
	bytes.writeUInt8(block.alignmentLog2, 11);
	bytes.write(block.fileId.padEnd(16), 16, 16, 'latin1');
	bytes.write(block.chainId.padEnd(16), 32, 16, 'latin1');
	bytes.writeBigUInt64LE(BigInt(block.generation), 48);
	bytes.writeBigUInt64LE(BigInt(block.rootOffset), 56);
	bytes.writeUInt32LE(block.rootBytes, 64);
	bytes.writeUInt32LE(block.rootCrc, 68);
	bytes.writeBigUInt64LE(BigInt(block.committedEnd), 72);
	bytes.writeBigUInt64LE(BigInt(block.createdAt), 80);
	if (block.lock) {
		bytes.writeUInt32LE(flagEncrypted, 12);
		bytes.set(encodeLock(block.lock), lockAt);
		bytes.writeUInt32LE(crc32(bytes.subarray(lockAt, lockAt + lockBytes)), checkedBytes + 4);
	}
	bytes.writeUInt32LE(crc32(bytes.subarray(0, checkedBytes)), checkedBytes);
	return bytes;
}

/** One slot: a superblock, or why it is none. A newer format is told apart from damage. */
function parseSlot(bytes: Uint8Array): Superblock | 'empty' | 'foreign' | 'newer' | 'damaged' {
	const slot = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (slot.byteLength < superblockSlotBytes) return 'foreign';
	if (slot.subarray(0, checkedBytes).every((byte) => byte === 0)) return 'empty';
	if (!slot.subarray(0, 8).equals(magic)) return 'foreign';
	if (slot.readUInt32LE(checkedBytes) !== crc32(slot.subarray(0, checkedBytes))) return 'damaged';
	const flags = slot.readUInt32LE(12);
	if (slot.readUInt16LE(8) > formatVersion || flags > flagEncrypted) return 'newer';
	const lock = flags === flagEncrypted ? parseLockIn(slot) : null;
	if (lock === 'damaged') return 'damaged';
	const kind = kinds[slot.readUInt8(10) - 1];
	const numbers = [48, 56, 72, 80].map((at) => Number(slot.readBigUInt64LE(at)));
	const [generation, rootOffset, committedEnd, createdAt] = numbers as [number, number, number, number];
	if (!kind || slot.readUInt8(11) > 16 || !numbers.every(Number.isSafeInteger)) return 'damaged';
	return {
		kind,
		alignmentLog2: slot.readUInt8(11),
		fileId: slot.toString('latin1', 16, 32).trimEnd(),
		chainId: slot.toString('latin1', 32, 48).trimEnd(),
		generation,
		rootOffset,
		rootBytes: slot.readUInt32LE(64),
		rootCrc: slot.readUInt32LE(68),
		committedEnd,
		createdAt,
		lock,
	};
}

function parseLockIn(slot: Buffer): ChainLock | 'damaged' {
	const bytes = slot.subarray(lockAt, lockAt + lockBytes);
	if (slot.readUInt32LE(checkedBytes + 4) !== crc32(bytes)) return 'damaged';
	try {
		return parseLock(bytes, 'a superblock');
	} catch {
		return 'damaged'; // the other slot may do
	}
}

/**
 * The superblocks of a file, newest first: both, one, or (never committed) none.
 * @param head the first 8,192 bytes, or fewer if the file is shorter
 * @param where the file's name, for messages
 * @throws `repository.foreign`, `repository.newer-format`, or `repository.damaged` when neither slot can be used
 */
export function parseSuperblocks(head: Uint8Array, where: string): Superblock[] {
	const slots = [head.subarray(0, superblockSlotBytes), head.subarray(superblockSlotBytes, firstRecordOffset)].map(parseSlot);
	const valid = slots.filter((slot) => typeof slot === 'object').sort((a, b) => b.generation - a.generation);
	if (slots.includes('newer'))
		throw new EngineError('repository.newer-format', `${where} was written by a newer version of Holdfast.`, {
			hint: 'Update this installation, then try again. The file was not touched.',
		});
	if (valid.length > 0 || slots.every((slot) => slot === 'empty') || head.byteLength === 0) return valid;
	if (slots.includes('damaged')) throw new EngineError('repository.damaged', `${where}: both superblocks are damaged.`, { data: { offset: 0 } });
	if (slots.includes('empty') && head.byteLength >= firstRecordOffset) return [];
	throw new EngineError('repository.foreign', `${where} is not a backup file of Holdfast.`, { hint: 'Move it out of the repository folder.' });
}
