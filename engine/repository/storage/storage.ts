/**
 * Where backup files lie. Small on purpose: an adapter translates errors and holds no policy.
 *
 * Paths are relative, with `/`, without `..`. Every method throws `repository.unreachable` when the place as a whole is gone,
 * `repository.full` when there is no room, `repository.not-writable` when it may not write, `repository.io` for any other failure of the medium,
 * and `not-found.path` when the named thing is not there.
 */
export interface Storage {
	readonly properties: StorageProperties;
	/** Entries of one folder, unsorted; an absent folder is `not-found.path`. */
	list(folder: string): Promise<readonly StorageEntry[]>;
	/** `create` refuses an existing file (`exists.target`) and makes missing folders; the file is readable while it is written. */
	open(path: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile>;
	/** All or nothing, and durable when it resolves: readers see the old bytes or the new ones. */
	replace(path: string, bytes: Uint8Array): Promise<void>;
	/** Durable when it resolves; refuses an existing target (`exists.target`) unless it may replace it, which is then atomic. */
	rename(from: string, to: string, options?: { readonly replace?: boolean }): Promise<void>;
	/** Durable when it resolves. Idempotent: an absent file is no error. An empty folder left behind is removed. */
	remove(path: string): Promise<void>;
	space(): Promise<StorageSpace>;
}

export interface StorageFile extends AsyncDisposable {
	readonly path: string;
	sizeBytes(): Promise<number>;
	/** Fills `target` from `offset` on; fewer bytes only at the end of the file. */
	read(target: Uint8Array, offset: number): Promise<number>;
	/** Writes all of `bytes`. Concurrent writes to different ranges are allowed. `bytes` must not change before it resolves. */
	write(bytes: Uint8Array, offset: number): Promise<void>;
	/**
	 * Copies a range of another file of the same storage without passing it through this process. Nobody looks at it on the way: who has to know
	 * that it is whole reads it, before or afterwards. As a write otherwise.
	 * False where the storage does not do that, or not with these files or this range, which is then left in any state: read and write instead.
	 */
	copyFrom(source: StorageFile, sourceOffset: number, length: number, offset: number): Promise<boolean>;
	/** Cuts the file off at `sizeBytes`; a shorter file is left as it is. */
	truncate(sizeBytes: number): Promise<void>;
	/** What was written before is durable when it resolves. */
	sync(): Promise<void>;
}

export type StorageEntry = { readonly name: string; readonly kind: 'file' | 'folder'; readonly sizeBytes: number };
export type StorageSpace = { readonly capacityBytes: number; readonly freeBytes: number };

export type StorageProperties = {
	/** For messages: where it is, in the user's words. */
	readonly place: string;
	/** Files can be written at any offset. Without it only forward incremental chains are possible. */
	readonly randomWrite: boolean;
	/** `space` tells the truth. Without it a full repository is noticed only by failing. */
	readonly knowsSpace: boolean;
};
