import { EngineError } from '../base/index.ts';

/** Damage found while parsing: what was being read, and where in it. */
export const damaged = (what: string, offset: number, reason: string): EngineError =>
	new EngineError('repository.damaged', `${what} is damaged at byte ${offset}: ${reason}.`, { data: { what, offset, reason } });

/** Reads bounded, untrusted bytes. Every method throws `repository.damaged` rather than read past the end. */
export class ByteReader {
	readonly bytes: Uint8Array;
	readonly #view: DataView;
	readonly #what: string;
	offset = 0;

	constructor(bytes: Uint8Array, what: string) {
		this.bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.#what = what;
	}

	get remaining(): number {
		return this.bytes.byteLength - this.offset;
	}

	fail(reason: string): never {
		throw damaged(this.#what, this.offset, reason);
	}

	#require(length: number): void {
		if (length > this.remaining) this.fail(`${length} bytes are needed, ${this.remaining} are left`);
	}

	#take(length: number): number {
		this.#require(length);
		const at = this.offset;
		this.offset += length;
		return at;
	}

	u8(): number {
		return this.#view.getUint8(this.#take(1));
	}

	u64(): bigint {
		return this.#view.getBigUint64(this.#take(8), true);
	}

	i64(): bigint {
		return this.#view.getBigInt64(this.#take(8), true);
	}

	/** An unsigned LEB128 number below 2^53. */
	varint(): number {
		let value = 0;
		for (let scale = 1; ; scale *= 128) {
			const byte = this.u8();
			value += (byte & 0x7f) * scale;
			if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) this.fail('a number is too large');
			if (byte < 0x80) return value;
		}
	}

	/** A view, not a copy. */
	take(length: number): Uint8Array {
		const at = this.#take(length);
		return this.bytes.subarray(at, at + length);
	}

	/** A varint that says how many bytes follow, at most `limit`. */
	block(limit: number): Uint8Array {
		return this.take(this.#blockLength(limit));
	}

	skip(length: number): void {
		this.#take(length);
	}

	skipBlock(limit: number): void {
		this.#take(this.#blockLength(limit));
	}

	/** Where a block ends that begins behind its length, at which the reader then stands. */
	blockEnd(limit: number): number {
		const length = this.#blockLength(limit);
		this.#require(length);
		return this.offset + length;
	}

	#blockLength(limit: number): number {
		const length = this.varint();
		if (length > limit) this.fail(`a field of ${length} bytes exceeds its limit of ${limit}`);
		return length;
	}
}

/** Grows as it is written; `reset` keeps the memory. */
export class ByteWriter {
	#bytes: Uint8Array;
	#view: DataView;
	length = 0;

	constructor(capacity = 4096) {
		this.#bytes = new Uint8Array(capacity);
		this.#view = new DataView(this.#bytes.buffer);
	}

	reset(): void {
		this.length = 0;
	}

	/** What was written: a view that the next write may change. */
	view(): Uint8Array {
		return this.#bytes.subarray(0, this.length);
	}

	/** What was written, as a copy. */
	copy(): Uint8Array {
		return this.#bytes.slice(0, this.length);
	}

	/** Makes room and gives its place. Call it before taking the view, which it may replace. */
	#grow(by: number): number {
		const at = this.length;
		const needed = at + by;
		if (needed > this.#bytes.byteLength) {
			const larger = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
			larger.set(this.view());
			this.#bytes = larger;
			this.#view = new DataView(larger.buffer);
		}
		this.length = needed;
		return at;
	}

	u8(value: number): void {
		const at = this.#grow(1);
		this.#view.setUint8(at, value);
	}

	u32(value: number): void {
		const at = this.#grow(4);
		this.#view.setUint32(at, value, true);
	}

	u64(value: bigint): void {
		const at = this.#grow(8);
		this.#view.setBigUint64(at, value, true);
	}

	i64(value: bigint): void {
		const at = this.#grow(8);
		this.#view.setBigInt64(at, value, true);
	}

	varint(value: number): void {
		let rest = value;
		while (rest >= 0x80) {
			this.u8((rest % 128) | 0x80);
			rest = Math.floor(rest / 128);
		}
		this.u8(rest);
	}

	bytes(value: Uint8Array): void {
		const at = this.#grow(value.byteLength);
		this.#bytes.set(value, at);
	}

	block(value: Uint8Array): void {
		this.varint(value.byteLength);
		this.bytes(value);
	}
}
