import { closeSync, write as writeThen } from 'node:fs';
import { promisify } from 'node:util';
import { systemErrorCode } from '../base/index.ts';
import { type Platform, uncachedUnit } from '../platform/index.ts';

const write = promisify(writeThen);

/** As many are on their way at most: the storage works on one while the next is filled. */
const bufferCount = 2;
const bufferBytes = 1024 * 1024;

/** Shorter ones are as fast through the system's cache, which gathers them. */
export const leastUncachedBytes = 128 * 1024;

/** The memory that one thread writes from past the cache, for all its files. Who holds none waits for what is on its way. */
export class UncachedBuffers {
	readonly #platform: Platform;
	readonly #free: Uint8Array[] = [];
	#made = 0;
	readonly #waiters: ((buffer: Uint8Array) => void)[] = [];

	constructor(platform: Platform) {
		this.#platform = platform;
	}

	/** @returns 1 MiB that is the caller's until it is given back, or submitted */
	async take(): Promise<Uint8Array> {
		const free = this.#free.pop();
		if (free) return free;
		if (this.#made === bufferCount) return new Promise((resolve) => this.#waiters.push(resolve));
		this.#made++;
		return this.#platform.files.alignedBuffer(bufferBytes);
	}

	give(buffer: Uint8Array): void {
		const waiter = this.#waiters.shift();
		if (waiter) waiter(buffer);
		else this.#free.push(buffer);
	}
}

/**
 * Writes to one file that leave the system's cache alone, several at a time, so that its thread goes on meanwhile. What is restored is more than a machine wants to
 * remember: it takes no memory from others, costs the processor less, and leaves hardly anything for a sync at the end.
 */
export class UncachedWrites implements Disposable {
	readonly #buffers: UncachedBuffers;
	/** Of the file as it was opened first. */
	readonly #cachedFd: number;
	readonly #fd: number;
	readonly #underWay = new Map<Promise<void>, { readonly from: number; readonly to: number }>();
	#failure: { readonly error: unknown } | null = null;
	#isRefused = false;

	/** Null where the system, or the file system, does not do it. @param fd stays open until the last write has settled */
	static open(fd: number, platform: Platform, buffers: UncachedBuffers): UncachedWrites | null {
		const uncached = platform.files.openUncached(fd);
		return uncached === null ? null : new UncachedWrites(fd, uncached, buffers);
	}

	private constructor(cachedFd: number, fd: number, buffers: UncachedBuffers) {
		this.#cachedFd = cachedFd;
		this.#fd = fd;
		this.#buffers = buffers;
	}

	/** The storage turned out to have larger units: what comes now is better written through the cache. */
	get isRefused(): boolean {
		return this.#isRefused;
	}

	take(): Promise<Uint8Array> {
		return this.#buffers.take();
	}

	giveBack(buffer: Uint8Array): void {
		this.#buffers.give(buffer);
	}

	/** Begins to write the first `length` bytes of what `take` gave, which goes back by itself; both numbers are multiples of `uncachedUnit`. */
	submit(buffer: Uint8Array, length: number, position: number): void {
		const writing = this.#write(buffer, length, position)
			.catch((error: unknown) => {
				this.#failure ??= { error };
			})
			.finally(() => {
				this.#underWay.delete(writing);
				this.#buffers.give(buffer);
			});
		this.#underWay.set(writing, { from: position, to: position + length });
	}

	async #write(buffer: Uint8Array, length: number, position: number): Promise<void> {
		for (let done = 0; done < length; ) {
			const fd = this.#isRefused || done % uncachedUnit !== 0 ? this.#cachedFd : this.#fd;
			try {
				done += (await write(fd, buffer, done, length - done, position + done)).bytesWritten;
			} catch (error) {
				if (systemErrorCode(error) !== 'EINVAL' || fd === this.#cachedFd) throw error;
				this.#isRefused = true;
			}
		}
	}

	/** Resolves when nothing is on its way that touches the range. @throws the first failure of any write */
	async settled(from = 0, to = Number.POSITIVE_INFINITY): Promise<void> {
		const touching = [...this.#underWay].filter(([, range]) => range.from < to && from < range.to);
		if (touching.length > 0) await Promise.all(touching.map(([writing]) => writing));
		if (this.#failure) throw this.#failure.error;
	}

	/** Nothing may be on its way. */
	[Symbol.dispose](): void {
		closeSync(this.#fd);
	}
}
