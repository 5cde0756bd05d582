import { assert } from '../base/index.ts';
import { type ChainCipher, nameChunk } from './chain-cipher.ts';
import { maxChunkBytes } from './chunk.ts';
import { directoryBytes, maxChunksPerRecord, type PlacedChunk, sealedBytes, writeDirectory } from './record.ts';

/** Small chunks share a record up to this size, so that they are compressed together. */
const groupBytes = 1024 * 1024;
/** A chunk of this size or more has a record of its own: reading it alone then decompresses nothing else. */
const ownRecordBytes = 128 * 1024;

/** Room for the largest sealed record that a packer makes. */
export const sealedRecordLimit = (largestChunkBytes: number): number =>
	sealedBytes(Math.max(largestChunkBytes, groupBytes + ownRecordBytes) + directoryBytes(maxChunksPerRecord));

/** Takes a raw payload with its directory. It must be done with `raw` when it returns. */
export type RecordSink = (raw: Uint8Array, chunks: readonly PlacedChunk[]) => void;

/** Puts chunks into records. */
export class Packer {
	readonly #sink: RecordSink;
	readonly #cipher: ChainCipher | null;
	readonly #group: Uint8Array;
	/** For a chunk of its own: as large as the largest so far. */
	#single = new Uint8Array(0);
	#chunks: PlacedChunk[] = [];
	#used = 0;

	/** @param cipher of the chain: names what is `put` */
	constructor(sink: RecordSink, cipher: ChainCipher | null) {
		this.#sink = sink;
		this.#cipher = cipher;
		this.#group = new Uint8Array(groupBytes + ownRecordBytes + directoryBytes(maxChunksPerRecord));
	}

	add(hash: Uint8Array, chunk: Uint8Array): void {
		if (chunk.byteLength >= ownRecordBytes) {
			assert(chunk.byteLength <= maxChunkBytes, 'a chunk is larger than a record may be');
			const needed = chunk.byteLength + directoryBytes(1);
			if (this.#single.byteLength < needed) this.#single = new Uint8Array(needed);
			this.#single.set(chunk);
			const chunks = [{ hash, rawOffset: 0, rawBytes: chunk.byteLength }];
			this.#sink(this.#single.subarray(0, writeDirectory(this.#single, chunk.byteLength, chunks)), chunks);
			return;
		}
		this.#group.set(chunk, this.#used);
		this.#chunks.push({ hash, rawOffset: this.#used, rawBytes: chunk.byteLength });
		this.#used += chunk.byteLength;
		if (this.#used >= groupBytes || this.#chunks.length === maxChunksPerRecord) this.flush();
	}

	/** Names a chunk and adds it if `isNew` says so. */
	put(chunk: Uint8Array, isNew: (hash: Uint8Array) => boolean): Uint8Array {
		const hash = nameChunk(chunk, this.#cipher);
		if (isNew(hash)) this.add(hash, chunk);
		return hash;
	}

	flush(): void {
		if (this.#chunks.length === 0) return;
		const chunks = this.#chunks;
		const rawBytes = writeDirectory(this.#group, this.#used, chunks);
		this.#chunks = [];
		this.#used = 0;
		this.#sink(this.#group.subarray(0, rawBytes), chunks);
	}
}
