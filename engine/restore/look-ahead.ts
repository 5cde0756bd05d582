import type { ChainReader } from '../repository/index.ts';

/** As much is on its way or waits, so that a storage far away answers while what it has sent is decoded and written. Less than what the reader keeps. */
const aheadBytes = 8 * 1024 * 1024;

/** Reads ahead of whoever goes through these chunks in their order. */
export class LookAhead {
	readonly #reader: Pick<ChainReader, 'expect'>;
	readonly #hashes: readonly Uint8Array[];
	/** Of each chunk that was begun. */
	readonly #bytes: number[] = [];
	#taken = 0;
	#bytesAhead = 0;

	constructor(reader: Pick<ChainReader, 'expect'>, hashes: readonly Uint8Array[]) {
		this.#reader = reader;
		this.#hashes = hashes;
	}

	/** Call before the next chunk is read. */
	advance(): void {
		while (this.#bytesAhead < aheadBytes && this.#bytes.length < this.#hashes.length) {
			const bytes = this.#reader.expect(this.#hashes[this.#bytes.length] as Uint8Array);
			this.#bytes.push(bytes);
			this.#bytesAhead += bytes;
		}
		this.#bytesAhead -= this.#bytes[this.#taken++] ?? 0;
	}
}
