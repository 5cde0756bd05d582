import { crc32 } from 'node:zlib';
import { assert, EngineError, isEngineError } from '../base/index.ts';
import type { BackupFileKind } from '../contract/index.ts';
import {
	type ChainCipher,
	type ChainHead,
	type ChainLock,
	type ChainSeal,
	damaged,
	encodeFileRoot,
	encodeSuperblock,
	FileIndex,
	type FileRoot,
	firstRecordOffset,
	IndexBuilder,
	type IndexedRecord,
	type KeyRing,
	openSeal,
	type PlacedChunk,
	type PointManifest,
	parseFileRoot,
	parseSuperblocks,
	type RecordHeader,
	recordHeaderBytes,
	ringOf,
	type Superblock,
	sealedBytes,
	sealRecord,
	slotOffset,
} from '../format/index.ts';
import { FreeRoom, type Span } from './free-room.ts';
import { readRecord } from './read-record.ts';
import type { Storage, StorageFile } from './storage/storage.ts';

const indexPieceBytes = 4 * 1024 * 1024;
const leastIndexPieceBytes = 64 * 1024;

/** A committed backup file: what it says of itself, and where its chunks lie. */
export type CommittedFile = OpenedFile<ChainSeal>;
type OpenedFile<Seal> = { readonly superblock: Superblock; readonly root: FileRoot; readonly seal: Seal | null };
type Unsealed = { readonly cipher: ChainCipher };

/**
 * Opens a file at its last commit; null when it was never committed.
 * If the newer superblock leads to a damaged root, the older one is tried.
 * @throws `repository.foreign`, `repository.newer-format`, `repository.locked`, `repository.damaged`, `repository.io`
 */
export const readCommittedFile = (file: StorageFile, keys: KeyRing): Promise<CommittedFile | null> =>
	readCommit(file, (lock) => openSeal(lock, keys, file.path));

/** The same for who was given the keys of the file's chain alone, and can do nothing but read. @throws as above */
export const readWithChainKeys = (file: StorageFile, cipher: ChainCipher | null): Promise<OpenedFile<Unsealed> | null> =>
	readCommit(file, (lock) => {
		if (lock === null) return null;
		if (cipher === null) throw new EngineError('repository.locked', `${file.path} is encrypted, and the keys of its chain were not given.`);
		return { cipher };
	});

async function readCommit<Seal extends Unsealed>(file: StorageFile, open: (lock: ChainLock | null) => Seal | null): Promise<OpenedFile<Seal> | null> {
	const head = Buffer.alloc(firstRecordOffset);
	const superblocks = parseSuperblocks(head.subarray(0, await file.read(head, 0)), file.path);
	let failure: unknown = null;
	for (const superblock of superblocks) {
		try {
			const seal = open(superblock.lock);
			const { rootOffset: offset, rootBytes: bytes, rootCrc: crc } = superblock;
			const buffer = await readRecord(file, { offset, bytes, crc }, seal?.cipher ?? null);
			if (buffer.header.type !== 'root') throw damaged(file.path, superblock.rootOffset, 'there is no root record');
			return { superblock, root: parseFileRoot(buffer.raw, file.path), seal };
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			failure ??= error;
		}
	}
	if (failure) throw failure;
	return null;
}

/** @throws `repository.damaged`, `repository.io` */
export async function readIndex(file: StorageFile, committed: OpenedFile<Unsealed>): Promise<FileIndex> {
	const pieces: Uint8Array[] = [];
	let left = committed.superblock.committedEnd;
	for (const { offset, bytes } of committed.root.index) {
		left -= bytes;
		if (left < 0) throw damaged(file.path, offset, 'the index is larger than the file');
		const { header, raw } = await readRecord(file, { offset, bytes }, committed.seal?.cipher ?? null);
		// stored as it is: what it takes in memory is what it takes in the file
		if (header.type !== 'index' || header.codec !== 'none') throw damaged(file.path, offset, 'there is no index record');
		pieces.push(raw);
	}
	return FileIndex.parse(Buffer.concat(pieces), file.path, committed.superblock.committedEnd);
}

export type NewFile = {
	readonly path: string;
	readonly kind: BackupFileKind;
	readonly createdAt: number;
	/** Of its chain; null when that is not encrypted. */
	readonly seal: ChainSeal | null;
};

/**
 * What a commit says of the file. The id names the state that the file completes, not the file: when an increment is merged into its full,
 * the full takes the id of the increment, and what builds on the increment builds on the full.
 */
export type FileClaim = { readonly fileId: string; readonly chain: ChainHead; readonly dependsOn: string | null; readonly points: readonly PointManifest[] };

