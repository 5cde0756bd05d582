import { hashBytes } from './chunk.ts';
import { damaged } from './cursor.ts';
import type { Codec } from './record.ts';
import { codecs, maxRawBytes, maxStoredBytes, type PlacedChunk, recordHeaderBytes } from './record.ts';

/**
 * The index of a backup file says where its chunks lie.
 *
 * ```
 * u32 number of records, u32 number of chunks
 * records, by offset: u64 offset · u32 stored length · u32 raw length · u32 crc32 of the payload · u8 codec · 3 zero bytes
 * chunks, by hash:    32 bytes hash · u32 record number · u32 offset in the raw payload · u32 raw length
 * ```
 *
 * It is held as it lies in the file, in shared memory, so that every thread searches the same bytes and opening costs no parsing.
 */
const recordBytes = 24;
const chunkBytes = hashBytes + 12;
const headBytes = 8;

export type ChunkLocation = {
	/** Of the record in the file. */
	readonly recordOffset: number;
	/** Of the record with its header. */
	readonly recordBytes: number;
	readonly rawOffset: number;
	readonly rawBytes: number;
};
export type IndexedChunk = PlacedChunk & { readonly recordNumber: number };
export type IndexedRecord = {
	readonly offset: number;
	readonly storedBytes: number;
	readonly rawBytes: number;
	readonly payloadCrc: number;
	readonly codec: Codec;
};

export class FileIndex {
	readonly buffer: SharedArrayBuffer;
	readonly recordCount: number;
	readonly chunkCount: number;
	readonly #bytes: Uint8Array;
	readonly #view: DataView;
	readonly #chunksAt: number;

	/** Takes bytes that `parse` or `IndexBuilder` made. */
	constructor(buffer: SharedArrayBuffer) {
		this.buffer = buffer;
		this.#bytes = new Uint8Array(buffer);
		this.#view = new DataView(buffer);
		this.recordCount = this.#view.getUint32(0, true);
		this.chunkCount = this.#view.getUint32(4, true);
		this.#chunksAt = headBytes + this.recordCount * recordBytes;
	}

	/** Checks untrusted bytes once, so that look-ups need no checks. @throws `repository.damaged` */
	static parse(bytes: Uint8Array, where: string, fileEnd: number): FileIndex {
		if (bytes.byteLength < headBytes) throw damaged(where, 0, 'the index is cut short');
		const buffer = new SharedArrayBuffer(bytes.byteLength);
		new Uint8Array(buffer).set(bytes);
		const view = new DataView(buffer);
		const needed = headBytes + view.getUint32(0, true) * recordBytes + view.getUint32(4, true) * chunkBytes;
		if (needed !== bytes.byteLength) throw damaged(where, 0, 'the index has not the length that it says');
		const index = new FileIndex(buffer);
		let end = 0;
		for (let i = 0; i < index.recordCount; i++) {
			const at = headBytes + i * recordBytes;
			const offset = Number(view.getBigUint64(at, true));
			const stored = view.getUint32(at + 8, true);
			if (
				offset < end ||
				stored > maxStoredBytes ||
				view.getUint32(at + 12, true) > maxRawBytes ||
				offset + recordHeaderBytes + stored > fileEnd ||
				view.getUint8(at + 20) > 1
			)
				throw damaged(where, at, 'the index names an impossible record');
			end = offset + recordHeaderBytes + stored;
		}
		const all = new Uint8Array(buffer);
		for (let i = 0; i < index.chunkCount; i++) {
			const at = index.#chunksAt + i * chunkBytes;
			const record = view.getUint32(at + hashBytes, true);
			if (record >= index.recordCount) throw damaged(where, at, 'the index names a record that does not exist');
			const raw = view.getUint32(headBytes + record * recordBytes + 12, true);
			if (view.getUint32(at + hashBytes + 4, true) + view.getUint32(at + hashBytes + 8, true) > raw)
				throw damaged(where, at, 'a chunk reaches past its record');
			if (i > 0 && compareHashes(all, at - chunkBytes, all, at) >= 0) throw damaged(where, at, 'the index is not sorted');
		}
		return index;
	}

