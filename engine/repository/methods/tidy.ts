import { crc32 } from 'node:zlib';
import { assert, isEngineError } from '../../base/index.ts';
import { damaged, directoryBytes, parseRecordHeader, recordHeaderBytes } from '../../format/index.ts';
import type { BackupFileWriter } from '../backup-file.ts';
import type { OpenChain, PreparedFiles } from '../open-chain.ts';
import { type CopySource, copyChunks, maxRepackedChunk, type WantedRecord, wantedRecords } from '../record-copier.ts';
import type { StepOptions } from '../step-options.ts';

/** A record of small chunks of which less than this is needed is packed anew. */
const neededShare = 0.8;
/** At most this part of the file is rewritten at once: what is left over comes next time. */
const rewrittenShare = 1 / 8;
/** Less dead room than this is left alone. */
const toleratedShare = 0.02;

const lengthOf = ({ storedBytes }: WantedRecord): number => recordHeaderBytes + storedBytes;
const shareOf = ({ wanted, rawBytes }: WantedRecord): number =>
	(wanted.reduce((sum, chunk) => sum + chunk.rawBytes, 0) + directoryBytes(wanted.length)) / rawBytes;

/**
 * Keeps the full, which is changed in place, from growing over its live data: small chunks leave records that are dead in good part, what lies at
 * the end moves into gaps, so that the commit cuts the file off earlier, and what lies between two gaps moves out of their way.
 * A commit of its own, after the one that made the gaps; interrupted, or without room for it, the file is as before.
 * @param writer of the full, with nothing pending
 */
export async function tidyFull(chain: OpenChain, writer: BackupFileWriter, options: StepOptions): Promise<void> {
	try {
		await tidy(chain, writer, options);
	} catch (error) {
		if (!options.signal.aborted && !isEngineError(error, 'repository.full')) throw error; // what came before is done and stands
	}
}

async function tidy(chain: OpenChain, writer: BackupFileWriter, options: StepOptions): Promise<void> {
	const { committed } = writer;
	assert(committed, 'the full is committed');
	const records = wantedRecords(committed.index, () => true);
	const deadBytes = records.reduce((sum, record) => sum + (1 - shareOf(record)) * record.storedBytes, writer.gapBytes);
	if (deadBytes <= writer.sizeBytes * toleratedShare) return;
	{
		await using file = await chain.storage.open(writer.path, 'read');
		await moveRecords({ file, index: committed.index }, records, writer, options);
	}
	const { superblock, root } = committed;
	await using stack = new AsyncDisposableStack();
	let listed: PreparedFiles | undefined;
	await writer.commit({ fileId: superblock.fileId, chain: root.chain, dependsOn: root.dependsOn, points: root.points }, undefined, async (sizeBytes) => {
		listed = stack.use(await chain.prepareFiles(chain.files.map((file) => (file.kind === 'full' ? { ...file, sizeBytes } : file))));
	});
	await listed?.apply();
}

async function moveRecords(source: CopySource, records: readonly WantedRecord[], writer: BackupFileWriter, { signal, progress }: StepOptions): Promise<void> {
	let left = Math.floor(writer.sizeBytes * rewrittenShare);
	const moved = new Set<number>();
	for (const record of records.toSorted((a, b) => shareOf(a) - shareOf(b))) {
		if (shareOf(record) >= neededShare || left <= 0) break;
		if (record.wanted.some(({ rawBytes }) => rawBytes >= maxRepackedChunk)) continue;
		moved.add(record.offset);
		left -= lengthOf(record);
	}
	const isSparse = (hash: Uint8Array): boolean => moved.has(source.index.find(hash)?.recordOffset ?? -1);
	if (moved.size > 0) await copyChunks(source, writer, isSparse, { signal, progress, wholeFrom: neededShare });

	const move = async (record: WantedRecord): Promise<boolean> => {
		signal.throwIfAborted();
		const length = lengthOf(record);
		if (moved.has(record.offset)) return true;
		if (length > left || !writer.hasGap(length, record.offset)) return false;
		const bytes = Buffer.allocUnsafeSlow(length);
		if ((await source.file.read(bytes, record.offset)) < length) throw damaged(source.file.path, record.offset, 'the file ends inside a record');
		const header = parseRecordHeader(bytes, source.file.path, record.offset, writer.cipher);
		if (crc32(bytes.subarray(recordHeaderBytes)) !== record.payloadCrc) throw damaged(source.file.path, record.offset, 'the checksum of a record is wrong');
		await writer.append(bytes, header, record.wanted, record.offset);
		moved.add(record.offset);
		left -= length;
		progress?.moved(length);
		return true;
	};
	for (const record of records.toReversed()) if (!(await move(record))) break;
	for (const record of betweenGaps(records)) if (!(await move(record)) && left <= 0) break;
}

/** Records with dead room on both sides, those first that keep the most of it apart for their size. */
function betweenGaps(records: readonly WantedRecord[]): WantedRecord[] {
	const gain = new Map<WantedRecord, number>();
	for (const [i, record] of records.entries()) {
		const [before, after] = [records[i - 1], records[i + 1]];
		if (!before || !after) continue;
		const gapBefore = record.offset - before.offset - lengthOf(before);
		const gapAfter = after.offset - record.offset - lengthOf(record);
		if (gapBefore > 0 && gapAfter > 0) gain.set(record, (gapBefore + gapAfter) / lengthOf(record));
	}
	return [...gain.keys()].sort((a, b) => (gain.get(b) ?? 0) - (gain.get(a) ?? 0));
}