/** Writes the last commit's superblock anew into both slots, one after the other, so that the file opens at every instant. @throws `repository.*` */
export async function renewSuperblocks(storage: Storage, path: string, seal: ChainSeal | null): Promise<void> {
	await using file = await storage.open(path, 'update');
	const committed = await readCommittedFile(file, ringOf(seal));
	if (!committed) throw new EngineError('repository.damaged', `${path} was never completed.`);
	for (const step of [1, 2]) {
		const generation = committed.superblock.generation + step;
		await file.write(encodeSuperblock({ ...committed.superblock, generation }), slotOffset(generation));
		await file.sync();
	}
}

/** The state that a file opens with: nothing for a new one. */
export type Committed = Omit<CommittedFile, 'seal'> & { readonly index: FileIndex };

/** Where a record lies already: the storage copies it from there if it can. */
export type RecordSource = { readonly file: StorageFile; readonly offset: number };

export type SealedRecord = { readonly header: Omit<IndexedRecord, 'offset'>; readonly chunks: readonly PlacedChunk[] } & (
	| {
			/** Header and payload, which must not change until they are written. */
			readonly sealed: Uint8Array;
			readonly from?: RecordSource;
	  }
	/** Nobody has looked at it. */
	| { readonly sealed: null; readonly from: RecordSource }
);

/** Records that lie one behind the other where they come from and where they go. */
type Run = { readonly offset: number; readonly length: number; readonly bytes: Uint8Array | null; readonly from: RecordSource | null };

const keepAll = (): boolean => true;

/**
 * Writes a backup file, new or in place. Records may be appended concurrently; each gets its place in the order of the calls.
 * What the last commit refers to is never overwritten: until the next `commit` resolves the file opens as it was, and a new one counts for nothing.
 */
export class BackupFileWriter implements AsyncDisposable {
	readonly #file: StorageFile;
	readonly #what: NewFile;
	#committed: Committed | null;
	#room: FreeRoom;
	#added = new IndexBuilder();
	#appendedBytes = 0;
	#isClosed = false;
	/** Whether the file opens at `#committed` and at nothing else. */
	#isCertain = true;

	private constructor(file: StorageFile, what: NewFile, committed: Committed | null, room: FreeRoom) {
		this.#file = file;
		this.#what = what;
		this.#committed = committed;
		this.#room = room;
	}

	/** @throws `exists.target`, `repository.*` */
	static async create(storage: Storage, what: NewFile): Promise<BackupFileWriter> {
		return new BackupFileWriter(await storage.open(what.path, 'create'), what, null, roomOf(null));
	}

	/** Opens a committed file for changes in place. The caller has seen to it that nobody reads it. @throws `repository.*` */
	static async update(storage: Storage, path: string, seal: ChainSeal | null): Promise<BackupFileWriter> {
		const file = await storage.open(path, 'update');
		try {
			const committed = await readCommittedFile(file, ringOf(seal));
			if (!committed) throw new EngineError('repository.damaged', `${path} was never completed.`);
			const { kind, createdAt } = committed.superblock;
			const state: Committed = { ...committed, index: await readIndex(file, committed) };
			return new BackupFileWriter(file, { path, kind, createdAt, seal: committed.seal }, state, roomOf(state));
		} catch (error) {
			await file[Symbol.asyncDispose]();
			throw error;
		}
	}

	/**
	 * Opens a file whose root or index was lost, with what was found in its place. Nothing that the file holds is overwritten by the next commit:
	 * what could not be found may lie anywhere in it. The caller has the file for itself.
	 */
	static async rescue(storage: Storage, path: string, found: Committed, seal: ChainSeal | null): Promise<BackupFileWriter> {
		const file = await storage.open(path, 'update');
		const { kind, createdAt } = found.superblock;
		const length = Math.max(0, (await file.sizeBytes()) - firstRecordOffset);
		const writer = new BackupFileWriter(file, { path, kind, createdAt, seal }, found, new FreeRoom([{ offset: firstRecordOffset, length }], firstRecordOffset));
		writer.#isCertain = false;
		return writer;
	}

	/** Bytes that the file occupies, written or being written. */
	get sizeBytes(): number {
		return this.#room.end;
	}

	/** Room that nothing occupies. To look at: it is taken by appending. */
	get room(): Omit<FreeRoom, 'take' | 'takeFromLargest'> {
		return this.#room;
	}

	/** Of all records that were appended since the file was opened. */
	get appendedBytes(): number {
		return this.#appendedBytes;
	}

	get path(): string {
		return this.#what.path;
	}

