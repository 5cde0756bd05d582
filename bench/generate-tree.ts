/** A folder tree as an office or a developer has it, and what a day does to it. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type ContentKind, ContentSource } from './content.ts';
import { SeededRandom } from './random.ts';

export type TreeSpec = {
	readonly root: string;
	readonly fileCount: number;
	readonly totalBytes: number;
	/** Deviation of the logarithm of the sizes: 2.2 as in home folders (most are small, most bytes lie in few), less for even ones. */
	readonly spread: number;
	readonly seed: number;
};

export type TreeChanges = { readonly modified: number; readonly added: number; readonly removed: number; readonly renamed: number };

const filesPerFolder = 16;
const largestFileShare = 1 / 32;
const extensions: Record<ContentKind, readonly string[]> = {
	text: ['txt', 'log', 'csv', 'html'],
	source: ['ts', 'c', 'py', 'json'],
	binary: ['db', 'so', 'dat', 'doc'],
	noise: ['jpg', 'zip', 'mp4', 'pdf'],
};

export class GeneratedTree {
	readonly #spec: TreeSpec;
	readonly #random: SeededRandom;
	readonly #content: ContentSource;
	readonly #buffer = Buffer.allocUnsafe(1 << 20);
	readonly #folders: string[] = [''];
	#files: string[] = [];
	#lastNumber = 0;

	constructor(spec: TreeSpec) {
		this.#spec = spec;
		this.#random = new SeededRandom(spec.seed);
		this.#content = new ContentSource(spec.seed + 1);
		mkdirSync(spec.root, { recursive: true });
		for (let i = 0; i < spec.fileCount / filesPerFolder; i++) this.#addFolder();
		for (const sizeBytes of this.#sizes()) this.#addFile(sizeBytes);
	}

	get fileCount(): number {
		return this.#files.length;
	}

	/** Changes a share of the files: half of it modified (rewritten, patched or grown), the rest added, removed and renamed alike. */
	change(share: number): TreeChanges {
		const count = Math.max(6, Math.round(this.#files.length * share));
		const some = Math.round(count / 6);
		const changes: TreeChanges = { modified: count - 3 * some, added: some, removed: some, renamed: some };
		const chosen = this.#takeFiles(count - changes.added);
		const kept = chosen.slice(changes.removed);
		for (const path of chosen.slice(0, changes.removed)) rmSync(this.#at(path));
		for (const [index, path] of kept.entries()) {
			if (index < changes.renamed) {
				const target = this.#newPath(path.slice(path.lastIndexOf('.') + 1));
				renameSync(this.#at(path), this.#at(target));
				kept[index] = target;
			} else this.#modify(path);
		}
		const sizes = this.#sizes();
		this.#files.push(...kept);
		for (let i = 0; i < changes.added; i++) this.#addFile(this.#random.pick(sizes));
		return changes;
	}

	#at(path: string): string {
		return join(this.#spec.root, path);
	}

	#addFolder(): void {
		// Rather below a recent folder than below an old one: trees grow deep as well as wide.
		const parent = this.#folders[Math.floor(this.#folders.length * (1 - this.#random.fraction() ** 2))] ?? '';
		const isDeep = parent.split('/').length > 7;
		const path = join(isDeep ? '' : parent, `folder-${this.#folders.length}`);
		mkdirSync(this.#at(path));
		this.#folders.push(path);
	}

	/** Log-normal sizes that add up to the total, about. */
	#sizes(): number[] {
		const { fileCount, totalBytes, spread } = this.#spec;
		const sizes = Array.from({ length: fileCount }, () => Math.exp(spread * this.#random.normal()));
		const unit = totalBytes / sizes.reduce((sum, size) => sum + size, 0);
		return sizes.map((size) => Math.floor(Math.min(size * unit, totalBytes * largestFileShare)));
	}

	#newPath(extension: string): string {
		return join(this.#random.pick(this.#folders), `file-${++this.#lastNumber}.${extension}`);
	}

	#addFile(sizeBytes: number): void {
		const kind = this.#kindFor(sizeBytes);
		const path = this.#newPath(this.#random.pick(extensions[kind]));
		this.#write(path, 'w', 0, sizeBytes, kind);
		this.#files.push(path);
	}

	/** Small files are mostly written by people, large ones mostly by programs, and often compressed already. */
	#kindFor(sizeBytes: number): ContentKind {
		const chance = this.#random.fraction();
		if (sizeBytes < 64 << 10) return chance < 0.45 ? 'source' : chance < 0.75 ? 'text' : chance < 0.9 ? 'binary' : 'noise';
		return chance < 0.1 ? 'source' : chance < 0.35 ? 'text' : chance < 0.7 ? 'binary' : 'noise';
	}

	#modify(path: string): void {
		const sizeBytes = statSync(this.#at(path)).size;
		const kind = this.#kindFor(sizeBytes);
		const way = this.#random.below(3);
		if (way === 0) this.#write(path, 'w', 0, sizeBytes, kind);
		else if (way === 1) this.#write(path, 'r+', sizeBytes, Math.ceil(sizeBytes / 10) + 1, kind);
		else this.#write(path, 'r+', Math.floor(sizeBytes * this.#random.between(0, 0.9)), Math.ceil(sizeBytes / 10) + 1, kind);
	}

	#write(path: string, flags: 'w' | 'r+', offset: number, lengthBytes: number, kind: ContentKind): void {
		const file = openSync(this.#at(path), flags);
		try {
			for (let done = 0; done < lengthBytes; ) {
				const part = this.#buffer.subarray(0, Math.min(this.#buffer.length, lengthBytes - done));
				this.#content.fill(part, kind, this.#random);
				writeSync(file, part, 0, part.length, offset + done);
				done += part.length;
			}
		} finally {
			closeSync(file);
		}
	}

	/** Takes `count` files at random out of the list. */
	#takeFiles(count: number): string[] {
		const files = this.#files;
		for (let i = 0; i < count; i++) {
			const other = i + this.#random.below(files.length - i);
			[files[i], files[other]] = [files[other] as string, files[i] as string];
		}
		this.#files = files.slice(count);
		return files.slice(0, count);
	}
}
