import * as fs from 'node:fs';
import type { DataExtent, Platform } from '../../platform/index.ts';

/** What must still be true after reading for the bytes to belong together. */
type Stamp = Pick<fs.BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev'>;
const isSame = (a: Stamp, b: Stamp): boolean => a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.dev === b.dev;

/** A clock tick of the file system may pass between two writes without moving its times: what is younger than this is read again next time. */
const racyNs = 50_000_000n;

/** Changed so shortly before the content was fixed that its times cannot prove it unchanged at the next run. */
export const isRacyAt = (ctimeNs: bigint, fixedAtNs: bigint): boolean => ctimeNs + racyNs > fixedAtNs;

/** Smaller than one page, a file is data or a hole as a whole, and not worth the question. */
const smallestWithHole = 4096;

/** A regular file open for being protected. @throws the system's error; `EINVAL` when it is no regular file any more */
export class SourceFile implements Disposable {
	readonly #fd: number;
	readonly #platform: Platform;
	readonly stats: fs.BigIntStats;
	readonly #openedAtNs: bigint;

	constructor(path: Buffer, platform: Platform) {
		this.#platform = platform;
		this.#openedAtNs = BigInt(Date.now()) * 1_000_000n;
		this.#fd = platform.files.openForBackup(path);
		this.stats = fs.fstatSync(this.#fd, { bigint: true });
		if (!this.stats.isFile()) {
			this[Symbol.dispose]();
			throw Object.assign(new Error('it is not a regular file any more'), { code: 'EINVAL' });
		}
	}

	get sizeBytes(): number {
		return Number(this.stats.size);
	}

	/** Where data lies. What a file occupies does not tell: attributes, and blocks kept for growth, can make up for its holes. */
	dataExtents(): readonly DataExtent[] {
		const size = this.sizeBytes;
		if (size === 0) return [];
		if (size < smallestWithHole || !this.#platform.capabilities.holes.available) return [{ offset: 0, length: size }];
		return this.#platform.files.dataExtents(this.#fd, size);
	}

	/** Fills `target` from `offset`; fewer bytes only at the end of the file. */
	read(target: Uint8Array, offset: number): number {
		let done = 0;
		while (done < target.byteLength) {
			const count = fs.readSync(this.#fd, target, done, target.byteLength - done, offset + done);
			if (count === 0) break;
			done += count;
		}
		return done;
	}

	/** Whether the file is still what it was when it was opened. */
	isStable(): boolean {
		return isSame(this.stats, fs.fstatSync(this.#fd, { bigint: true }));
	}

	/** Written so shortly before that its times cannot prove it unchanged at the next run. */
	get isRacy(): boolean {
		return isRacyAt(this.stats.ctimeNs, this.#openedAtNs);
	}

	[Symbol.dispose](): void {
		fs.closeSync(this.#fd);
	}
}
