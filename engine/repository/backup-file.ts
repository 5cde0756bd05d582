import { crc32 } from 'node:zlib';
import { assert, EngineError, isEngineError } from '../base/index.ts';
import type { BackupFileKind } from '../contract/index.ts';
import {
	type ChainHead,
	damaged,
	encodeFileRoot,
	encodeSuperblock,
	FileIndex,
	type FileRoot,
	firstRecordOffset,
	IndexBuilder,
	maxRawBytes,
	openRecord,
	type PlacedChunk,
	type PointManifest,
	parseFileRoot,
	parseSuperblocks,
	type RecordHeader,
	recordHeaderBytes,
	type Superblock,
	sealRecord,
	slotOffset,
} from '../format/index.ts';
import type { Storage, StorageFile } from './storage/storage.ts';

const indexPieceBytes = 4 * 1024 * 1024;

/** A committed backup file: what it says of itself, and where its chunks lie. */
export type CommittedFile = { readonly superblock: Superblock; readonly root: FileRoot };

/** Reads exactly one record. @throws `repository.damaged` */
export async function readRecord(file: StorageFile, offset: number, bytes: number): Promise<{ header: RecordHeader; raw: Uint8Array }> {
	if (bytes > maxRawBytes + recordHeaderBytes) throw damaged(file.path, offset, 'a record is larger than allowed');
	const buffer = Buffer.allocUnsafeSlow(bytes);
	if ((await file.read(buffer, offset)) < bytes) throw damaged(file.path, offset, 'the file ends inside a record');
	return openRecord(buffer, file.path, offset);
}

/**
 * Opens a file at its last commit; null when it was never committed.
 * If the newer superblock leads to a damaged root, the older one is tried.
 * @throws `repository.foreign`, `repository.newer-format`, `repository.damaged`, `repository.io`
 */
export async function readCommittedFile(file: StorageFile): Promise<CommittedFile | null> {
	const head = Buffer.alloc(firstRecordOffset);
	const superblocks = parseSuperblocks(head.subarray(0, await file.read(head, 0)), file.path);
	let failure: unknown = null;
	for (const superblock of superblocks) {
		try {
			const buffer = await readRecord(file, superblock.rootOffset, superblock.rootBytes);
			if (buffer.header.type !== 'root') throw damaged(file.path, superblock.rootOffset, 'there is no root record');
			return { superblock, root: parseFileRoot(buffer.raw, file.path) };
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			failure ??= error;
		}
	}
	if (failure) throw failure;
	return null;
}

/** @throws `repository.damaged`, `repository.io` */
export async function readIndex(file: StorageFile, committed: CommittedFile): Promise<FileIndex> {
	const pieces: Uint8Array[] = [];
	for (const { offset, bytes } of committed.root.index) {
		const { header, raw } = await readRecord(file, offset, bytes);
		if (header.type !== 'index') throw damaged(file.path, offset, 'there is no index record');
		pieces.push(raw);
	}
	return FileIndex.parse(Buffer.concat(pieces), file.path, committed.superblock.committedEnd);
}

export type NewFile = {
	readonly path: string;
	readonly fileId: string;
	readonly kind: BackupFileKind;
	readonly chain: ChainHead;
	readonly dependsOn: string | null;
	readonly createdAt: number;
};

/**
 * Writes a backup file and commits it once. Records may be appended concurrently; each gets its place in the order of the calls.
 * Until `commit` resolves the file counts for nothing: whoever finds it removes it.
 */
export class BackupFileWriter implements AsyncDisposable {
	readonly #file: StorageFile;
	readonly #what: NewFile;
	readonly #index = new IndexBuilder();
	#end = firstRecordOffset;
	#isCommitted = false;

	private constructor(file: StorageFile, what: NewFile) {
		this.#file = file;
		this.#what = what;
	}

	/** @throws `exists.target`, `repository.*` */
	static async create(storage: Storage, what: NewFile): Promise<BackupFileWriter> {
		return new BackupFileWriter(await storage.open(what.path, 'create'), what);
	}

	/** Bytes in the file so far, written or being written. */
	get sizeBytes(): number {
		return this.#end;
	}

	/** @param sealed header and payload, which must not change before the promise resolves */
	append(sealed: Uint8Array, header: RecordHeader, chunks: readonly PlacedChunk[]): Promise<void> {
		assert(!this.#isCommitted, 'a committed file takes no more records');
		const offset = this.#end;
		this.#end += sealed.byteLength;
		this.#index.add({ offset, storedBytes: header.storedBytes, rawBytes: header.rawBytes, payloadCrc: header.payloadCrc, codec: header.codec }, chunks);
		return this.#file.write(sealed, offset);
	}

	async #appendMeta(type: 'index' | 'root', raw: Uint8Array): Promise<{ offset: number; bytes: number; crc: number }> {
		const buffer = Buffer.allocUnsafeSlow(recordHeaderBytes + raw.byteLength);
		const { totalBytes } = sealRecord(buffer, type, raw, type === 'root' ? 3 : null);
		const sealed = buffer.subarray(0, totalBytes);
		const offset = this.#end;
		this.#end += totalBytes;
		await this.#file.write(sealed, offset);
		return { offset, bytes: totalBytes, crc: crc32(sealed) };
	}

	/** All appends must have resolved. Durable when it resolves. */
	async commit(points: readonly PointManifest[]): Promise<{ sizeBytes: number; index: FileIndex }> {
		const index = this.#index.build();
		const bytes = Buffer.from(index.buffer);
		const pieces: FileRoot['index'] = [];
		for (let at = 0; at < bytes.byteLength; at += indexPieceBytes) {
			const { offset, bytes: length } = await this.#appendMeta('index', bytes.subarray(at, at + indexPieceBytes));
			pieces.push({ offset, bytes: length });
		}
		const { chain, dependsOn, kind, fileId, createdAt } = this.#what;
		const root = await this.#appendMeta('root', encodeFileRoot({ chain, dependsOn, points: [...points], index: pieces }));
		await this.#file.sync();
		const superblock: Superblock = {
			kind,
			alignmentLog2: 0,
			fileId,
			chainId: chain.id,
			generation: 1,
			rootOffset: root.offset,
			rootBytes: root.bytes,
			rootCrc: root.crc,
			committedEnd: this.#end,
			createdAt,
		};
		await this.#file.write(encodeSuperblock(superblock), slotOffset(superblock.generation));
		await this.#file.sync();
		await this.#verify(superblock);
		this.#isCommitted = true;
		return { sizeBytes: this.#end, index };
	}

	/** What cannot be read back now will not be there later: the session had better know. */
	async #verify(expected: Superblock): Promise<void> {
		const read = await readCommittedFile(this.#file);
		if (read?.superblock.generation !== expected.generation || read.superblock.rootOffset !== expected.rootOffset)
			throw new EngineError('repository.io', `${this.#file.path} does not read back as it was written.`, { hint: 'Check the disk that holds the repository.' });
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#file[Symbol.asyncDispose]();
	}
}
