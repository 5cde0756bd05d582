import { type Clock, systemClock } from '../../base/index.ts';
import type { Storage, StorageFile } from '../../repository/index.ts';
import { LaneMeter } from '../meter.ts';
import { RateLimiter, type Share } from './rate-limiter.ts';

/** What a task may move, each way; null: as much as it can. */
export type TaskShares = { readonly read: Share | null; readonly write: Share | null };
export const noShares: TaskShares = { read: null, write: null };

export type GateOptions = { readonly signal?: AbortSignal | undefined; readonly clock?: Clock };

/**
 * RATE-01: the same storage, read and written no faster than the shares let pass, and measured: how long it was busy itself, and how long whoever
 * uses it was held back. Large reads and writes go in pieces. What is replaced as a whole waits beforehand, so that it still happens at once.
 * After the signal, what would have to wait ends with its reason.
 */
export class StorageGate {
	readonly storage: Storage;
	readonly #reads: Lane;
	readonly #writes: Lane;
	/** What is behind the files that were given out. */
	readonly #files = new WeakMap<StorageFile, StorageFile>();

	constructor(inner: Storage, shares: TaskShares, options: GateOptions = {}) {
		this.#reads = new Lane(shares.read, options);
		this.#writes = new Lane(shares.write, options);
		this.storage = {
			properties: inner.properties,
			list: (folder) => inner.list(folder),
			rename: (from, to, renameOptions) => inner.rename(from, to, renameOptions),
			remove: (path) => inner.remove(path),
			space: () => inner.space(),
			replace: async (path, bytes) => {
				await this.#writes.inPieces(bytes.byteLength, async () => undefined);
				await this.#writes.meter.working(() => inner.replace(path, bytes));
			},
			open: async (path, mode) => this.#gated(await inner.open(path, mode)),
		};
	}

	#gated(file: StorageFile): StorageFile {
		const gated: StorageFile = {
			path: file.path,
			sizeBytes: () => file.sizeBytes(),
			read: async (target, offset) => {
				let done = 0;
				await this.#reads.inPieces(target.byteLength, async (from, to) => {
					const count = await this.#reads.meter.working(() => file.read(target.subarray(from, to), offset + from));
					done += count; // not in one: another piece may come in between
				});
				this.#reads.movedBytes += done;
				return done;
			},
			write: (bytes, offset) =>
				this.#writes.inPieces(bytes.byteLength, async (from, to) => {
					await this.#writes.meter.working(() => file.write(bytes.subarray(from, to), offset + from));
					this.#writes.movedBytes += to - from;
				}),
			copyFrom: async (source, sourceOffset, length, offset) => {
				if (!this.#reads.isOpen || !this.#writes.isOpen) return false; // read and written it keeps to both limits
				const isCopied = await this.#writes.meter.working(() => file.copyFrom(this.#files.get(source) ?? source, sourceOffset, length, offset));
				if (isCopied) this.#writes.movedBytes += length;
				return isCopied;
			},
			truncate: (sizeBytes) => file.truncate(sizeBytes),
			sync: () => this.#writes.meter.working(() => file.sync()),
			[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
		};
		this.#files.set(gated, file);
		return gated;
	}

	/** Since it was made: the storage was at work while nobody was held back, and callers were held back. */
	get times(): { readonly readMs: number; readonly writeMs: number; readonly throttledMs: number } {
		const [reads, writes] = [this.#reads.meter, this.#writes.meter];
		return { readMs: reads.workMs, writeMs: writes.workMs, throttledMs: Math.max(reads.heldMs, writes.heldMs) };
	}

	get readBytes(): number {
		return this.#reads.movedBytes;
	}

	/** Bytes of files; what is replaced as a whole is not counted. */
	get writtenBytes(): number {
		return this.#writes.movedBytes;
	}
}

/** So many pieces of one read or write may be under way: a medium that answers late keeps up with the limit all the same. */
const piecesInFlight = 16;

/** One direction. */
class Lane {
	readonly #limiter: RateLimiter | null;
	readonly #signal: AbortSignal | undefined;
	readonly meter: LaneMeter;
	movedBytes = 0;

	constructor(share: Share | null, { signal, clock = systemClock }: GateOptions) {
		this.#limiter = share && new RateLimiter(share, clock);
		this.#signal = signal;
		this.meter = new LaneMeter(clock);
	}

	/** Everything passes at once. */
	get isOpen(): boolean {
		return this.#limiter?.isOpen ?? true;
	}

	/** Piece after piece as they may pass. When it settles, none is under way any more. */
	async inPieces(bytes: number, move: (from: number, to: number) => Promise<void>): Promise<void> {
		const moving = new Set<Promise<void>>();
		const failures: unknown[] = [];
		try {
			for (let done = 0; done < bytes && failures.length === 0; ) {
				const from = done;
				done += await this.#take(bytes - done);
				if (done - from === bytes) return await move(from, done);
				const piece: Promise<void> = move(from, done)
					.catch((error: unknown) => void failures.push(error))
					.finally(() => moving.delete(piece));
				moving.add(piece);
				if (moving.size >= piecesInFlight) await Promise.race(moving);
			}
		} finally {
			await Promise.all(moving);
		}
		if (failures.length > 0) throw failures[0];
	}

	#take(bytes: number): number | Promise<number> {
		const limiter = this.#limiter;
		return limiter && !limiter.isOpen ? this.meter.held(() => limiter.take(bytes, { signal: this.#signal })) : bytes;
	}
}
