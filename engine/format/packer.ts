import { chunkHash } from './chunk.ts';
import { directoryBytes, maxChunksPerRecord, type PlacedChunk, recordHeaderBytes, writeDirectory } from './record.ts';

/** Small chunks share a record up to this size, so that they are compressed together. */
const groupBytes = 1024 * 1024;
/** A chunk of this size or more has a record of its own: reading it alone then decompresses nothing else. */
const ownRecordBytes = 128 * 1024;

/** Room for the largest sealed record that a packer makes. */
export const sealedRecordLimit = (maxChunkBytes: number): number =>
	recordHeaderBytes + Math.max(maxChunkBytes, groupBytes + ownRecordBytes) + directoryBytes(maxChunksPerRecord);

/** Takes a raw payload with its directory. It must be done with `raw` when it returns. */
export type RecordSink = (raw: Uint8Array, chunks: readonly PlacedChunk[]) => void;

/** Puts chunks into records. */
export class Packer {
	readonly #sink: RecordSink;
	readonly #group: Uint8Array;
	readonly #single: Uint8Array;
	#chunks: PlacedChunk[] = [];
	#used = 0;

	constructor(maxChunkBytes: number, sink: RecordSink) {
		this.#sink = sink;
		this.#group = new Uint8Array(groupBytes + ownRecordBytes + directoryBytes(maxChunksPerRecord));
		this.#single = new Uint8Array(Math.max(maxChunkBytes, ownRecordBytes) + directoryBytes(1));
	}

	add(hash: Uint8Array, chunk: Uint8Array): void {
		if (chunk.byteLength >= ownRecordBytes) {
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
		const hash = chunkHash(chunk);
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
