import { assert, isEngineError } from '../../base/index.ts';
import {
	directoryBytes,
	type FileIndex,
	type IndexedRecord,
	openRecord,
	Packer,
	recordHeaderBytes,
	release,
	sealedBytes,
	sealRecord,
} from '../../format/index.ts';
import type { BackupFileWriter } from '../backup-file.ts';
import type { OpenChain, PreparedFiles } from '../open-chain.ts';
import { readRecords, type WindowBuffers } from '../read-ahead.ts';
import { maxRepackedChunk, repackLevel } from '../record-copier.ts';
import type { StepOptions } from '../step-options.ts';
import type { StorageFile } from '../storage/storage.ts';
import { groupLimit, layoutOf, movesIntoGaps, type Round, Tidying, type TidyRecord } from './tidy-plan.ts';

/** What a group of small chunks holds before it is compressed. */
const groupBytes = 1024 * 1024;

/**
 * Keeps the full, which is changed in place, from growing over its live data (see `Tidying`). Each round is a commit of its own, after the one that
 * made the dead room: interrupted, or without room for it, the file is as that round found it.
 * @param writer of the full, with nothing pending
 * @param broughtBytes what the step before has added to the full
 */
export async function tidyFull(chain: OpenChain, writer: BackupFileWriter, broughtBytes: number, options: StepOptions): Promise<void> {
	try {
		await tidy(chain, writer, broughtBytes, options);
	} catch (error) {
		// What came before is done and stands; damage is for a check to tell.
		if (!options.signal.aborted && !isEngineError(error, 'repository.full') && !isEngineError(error, 'repository.damaged')) throw error;
	}
}

async function tidy(chain: OpenChain, writer: BackupFileWriter, broughtBytes: number, options: StepOptions): Promise<void> {
	const tidying = new Tidying(broughtBytes);
	await using file = await chain.storage.open(writer.path, 'read');
	for (let isFirst = true; ; isFirst = false) {
		options.signal.throwIfAborted();
		const { committed } = writer;
		assert(committed, 'the full is committed');
		const { superblock, root, index } = committed;
		const records = new FullRecords(index);
		const metaBytes = superblock.rootBytes + root.index.reduce((sum, { bytes }) => sum + bytes, 0);
		const round = tidying.next(layoutOf(records.all, writer.room, metaBytes));
		if (round === null) return;
		if (isFirst) options.progress?.begins('tidy');
		const before = writer.appendedBytes;
		await moveRecords(file, records, round, writer, options);
		const movedBytes = writer.appendedBytes - before;
		if (round.sparse.length === 0) tidying.filled(movedBytes);
		if (movedBytes === 0) continue;
		await using stack = new AsyncDisposableStack();
		let listed: PreparedFiles | undefined;
		await writer.commit({ fileId: superblock.fileId, chain: root.chain, dependsOn: root.dependsOn, points: root.points }, undefined, async (sizeBytes) => {
			listed = stack.use(await chain.prepareFiles(chain.files.map((other) => (other.kind === 'full' ? { ...other, sizeBytes } : other))));
		});
		await listed?.apply();
	}
}

type FullRecord = TidyRecord & { readonly number: number; readonly indexed: IndexedRecord };

/** The records of an index with what is dead in them, and their chunks. */
class FullRecords {
	readonly all: readonly FullRecord[];
	readonly #index: FileIndex;
	/** Numbers of the chunks, record by record; those of record *i* begin at the *i*-th start. */
	readonly #chunks: Uint32Array;
	readonly #starts: Uint32Array;

