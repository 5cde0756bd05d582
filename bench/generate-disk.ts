/** A raw disk image as ext4 leaves it: block groups with their tables, files in extents, and room between them. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { type ContentKind, ContentSource } from './content.ts';
import { SeededRandom } from './random.ts';

export type DiskSpec = { readonly path: string; readonly sizeBytes: number; readonly seed: number };

const groupBytes = 128 << 20;
const clusterBytes = 4 << 10;
const largestExtentBytes = 16 << 20;
const changeBytes = 1 << 20;
/** Kinds in the proportion of the bytes on a server's system disk. */
const mix: readonly ContentKind[] = ['binary', 'binary', 'binary', 'text', 'text', 'source', 'noise', 'noise'];

export class GeneratedDisk {
	readonly #spec: DiskSpec;
	readonly #random: SeededRandom;
	readonly #content: ContentSource;
	readonly #buffer = Buffer.allocUnsafe(1 << 20);

	constructor(spec: DiskSpec) {
		this.#spec = spec;
		this.#random = new SeededRandom(spec.seed);
		this.#content = new ContentSource(spec.seed + 1);
		this.#open('w', (file) => {
			ftruncateSync(file, spec.sizeBytes);
			for (let group = 0; group < spec.sizeBytes; group += groupBytes) this.#writeGroup(file, group, Math.min(group + groupBytes, spec.sizeBytes));
		});
	}

	/** Overwrites a share of the disk, block by block of 1 MiB, at random places. */
	change(share: number): { readonly changedBytes: number } {
		const count = Math.max(1, Math.round((this.#spec.sizeBytes / changeBytes) * share));
		this.#open('r+', (file) => {
			for (let i = 0; i < count; i++) {
				const block = this.#random.below(Math.floor(this.#spec.sizeBytes / changeBytes));
				this.#write(file, block * changeBytes, changeBytes);
			}
		});
		return { changedBytes: count * changeBytes };
	}

	/** Data and gaps alternate; the gaps are as wide as keeps the group half allocated. */
	#writeGroup(file: number, start: number, end: number): void {
		let allocated = 0;
		for (let at = start; at < end; ) {
			const extentBytes = Math.min(largestExtentBytes, clusterBytes * Math.ceil(16 * Math.exp(1.6 * this.#random.normal())), end - at);
			this.#write(file, at, extentBytes);
			allocated += extentBytes;
			at += extentBytes;
			const owed = Math.max(0, 2 * allocated - (at - start));
			at += clusterBytes * Math.round((owed * this.#random.between(0.5, 1.5)) / clusterBytes);
		}
	}

	#write(file: number, offset: number, lengthBytes: number): void {
		const kind = this.#random.pick(mix);
		for (let done = 0; done < lengthBytes; ) {
			const part = this.#buffer.subarray(0, Math.min(this.#buffer.length, lengthBytes - done));
			this.#content.fill(part, kind, this.#random);
			writeSync(file, part, 0, part.length, offset + done);
			done += part.length;
		}
	}

	#open(flags: 'w' | 'r+', use: (file: number) => void): void {
		const file = openSync(this.#spec.path, flags);
		try {
			use(file);
		} finally {
			closeSync(file);
		}
	}
}
