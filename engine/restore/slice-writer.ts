import * as fs from 'node:fs';
import { type UncachedBuffers, UncachedWrites } from '../block/index.ts';
import { type Platform, uncachedUnit } from '../platform/index.ts';

/** Shorter slices go through the system's cache, which gathers them. */
const leastBytes = 512 * 1024;
/** What is gathered of a slice when it ends, or a hole comes, and is not worth a write of its own. */
const leastGatheredBytes = 128 * 1024;

const zeros = new Uint8Array(1024 * 1024);

/**
 * Writes a slice of a file from its beginning to its end. Long ones are written past the system's cache, in whole units from memory that is aligned, while the next is
 * decoded; what lies at the edges of a slice and of its holes goes through the cache.
 */
export class SliceWriter {
	readonly #fd: number;
	readonly #uncached: UncachedWrites | null;
	/** Bytes of the file from `#at` on that are not on their way yet. */
	#gathered: { readonly buffer: Uint8Array; readonly at: number; length: number } | null = null;

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
				const toUnit = (uncachedUnit - (at % uncachedUnit)) % uncachedUnit;
				const length = this.#uncached && !this.#uncached.isRefused ? Math.min(toUnit, data.byteLength - done) : data.byteLength - done;
				this.#writeCached(data.subarray(done, done + length), at);
				done += length;
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

	async #gatherFrom(at: number): Promise<{ readonly buffer: Uint8Array; readonly at: number; length: number } | null> {
		if (!this.#uncached || this.#uncached.isRefused || at % uncachedUnit !== 0) return null;
		this.#gathered = { buffer: await this.#uncached.take(), at, length: 0 };
		return this.#gathered;
	}

	#handOver(): void {
		const gathered = this.#gathered;
		if (!gathered || !this.#uncached) return;
		this.#gathered = null;
		const { buffer, at, length } = gathered;
		const whole = length < leastGatheredBytes ? 0 : length - (length % uncachedUnit);
		try {
			this.#writeCached(buffer.subarray(whole, length), at + whole);
		} finally {
			if (whole > 0) this.#uncached.submit(buffer, whole, at);
			else this.#uncached.giveBack(buffer);
		}
	}

	#writeCached(bytes: Uint8Array, offset: number): void {
		for (let done = 0; done < bytes.byteLength; ) done += fs.writeSync(this.#fd, bytes, done, bytes.byteLength - done, offset + done);
	}
}
