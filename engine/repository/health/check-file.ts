import { type EngineError, isEngineError } from '../../base/index.ts';
import type { DamagedStructure } from '../../contract/index.ts';
import {
	type ChainCipher,
	damaged,
	encodeSuperblock,
	type FileIndex,
	firstRecordOffset,
	type IndexedRecord,
	type KeyRing,
	nameChunk,
	parseSuperblocks,
	recordHeaderBytes,
	type Superblock,
	sameHash,
	slotOffset,
	superblockSlotBytes,
} from '../../format/index.ts';
import { type CommittedFile, readCommittedFile, readIndex } from '../backup-file.ts';
import { readRecord } from '../read-record.ts';
import type { Storage, StorageFile } from '../storage/storage.ts';

/** One structure of a backup file that is not as it was written, or that could not be read. */
export type Fault = {
	/** Relative to the repository. */
	readonly file: string;
	readonly structure: DamagedStructure;
	readonly offset: number;
	readonly reason: string;
	/** The storage gave an error: nothing is known of what lies there, and nothing is to be done about it here. */
	readonly isUnreadable: boolean;
};
/** A record with the chunks that cannot be had from it. */
export type RecordFault = Fault & { readonly structure: 'record'; readonly hashes: readonly Uint8Array[] };

export type FileCheck = {
	/** Null: without head or index nothing of the file can be found. */
	readonly index: FileIndex | null;
	readonly faults: readonly (Fault | RecordFault)[];
};

export type CheckOptions = {
	readonly signal: AbortSignal;
	/** Which records are read, by their offset. Superblocks, root and index always are. */
	readonly isDue: (offset: number) => boolean;
	readonly onRead?: ((bytes: number) => void) | undefined;
	/** Opens the files of an encrypted chain. */
	readonly keys: KeyRing;
};

/** Reads what is due of a backup file, and compares it with all that is known of it. Never writes. @throws the signal's reason */
export async function checkFile(storage: Storage, path: string, { signal, isDue, onRead, keys }: CheckOptions): Promise<FileCheck> {
	const faults: (Fault | RecordFault)[] = [];
	const note = (structure: DamagedStructure, offset: number, error: unknown): void => void faults.push(faultOf(path, structure, offset, error));
	let index: FileIndex | null = null;
	try {
		await using file = await storage.open(path, 'read');
		const head = await readHead(file);
		for (const slot of head.badSlots) note('superblock', slot, damaged(path, slot, 'a superblock is not as it was written'));
		onRead?.(firstRecordOffset);
		const committed = await openRoot(file, head, keys, note);
		if (committed === null) return { index, faults };
		onRead?.(committed.superblock.rootBytes);
		try {
			index = await readIndex(file, committed);
		} catch (error) {
			note('index', committed.root.index[0]?.offset ?? committed.superblock.rootOffset, error);
			return { index, faults };
		}
		onRead?.(committed.root.index.reduce((sum, { bytes }) => sum + bytes, 0));
		const reader = new RecordVerifier(file, index, committed.seal?.cipher ?? null);
		let number = 0;
		for (const record of index.records()) {
			signal.throwIfAborted();
			const recordNumber = number++;
			if (!isDue(record.offset)) continue;
			const fault = await reader.verify(record, recordNumber);
			if (fault) faults.push(fault);
			onRead?.(recordHeaderBytes + record.storedBytes);
		}
	} catch (error) {
		if (signal.aborted) throw signal.reason;
		note('file', 0, error);
	}
	return { index, faults };
}

/** A file that is missing is damage: what held it was there. @throws what is no trouble of the repository's */
export function faultOf(file: string, structure: DamagedStructure, offset: number, error: unknown): Fault {
	if (!isEngineError(error)) throw error;
	const isDamage = error.code === 'repository.damaged' || error.code === 'repository.foreign' || error.code === 'not-found.path';
	const reason = error.code === 'not-found.path' ? `The backup file ${file} is missing.` : error.message;
	return { file, structure, offset, reason, isUnreadable: !isDamage };
}