	/** Of the chain; null when it is not encrypted. */
	get cipher(): ChainCipher | null {
		return this.#what.seal?.cipher ?? null;
	}

	/** Of the last commit; null for a new file. */
	get committed(): Committed | null {
		return this.#committed;
	}

	/**
	 * @param sealed header and payload, which must not change before the promise resolves
	 * @param place an offset: room from there on is not used if there is some before; or the largest gap
	 */
	append(sealed: Uint8Array, header: RecordHeader, chunks: readonly PlacedChunk[], place?: number | 'largest-gap'): Promise<void> {
		return this.#file.write(sealed, this.#take({ header, chunks }, place));
	}

	/** Appends one after the other. Those that are neighbours where they come from and where they go are written or copied together. @returns where they lie */
	async appendAll(records: readonly SealedRecord[]): Promise<IndexedRecord[]> {
		const writes: Promise<void>[] = [];
		const placed: IndexedRecord[] = [];
		let run: Run | null = null;
		for (const record of records) {
			const { header, sealed, from = null } = record;
			const offset = this.#take(record);
			placed.push({ ...header, offset });
			const next: Run = { offset, length: recordHeaderBytes + header.storedBytes, bytes: sealed, from };
			const joined: Run | null = run && joinedRun(run, next);
			if (run && !joined) writes.push(this.#writeRun(run));
			run = joined ?? next;
		}
		if (run) writes.push(this.#writeRun(run));
		const failed = (await Promise.allSettled(writes)).find(({ status }) => status === 'rejected');
		if (failed?.status === 'rejected') throw failed.reason;
		return placed;
	}

	async #writeRun({ offset, length, bytes, from }: Run): Promise<void> {
		if (from && (await this.#file.copyFrom(from.file, from.offset, length, offset))) return;
		if (bytes) await this.#file.write(bytes, offset);
		else if (from) await copyThroughMemory(from, length, this.#file, offset);
	}

	#take({ header, chunks }: Pick<SealedRecord, 'header' | 'chunks'>, place?: number | 'largest-gap'): number {
		assert(!this.#isClosed, 'a closed file takes no more records');
		const length = recordHeaderBytes + header.storedBytes;
		const offset = place === 'largest-gap' ? this.#room.takeFromLargest(length) : this.#room.take(length, place);
		this.#appendedBytes += length;
		this.#added.add({ offset, storedBytes: header.storedBytes, rawBytes: header.rawBytes, payloadCrc: header.payloadCrc, codec: header.codec }, chunks);
		return offset;
	}

	/** Everything that can be read from the file now, committed or not. All appends must have resolved. */
	pendingIndex(): FileIndex {
		return this.#nextIndex(keepAll);
	}

	#nextIndex(isKept: (hash: Uint8Array) => boolean): FileIndex {
		const added = this.#added.build();
		return this.#committed ? this.#committed.index.joinedWith(added, isKept) : added;
	}

	async #appendMeta(type: 'index' | 'root', raw: Uint8Array): Promise<{ offset: number; bytes: number; crc: number }> {
		const buffer = Buffer.allocUnsafeSlow(sealedBytes(raw.byteLength));
		const { totalBytes } = sealRecord(buffer, type, raw, type === 'root' ? 3 : null, this.cipher);
		const sealed = buffer.subarray(0, totalBytes);
		const offset = this.#room.take(totalBytes);
		await this.#file.write(sealed, offset);
		return { offset, bytes: totalBytes, crc: crc32(sealed) };
	}

	/**
	 * All appends must have resolved. Durable when it resolves; the file may then be changed again.
	 * @param isKept which chunks of the last commit stay; the others make room
	 * @param prepare is told the new size and awaited when nothing but the superblock is missing: what it refuses does not happen
	 */
	async commit(
		claim: FileClaim,
		isKept: (hash: Uint8Array) => boolean = keepAll,
		prepare?: (sizeBytes: number) => Promise<void>,
	): Promise<{ sizeBytes: number; index: FileIndex }> {
		const index = this.#nextIndex(isKept);
		const bytes = Buffer.from(index.buffer);
		const pieces: FileRoot['index'] = [];
		for (let at = 0; at < bytes.byteLength; ) {
			// cut as the gaps are: an index that found room only at the end would make the file longer with each commit
			const gapBytes = this.#room.largestGap - sealedBytes(0);
			const end = Math.min(bytes.byteLength, at + indexPieceBytes, gapBytes >= leastIndexPieceBytes ? at + gapBytes : Number.POSITIVE_INFINITY);
			const { offset, bytes: length } = await this.#appendMeta('index', bytes.subarray(at, end));
			pieces.push({ offset, bytes: length });
			at = end;
		}
		const root: FileRoot = { chain: claim.chain, dependsOn: claim.dependsOn, points: [...claim.points], index: pieces };
		const rootRecord = await this.#appendMeta('root', encodeFileRoot(root));
		await this.#file.sync();
		const room = roomBeside({ offset: rootRecord.offset, length: rootRecord.bytes }, root, index);
		const superblock: Superblock = {
			kind: this.#what.kind,
			alignmentLog2: 0,
			fileId: claim.fileId,
			chainId: claim.chain.id,
			generation: (this.#committed?.superblock.generation ?? 0) + 1,
			rootOffset: rootRecord.offset,
			rootBytes: rootRecord.bytes,
			rootCrc: rootRecord.crc,
			committedEnd: room.end,
			createdAt: this.#what.createdAt,
			lock: this.#what.seal?.lock ?? null,
		};
		await prepare?.(room.end);
		this.#isCertain = false;
		await this.#file.write(encodeSuperblock(superblock), slotOffset(superblock.generation));
		await this.#file.sync();
		await this.#verify(superblock);
		// The same state again in the other slot: one bad byte must not cost the file.
		const copy = { ...superblock, generation: superblock.generation + 1 };
		this.#committed = { superblock: copy, root, index };
		this.#isCertain = true;
		this.#room = room;
		this.#added = new IndexBuilder();
		await this.#file.write(encodeSuperblock(copy), slotOffset(copy.generation)).catch(ignored);
		await this.#file.truncate(room.end).catch(ignored);
		return { sizeBytes: room.end, index };
	}

	/** What cannot be read back now will not be there later: the session had better know. */
	async #verify(expected: Superblock): Promise<void> {
		const read = await readCommittedFile(this.#file, ringOf(this.#what.seal));
		if (read?.superblock.generation !== expected.generation || read.superblock.rootOffset !== expected.rootOffset)
			throw new EngineError('repository.io', `${this.#file.path} does not read back as it was written.`, { hint: 'Check the disk that holds the repository.' });
	}

	/** Closes; what was appended behind the last commit is cut off, unless a commit failed in such a way that it may have happened. */
	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#isClosed) return;
		this.#isClosed = true;
		if (this.#committed && this.#isCertain) await this.#file.truncate(this.#committed.superblock.committedEnd).catch(ignored); // room that the next change reclaims
		await this.#file[Symbol.asyncDispose]();
	}
}

/** Both as one; null when they are no neighbours. */
function joinedRun(run: Run, next: Run): Run | null {
	const areNeighbours =
		run.offset + run.length === next.offset &&
		(run.from && next.from ? run.from.file === next.from.file && run.from.offset + run.length === next.from.offset : run.from === next.from);
	if (!areNeighbours) return null;
	const length = run.length + next.length;
	const { bytes, offset, from } = run;
	if (bytes === null || next.bytes === null) return bytes === next.bytes ? { offset, length, bytes, from } : null;
	if (bytes.buffer !== next.bytes.buffer || bytes.byteOffset + run.length !== next.bytes.byteOffset) return null;
	return { offset, length, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, length), from };
}

const copyPieceBytes = 1024 * 1024;

/** @throws `repository.damaged` when the source is too short, `repository.*` */
async function copyThroughMemory({ file, offset }: RecordSource, length: number, target: StorageFile, targetOffset: number): Promise<void> {
	const buffer = Buffer.allocUnsafeSlow(Math.min(length, copyPieceBytes));
	for (let done = 0; done < length; ) {
		const piece = buffer.subarray(0, Math.min(buffer.byteLength, length - done));
		if ((await file.read(piece, offset + done)) < piece.byteLength) throw damaged(file.path, offset + done, 'the file ends inside a record');
		await target.write(piece, targetOffset + done);
		done += piece.byteLength;
	}
}

/** For what a commit does not rest on. */
const ignored = (): void => undefined;

const roomOf = (committed: Committed | null): FreeRoom =>
	committed
		? roomBeside({ offset: committed.superblock.rootOffset, length: committed.superblock.rootBytes }, committed.root, committed.index)
		: new FreeRoom([], firstRecordOffset);

/** What a commit does not refer to. */
function roomBeside(rootRecord: Span, root: FileRoot, index: FileIndex): FreeRoom {
	const records = Array.from(index.records(), ({ offset, storedBytes }) => ({ offset, length: recordHeaderBytes + storedBytes }));
	const pieces = root.index.map(({ offset, bytes }) => ({ offset, length: bytes }));
	return new FreeRoom([...records, ...pieces, rootRecord], firstRecordOffset);
}