	#find(hash: Uint8Array): number {
		let low = 0;
		let high = this.chunkCount - 1;
		const first = firstOf(hash);
		while (low <= high) {
			const middle = (low + high) >>> 1;
			const at = this.#chunksAt + middle * chunkBytes;
			// the first four bytes decide nearly always: they are compared as one number
			const order = this.#view.getUint32(at) - first || compareHashes(this.#bytes, at, hash, 0);
			if (order === 0) return at;
			if (order < 0) low = middle + 1;
			else high = middle - 1;
		}
		return -1;
	}

	has(hash: Uint8Array): boolean {
		return this.#find(hash) >= 0;
	}

	/** Number of the chunk in the order of hashes, -1 when it is not here: for marking chunks in a bit map. */
	position(hash: Uint8Array): number {
		const at = this.#find(hash);
		return at < 0 ? -1 : (at - this.#chunksAt) / chunkBytes;
	}

	/** All chunks, by hash, with the number of their record. The hashes are views. */
	*chunks(): Generator<IndexedChunk> {
		for (let position = 0; position < this.chunkCount; position++) yield this.chunkAt(position);
	}

	/** The chunk of that number in the order of hashes. The hash is a view. */
	chunkAt(position: number): IndexedChunk {
		const at = this.#chunksAt + position * chunkBytes;
		return {
			hash: this.#bytes.subarray(at, at + hashBytes),
			recordNumber: this.#view.getUint32(at + hashBytes, true),
			rawOffset: this.#view.getUint32(at + hashBytes + 4, true),
			rawBytes: this.#view.getUint32(at + hashBytes + 8, true),
		};
	}

	/** Positions of all chunks, those of one record together, by the number of their record: 4 bytes a chunk. */
	positionsByRecord(): {
		readonly positions: Uint32Array /** Where those of a record begin; one more than there are records. */;
		readonly starts: Uint32Array;
	} {
		const starts = new Uint32Array(this.recordCount + 1);
		const recordOf = (position: number): number => this.#view.getUint32(this.#chunksAt + position * chunkBytes + hashBytes, true);
		for (let position = 0; position < this.chunkCount; position++) starts[recordOf(position) + 1] = (starts[recordOf(position) + 1] as number) + 1;
		for (let record = 0; record < this.recordCount; record++) starts[record + 1] = (starts[record + 1] as number) + (starts[record] as number);
		const next = starts.slice();
		const positions = new Uint32Array(this.chunkCount);
		for (let position = 0; position < this.chunkCount; position++) {
			const record = recordOf(position);
			positions[next[record] as number] = position;
			next[record] = (next[record] as number) + 1;
		}
		return { positions, starts };
	}

	find(hash: Uint8Array): ChunkLocation | undefined {
		const at = this.#find(hash);
		return at < 0 ? undefined : this.#locationAt(at);
	}

	#locationAt(at: number): ChunkLocation {
		const record = headBytes + this.#view.getUint32(at + hashBytes, true) * recordBytes;
		return {
			recordOffset: Number(this.#view.getBigUint64(record, true)),
			recordBytes: recordHeaderBytes + this.#view.getUint32(record + 8, true),
			rawOffset: this.#view.getUint32(at + hashBytes + 4, true),
			rawBytes: this.#view.getUint32(at + hashBytes + 8, true),
		};
	}

	/** All records, by offset. */
	*records(): Generator<IndexedRecord> {
		for (let i = 0; i < this.recordCount; i++) {
			const at = headBytes + i * recordBytes;
			yield {
				offset: Number(this.#view.getBigUint64(at, true)),
				storedBytes: this.#view.getUint32(at + 8, true),
				rawBytes: this.#view.getUint32(at + 12, true),
				payloadCrc: this.#view.getUint32(at + 16, true),
				codec: this.#view.getUint8(at + 20) === codecs.zstd ? 'zstd' : 'none',
			};
		}
	}
}

const firstOf = (hash: Uint8Array): number =>
	(((hash[0] as number) << 24) | ((hash[1] as number) << 16) | ((hash[2] as number) << 8) | (hash[3] as number)) >>> 0;

function compareHashes(a: Uint8Array, at: number, b: Uint8Array, bt: number): number {
	for (let i = 0; i < hashBytes; i++) {
		const difference = (a[at + i] as number) - (b[bt + i] as number);
		if (difference !== 0) return difference;
	}
	return 0;
}

/** Collects what a session writes; `build` sorts it. Chunks that were written twice are named once. */
export class IndexBuilder {
	#records = new Uint8Array(recordBytes * 256);
	#chunks = new Uint8Array(chunkBytes * 1024);
	recordCount = 0;
	chunkCount = 0;

	/** Records may come in any order of their offsets. */
	add(record: IndexedRecord, chunks: readonly PlacedChunk[]): void {
		this.#records = grown(this.#records, (this.recordCount + 1) * recordBytes);
		const view = new DataView(this.#records.buffer);
		const at = this.recordCount * recordBytes;
		view.setBigUint64(at, BigInt(record.offset), true);
		view.setUint32(at + 8, record.storedBytes, true);
		view.setUint32(at + 12, record.rawBytes, true);
		view.setUint32(at + 16, record.payloadCrc, true);
		view.setUint8(at + 20, codecs[record.codec]);
		this.#chunks = grown(this.#chunks, (this.chunkCount + chunks.length) * chunkBytes);
		const chunkView = new DataView(this.#chunks.buffer);
		for (const chunk of chunks) {
			const to = this.chunkCount * chunkBytes;
			this.#chunks.set(chunk.hash, to);
			chunkView.setUint32(to + hashBytes, this.recordCount, true);
			chunkView.setUint32(to + hashBytes + 4, chunk.rawOffset, true);
			chunkView.setUint32(to + hashBytes + 8, chunk.rawBytes, true);
			this.chunkCount++;
		}
		this.recordCount++;
	}

	/** Takes over what another index names, as far as it is wanted; records without a wanted chunk are left out. Copies bytes: an object for each chunk would cost more. */
	addFrom(index: FileIndex, isWanted: (hash: Uint8Array) => boolean): void {
		const from = new Uint8Array(index.buffer);
		const chunksAt = headBytes + index.recordCount * recordBytes;
		this.#records = grown(this.#records, (this.recordCount + index.recordCount) * recordBytes);
		this.#chunks = grown(this.#chunks, (this.chunkCount + index.chunkCount) * chunkBytes);
		const chunkView = new DataView(this.#chunks.buffer);
		const { positions, starts } = index.positionsByRecord();
		for (let record = 0; record < index.recordCount; record++) {
			const before = this.chunkCount;
			for (let i = starts[record] as number; i < (starts[record + 1] as number); i++) {
				const at = chunksAt + (positions[i] as number) * chunkBytes;
				if (!isWanted(from.subarray(at, at + hashBytes))) continue;
				const to = this.chunkCount * chunkBytes;
				this.#chunks.set(from.subarray(at, at + chunkBytes), to);
				chunkView.setUint32(to + hashBytes, this.recordCount, true);
				this.chunkCount++;
			}
			if (this.chunkCount === before) continue;
			const at = headBytes + record * recordBytes;
			this.#records.set(from.subarray(at, at + recordBytes), this.recordCount * recordBytes);
			this.recordCount++;
		}
	}

	/** Numbers of the records by offset: as they are, unless some went into gaps. */
	#recordOrder(): Uint32Array {
		const order = new Uint32Array(this.recordCount).map((_, i) => i);
		const offsets = new Float64Array(this.recordCount);
		const view = new DataView(this.#records.buffer);
		let isSorted = true;
		for (let i = 0; i < this.recordCount; i++) {
			offsets[i] = Number(view.getBigUint64(i * recordBytes, true));
			isSorted &&= i === 0 || (offsets[i] as number) > (offsets[i - 1] as number);
		}
		return isSorted ? order : order.sort((a, b) => (offsets[a] as number) - (offsets[b] as number));
	}

	build(): FileIndex {
		const order = new Uint32Array(this.chunkCount).map((_, i) => i);
		const chunks = this.#chunks;
		const prefixes = new Float64Array(this.chunkCount);
		const view = new DataView(chunks.buffer);
		for (let i = 0; i < this.chunkCount; i++) prefixes[i] = view.getUint32(i * chunkBytes) * 65_536 + view.getUint16(i * chunkBytes + 4);
		order.sort((a, b) => (prefixes[a] as number) - (prefixes[b] as number) || compareHashes(chunks, a * chunkBytes, chunks, b * chunkBytes) || a - b);
		const recordOrder = this.#recordOrder();
		const unique = order.filter((at, i) => i === 0 || compareHashes(chunks, at * chunkBytes, chunks, (order[i - 1] as number) * chunkBytes) !== 0);
		const buffer = new SharedArrayBuffer(headBytes + this.recordCount * recordBytes + unique.length * chunkBytes);
		const bytes = new Uint8Array(buffer);
		const head = new DataView(buffer);
		head.setUint32(0, this.recordCount, true);
		head.setUint32(4, unique.length, true);
		let to = headBytes;
		const newNumbers = new Uint32Array(this.recordCount);
		for (const [newNumber, number] of recordOrder.entries()) {
			bytes.set(this.#records.subarray(number * recordBytes, (number + 1) * recordBytes), to);
			newNumbers[number] = newNumber;
			to += recordBytes;
		}
		for (const at of unique) {
			bytes.set(chunks.subarray(at * chunkBytes, (at + 1) * chunkBytes), to);
			head.setUint32(to + hashBytes, newNumbers[view.getUint32(at * chunkBytes + hashBytes, true)] as number, true);
			to += chunkBytes;
		}
		return new FileIndex(buffer);
	}
}

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
	if (needed <= bytes.byteLength) return bytes;
	const larger = new Uint8Array(Math.max(needed, bytes.byteLength * 2));
	larger.set(bytes);
	return larger;
}