export type FileHead = {
	/** Newest first; empty: both are damaged. */
	readonly superblocks: readonly Superblock[];
	/** Offsets of the slots that are not as they were written. */
	readonly badSlots: readonly number[];
};

/** @throws `repository.newer-format`, `repository.foreign`, `repository.io` */
export async function readHead(file: StorageFile): Promise<FileHead> {
	const head = Buffer.alloc(firstRecordOffset);
	const bytes = head.subarray(0, await file.read(head, 0));
	let superblocks: Superblock[] = [];
	try {
		superblocks = parseSuperblocks(bytes, file.path);
	} catch (error) {
		if (!isEngineError(error, 'repository.damaged') && !(isEngineError(error, 'repository.foreign') && bytes.byteLength > 0)) throw error;
	}
	const isSound = (offset: number): boolean => {
		const superblock = superblocks.find(({ generation }) => slotOffset(generation) === offset);
		return superblock !== undefined && Buffer.compare(encodeSuperblock(superblock), bytes.subarray(offset, offset + superblockSlotBytes)) === 0;
	};
	return { superblocks, badSlots: [0, superblockSlotBytes].filter((offset) => !isSound(offset)) };
}

async function openRoot(
	file: StorageFile,
	{ superblocks }: FileHead,
	keys: KeyRing,
	note: (structure: DamagedStructure, offset: number, error: unknown) => void,
): Promise<CommittedFile | null> {
	const [newest] = superblocks;
	if (newest === undefined) return null; // said of the superblocks
	try {
		const committed = await readCommittedFile(file, keys);
		if (committed?.superblock.generation === newest.generation) return committed;
		throw damaged(file.path, newest.rootOffset, 'the root record of the last commit cannot be read');
	} catch (error) {
		note('root', newest.rootOffset, error);
		return null;
	}
}

/** Reads records and compares each chunk that the index names with its name. */
export class RecordVerifier {
	readonly #file: StorageFile;
	readonly #index: FileIndex;
	readonly #cipher: ChainCipher | null;
	readonly #positions: Uint32Array;
	readonly #starts: Uint32Array;

	constructor(file: StorageFile, index: FileIndex, cipher: ChainCipher | null) {
		this.#file = file;
		this.#cipher = cipher;
		this.#index = index;
		({ positions: this.#positions, starts: this.#starts } = index.positionsByRecord());
	}

	/** Names of the chunks in a record. */
	hashesIn(recordNumber: number): Uint8Array[] {
		const of = this.#positions.subarray(this.#starts[recordNumber], this.#starts[recordNumber + 1]);
		return Array.from(of, (position) => this.#index.chunkAt(position).hash);
	}

	/** Null: it is as it was written. */
	async verify(record: IndexedRecord, recordNumber: number): Promise<RecordFault | null> {
		const { path } = this.#file;
		const fault = (error: EngineError, hashes: readonly Uint8Array[]): RecordFault => ({
			...faultOf(path, 'record', record.offset, error),
			structure: 'record',
			hashes,
		});
		try {
			const { header, raw } = await readRecord(this.#file, { offset: record.offset, bytes: recordHeaderBytes + record.storedBytes }, this.#cipher);
			if (header.payloadCrc !== record.payloadCrc || header.type !== 'chunks')
				throw damaged(path, record.offset, 'the record is not the one that the index names');
			const wrong: Uint8Array[] = [];
			for (const position of this.#positions.subarray(this.#starts[recordNumber], this.#starts[recordNumber + 1])) {
				const { hash, rawOffset, rawBytes } = this.#index.chunkAt(position);
				if (!sameHash(nameChunk(raw.subarray(rawOffset, rawOffset + rawBytes), this.#cipher), hash)) wrong.push(hash);
			}
			return wrong.length === 0 ? null : fault(damaged(path, record.offset, 'a chunk is not what its name says'), wrong);
		} catch (error) {
			if (!isEngineError(error)) throw error;
			return fault(error, this.hashesIn(recordNumber));
		}
	}
}
