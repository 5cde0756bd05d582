import { hashBytes } from '../format/index.ts';

/**
 * The chunks that this run has already taken on, shared by all workers, so that content that occurs twice is packed once.
 * An open hash table in shared memory without locks: a slot is claimed by writing the first four bytes of the hash, then filled and marked.
 * Two workers that meet the same chunk within the same microsecond may both pack it; the index then keeps one. Nothing is ever missed.
 *
 * Slot: i32 tag (0: empty) · 28 bytes rest of the hash · i32 ready.
 */
const slotInts = 9;
const maxProbes = 64;

export class Claims {
	readonly buffer: SharedArrayBuffer;
	readonly #ints: Int32Array;
	readonly #bytes: Uint8Array;
	readonly #mask: number;

	constructor(buffer: SharedArrayBuffer) {
		this.buffer = buffer;
		this.#ints = new Int32Array(buffer);
		this.#bytes = new Uint8Array(buffer);
		this.#mask = buffer.byteLength / (slotInts * 4) - 1;
	}

	/** @param capacity a power of two; keep it below two thirds full */
	static create(capacity: number): Claims {
		return new Claims(new SharedArrayBuffer(capacity * slotInts * 4));
	}

	get capacity(): number {
		return this.#mask + 1;
	}

	/** True for the first caller with this hash; it must then pack the chunk. */
	claim(hash: Uint8Array): boolean {
		const tag = ((hash[0] as number) << 24) | ((hash[1] as number) << 16) | ((hash[2] as number) << 8) | (hash[3] as number) || 1;
		let slot = (((hash[4] as number) << 24) | ((hash[5] as number) << 16) | ((hash[6] as number) << 8) | (hash[7] as number)) & this.#mask;
		for (let probe = 0; probe < maxProbes; probe++, slot = (slot + 1) & this.#mask) {
			const at = slot * slotInts;
			const found = Atomics.compareExchange(this.#ints, at, 0, tag);
			if (found === 0) {
				this.#bytes.set(hash.subarray(4, hashBytes), at * 4 + 4);
				Atomics.store(this.#ints, at + 8, 1);
				return true;
			}
			if (found === tag && Atomics.load(this.#ints, at + 8) === 1 && this.#restIs(at, hash)) return false;
		}
		return true; // the table is crowded here: packing a chunk twice is better than searching for ever
	}

	#restIs(at: number, hash: Uint8Array): boolean {
		for (let i = 4; i < hashBytes; i++) if (this.#bytes[at * 4 + i] !== hash[i]) return false;
		return true;
	}

	/** The same claims with twice the room. Claims made meanwhile in the old table may be lost: their chunks are at worst packed twice. */
	grown(): Claims {
		const larger = Claims.create(this.capacity * 2);
		const hash = new Uint8Array(hashBytes);
		for (let at = 0; at < this.#ints.length; at += slotInts) {
			const tag = Atomics.load(this.#ints, at);
			if (tag === 0 || Atomics.load(this.#ints, at + 8) !== 1) continue;
			for (let i = 0; i < 4; i++) hash[i] = tag >>> (24 - 8 * i);
			hash.set(this.#bytes.subarray(at * 4 + 4, at * 4 + hashBytes), 4);
			larger.claim(hash);
		}
		return larger;
	}
}