	constructor(index: FileIndex) {
		this.#index = index;
		const { positions, starts } = index.positionsByRecord();
		[this.#chunks, this.#starts] = [positions, starts];
		const neededBytes = new Float64Array(index.recordCount);
		const largestBytes = new Uint32Array(index.recordCount);
		for (const { recordNumber: i, rawBytes } of index.chunks()) {
			neededBytes[i] = (neededBytes[i] as number) + rawBytes;
			largestBytes[i] = Math.max(largestBytes[i] as number, rawBytes);
		}
		this.all = Array.from(index.records(), (indexed, number) => {
			const { offset, storedBytes, rawBytes } = indexed;
			const needed = (neededBytes[number] as number) + directoryBytes((starts[number + 1] as number) - (starts[number] as number));
			const deadBytes = storedBytes * Math.max(0, 1 - needed / rawBytes);
			return { number, indexed, offset, lengthBytes: recordHeaderBytes + storedBytes, deadBytes, isGroup: (largestBytes[number] as number) < maxRepackedChunk };
		});
	}

	chunksOf({ number }: FullRecord): ReturnType<FileIndex['chunkAt']>[] {
		return Array.from(this.#chunks.subarray(this.#starts[number], this.#starts[number + 1]), (position) => this.#index.chunkAt(position));
	}
}

async function moveRecords(file: StorageFile, records: FullRecords, round: Round, writer: BackupFileWriter, { signal, progress }: StepOptions): Promise<void> {
	const sparse = new Set<TidyRecord>(round.sparse);
	const groups = new GroupWriter(writer);
	const buffers: WindowBuffers = []; // what was read is written, or packed, before the next is read
	const read = async function* (some: readonly FullRecord[]) {
		const byOffset = new Map(some.map((record) => [record.offset, record]));
		const indexed = some.map((record) => record.indexed);
		for await (const found of readRecords(file, indexed, writer.cipher, buffers)) {
			signal.throwIfAborted();
			yield { ...found, record: byOffset.get(found.record.offset) as FullRecord };
			progress?.moved(found.bytes.byteLength);
		}
	};
	const repack = async (bytes: Uint8Array, record: FullRecord): Promise<void> => {
		const { raw } = openRecord(bytes, file.path, record.offset, writer.cipher);
		const packedShare = record.lengthBytes / raw.byteLength;
		// in the order in which they lie: what is near to one another stays so
		const chunks = records.chunksOf(record).sort((a, b) => a.rawOffset - b.rawOffset);
		for (const { hash, rawOffset, rawBytes } of chunks) await groups.add(hash, raw.subarray(rawOffset, rawOffset + rawBytes), packedShare);
		if (raw.buffer !== bytes.buffer) release(raw);
	};
	const chosen = records.all.filter((record) => sparse.has(record));
	progress?.expects(chosen.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
	for await (const { bytes, record } of read(chosen)) await repack(bytes, record);
	for (const { record, how } of movesIntoGaps(records.all, writer.room, round.toFree, round.maxBytes)) {
		progress?.expects(record.lengthBytes);
		for await (const { bytes, header, record: full } of read([record as FullRecord])) {
			if (how === 'repacked') await repack(bytes, full);
			else await writer.append(bytes, header, records.chunksOf(full), full.offset);
		}
	}
	await groups.flush();
}

/** Packs small chunks into groups that fill the gaps of a file. */
class GroupWriter {
	readonly #writer: BackupFileWriter;
	readonly #packer: Packer;
	/** What the open group is expected to take, and may take. */
	#expectedBytes = 0;
	#limit = 0;
	#write: Promise<void> = Promise.resolve();

	constructor(writer: BackupFileWriter) {
		this.#writer = writer;
		this.#packer = new Packer((raw, chunks) => {
			const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
			const { header, totalBytes } = sealRecord(buffer, 'chunks', raw, repackLevel, writer.cipher);
			this.#expectedBytes = 0;
			this.#write = writer.append(buffer.subarray(0, totalBytes), header, chunks, 'largest-gap').finally(() => release(buffer));
			this.#write.catch(() => undefined); // whoever waits for it hears of it
		}, writer.cipher);
	}

	/** @param packedShare what the chunk is expected to take, for each of its bytes */
	async add(hash: Uint8Array, chunk: Uint8Array, packedShare: number): Promise<void> {
		const bytes = (chunk.byteLength + directoryBytes(1)) * packedShare;
		if (this.#expectedBytes > 0 && this.#expectedBytes + bytes > this.#limit) await this.flush();
		if (this.#expectedBytes === 0) this.#limit = groupLimit(this.#writer.room, groupBytes * packedShare);
		this.#expectedBytes += bytes;
		this.#packer.add(Uint8Array.from(hash), chunk);
		await this.#write;
	}

	async flush(): Promise<void> {
		this.#packer.flush();
		await this.#write;
	}
}
