import { leastUncachedBytes, type UncachedBuffers, UncachedWrites, writeAt } from '../block/index.ts';
import { type Platform, uncachedUnit } from '../platform/index.ts';

/** Shorter slices go through the system's cache, which gathers them. */
const leastBytes = 512 * 1024;
const zeros = new Uint8Array(1024 * 1024);

/** Bytes of the file, from `at` on, that are not on their way yet. */
type Gathered = { readonly buffer: Uint8Array; readonly at: number; length: number };

/**
 * Writes a slice of a file from its beginning to its end. Long ones are written past the system's cache, in whole units from memory that is aligned, while the next is
 * decoded; what lies at the edges of a slice and of its holes goes through the cache.
 */
export class SliceWriter {
	readonly #fd: number;
	readonly #uncached: UncachedWrites | null;
	#gathered: Gathered | null = null;
	/** Where in the file what was written ends. */
	endBytes = 0;

	/** @param fd open for writing, and the caller's; it stays open until `settled` */
	constructor(fd: number, lengthBytes: number, platform: Platform, buffers: UncachedBuffers) {
		this.#fd = fd;
		this.#uncached = lengthBytes >= leastBytes ? UncachedWrites.open(fd, platform, buffers) : null;
	}

	/** When it resolves, `data` may change. Offsets only grow. */
	async write(data: Uint8Array, offset: number): Promise<void> {
		this.endBytes = offset + data.byteLength;
		if (this.#gathered && this.#gathered.at + this.#gathered.length !== offset) this.#handOver();
		for (let done = 0; done < data.byteLength; ) {
			const at = offset + done;
			const gathered = this.#gathered ?? (await this.#gatherFrom(at));
			if (gathered === null) {
				const end = this.#past ? Math.min(data.byteLength, done + uncachedUnit - (at % uncachedUnit)) : data.byteLength;
				writeAt(this.#fd, data.subarray(done, end), at);
				done = end;
				continue;
			}
			const piece = data.subarray(done, done + gathered.buffer.byteLength - gathered.length);
			gathered.buffer.set(piece, gathered.length);
			gathered.length += piece.byteLength;
			done += piece.byteLength;
			if (gathered.length === gathered.buffer.byteLength) this.#handOver();
		}
	}

	async writeZeros(lengthBytes: number, offset: number): Promise<void> {
		for (let done = 0; done < lengthBytes; done += zeros.byteLength)
			await this.write(zeros.subarray(0, Math.min(zeros.byteLength, lengthBytes - done)), offset + done);
	}

	/** Call after the last write: begins what was only gathered. */
	end(): void {
		this.#handOver();
	}

	/** Waits for what is on its way, whatever comes of it. */
	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#gathered) this.#uncached?.giveBack(this.#gathered.buffer);
		this.#gathered = null;
		if (this.#uncached === null) return;
		await this.settled().catch(() => undefined); // told by who called `settled`
		this.#uncached[Symbol.dispose]();
	}

	/** @throws the first failure of what was on its way */
	async settled(): Promise<void> {
		await this.#uncached?.settled();
	}

	/** Null: all goes through the cache. */
	get #past(): UncachedWrites | null {
		return this.#uncached?.isRefused ? null : this.#uncached;
	}

	async #gatherFrom(at: number): Promise<Gathered | null> {
		if (!this.#past || at % uncachedUnit !== 0) return null;
		this.#gathered = { buffer: await this.#past.take(), at, length: 0 };
		return this.#gathered;
	}

	#handOver(): void {
		const gathered = this.#gathered;
		if (!gathered || !this.#uncached) return;
		this.#gathered = null;
		const { buffer, at, length } = gathered;
		const whole = length < leastUncachedBytes ? 0 : length - (length % uncachedUnit);
		try {
			writeAt(this.#fd, buffer.subarray(whole, length), at + whole);
		} finally {
			if (whole > 0) this.#uncached.submit(buffer, whole, at);
			else this.#uncached.giveBack(buffer);
		}
	}
}
