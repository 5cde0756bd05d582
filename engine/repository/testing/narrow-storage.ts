import { EngineError } from '../../base/index.ts';
import type { Storage, StorageFile } from '../storage/storage.ts';

/** A storage that fills up: from the k-th thing that needs room on, everything that needs room fails, until somebody makes room. */
export class NarrowStorage implements Storage {
	readonly properties;
	readonly #inner: Storage;
	/** What is behind the files that were given out. */
	readonly #files = new WeakMap<StorageFile, StorageFile>();
	#left: number;
	hasFailed = false;

	constructor(inner: Storage, failFrom: number) {
		this.#inner = inner;
		this.properties = inner.properties;
		this.#left = failFrom;
	}

	makeRoom(): void {
		this.#left = Number.POSITIVE_INFINITY;
	}

	#needRoom(): void {
		if (--this.#left > 0) return;
		this.hasFailed = true;
		throw new EngineError('repository.full', 'There is no room left in the repository.');
	}

	list(folder: string): ReturnType<Storage['list']> {
		return this.#inner.list(folder);
	}

	async open(path: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile> {
		if (mode === 'create') this.#needRoom();
		const file = await this.#inner.open(path, mode);
		const narrow: StorageFile = {
			path,
			sizeBytes: () => file.sizeBytes(),
			read: (target, offset) => file.read(target, offset),
			write: async (bytes, offset) => {
				this.#needRoom();
				await file.write(bytes, offset);
			},
			copyFrom: async (source, sourceOffset, length, offset) => {
				this.#needRoom();
				return file.copyFrom(this.#files.get(source) ?? source, sourceOffset, length, offset);
			},
			truncate: (sizeBytes) => file.truncate(sizeBytes),
			sync: () => file.sync(),
			[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
		};
		this.#files.set(narrow, file);
		return narrow;
	}

	async replace(path: string, bytes: Uint8Array): Promise<void> {
		this.#needRoom();
		await this.#inner.replace(path, bytes);
	}

	rename(from: string, to: string, options?: { readonly replace?: boolean }): Promise<void> {
		return this.#inner.rename(from, to, options);
	}

	remove(path: string): Promise<void> {
		return this.#inner.remove(path);
	}

	space(): ReturnType<Storage['space']> {
		return this.#inner.space();
	}
}
