import { assert } from '../base/index.ts';
import { type ChainCipher, nameChunk } from '../format/index.ts';

/**
 * How a worker asks which chunks the target knows, where that is known on another machine. Chunks wait in one of two batches; while one of them is being
 * asked about, the other fills, so that the way to the target costs no time unless it is longer than filling takes.
 */
export type AnswerMemory = { readonly states: SharedArrayBuffer; readonly bytes: SharedArrayBuffer };

const areas = 2;
/** Chunks of one question. */
export const maxAsked = 1024;
/** Bytes that wait for an answer at a time, at least; twice that, and not less than two of the largest chunks. */
const leastBatchBytes = 4 * 1024 * 1024;

const asked = 0;
const answered = 1;

export const createAnswers = (): AnswerMemory => ({ states: new SharedArrayBuffer(areas * 4), bytes: new SharedArrayBuffer(areas * maxAsked) });

export class Answers {
	readonly #states: Int32Array;
	readonly #bytes: Uint8Array;

	constructor({ states, bytes }: AnswerMemory) {
		this.#states = new Int32Array(states);
		this.#bytes = new Uint8Array(bytes);
	}

	expect(area: number): void {
		Atomics.store(this.#states, area, asked);
	}

	give(area: number, answer: Uint8Array): void {
		assert(answer.byteLength <= maxAsked, 'an answer is longer than its question may be');
		this.#bytes.set(answer, area * maxAsked);
		Atomics.store(this.#states, area, answered);
		Atomics.notify(this.#states, area);
	}

	/** Blocks the thread until the answer is there. @returns null when `shouldStop` */
	wait(area: number, shouldStop: () => boolean): Uint8Array | null {
		while (Atomics.load(this.#states, area) === asked) {
			if (shouldStop()) return null;
			Atomics.wait(this.#states, area, asked, 100);
		}
		return this.#bytes.subarray(area * maxAsked, (area + 1) * maxAsked);
	}
}

type Batch = { readonly area: number; readonly bytes: Uint8Array; readonly hashes: Buffer[]; readonly lengths: number[]; used: number };

export type InquiryOptions = {
	readonly answers: AnswerMemory;
	readonly cipher: ChainCipher | null;
	readonly largestChunkBytes: number;
	readonly send: (hashes: Uint8Array, area: number) => void;
	/** Hears of every chunk that the target does not know; must be done with it when it returns. */
	readonly onUnknown: (hash: Uint8Array, chunk: Uint8Array) => void;
	readonly shouldStop: () => boolean;
};

export class Inquiry {
	readonly #options: InquiryOptions;
	readonly #answers: Answers;
	#filling: Batch;
	#other: Batch;
	/** The other batch has been asked about. */
	#isAsked = false;

	constructor(options: InquiryOptions) {
		this.#options = options;
		this.#answers = new Answers(options.answers);
		const batch = (area: number): Batch => ({
			area,
			bytes: new Uint8Array(Math.max(leastBatchBytes, options.largestChunkBytes)),
			hashes: [],
			lengths: [],
			used: 0,
		});
		this.#filling = batch(0);
		this.#other = batch(1);
	}

	/** Names a chunk; whether it is known turns out later. */
	put(chunk: Uint8Array): Uint8Array {
		const hash = nameChunk(chunk, this.#options.cipher);
		if (this.#filling.used + chunk.byteLength > this.#filling.bytes.byteLength || this.#filling.hashes.length === maxAsked) this.#turn();
		const batch = this.#filling;
		batch.bytes.set(chunk, batch.used);
		batch.used += chunk.byteLength;
		batch.hashes.push(hash);
		batch.lengths.push(chunk.byteLength);
		return hash;
	}

	/** All that was put has been decided when it returns. */
	flush(): void {
		if (this.#filling.hashes.length > 0) this.#turn();
		this.#settle();
	}

	/** Asks about what has been gathered, and decides about what was asked before. */
	#turn(): void {
		const full = this.#filling;
		this.#answers.expect(full.area);
		this.#options.send(Buffer.concat(full.hashes), full.area);
		this.#settle();
		this.#filling = this.#other;
		this.#other = full;
		this.#isAsked = true;
	}

	#settle(): void {
		if (!this.#isAsked) return;
		this.#isAsked = false;
		const batch = this.#other;
		const known = this.#answers.wait(batch.area, this.#options.shouldStop);
		let at = 0;
		for (const [i, hash] of batch.hashes.entries()) {
			const length = batch.lengths[i] as number;
			if (known && known[i] !== 1) this.#options.onUnknown(hash, batch.bytes.subarray(at, at + length));
			at += length;
		}
		batch.hashes.length = 0;
		batch.lengths.length = 0;
		batch.used = 0;
	}
}
