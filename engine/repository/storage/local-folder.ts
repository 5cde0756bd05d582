import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { assert, EngineError, systemErrorCode } from '../../base/index.ts';
import { type FilePort, openPlatform } from '../../platform/index.ts';
import { LocalFile } from './local-file.ts';
import type { Storage, StorageEntry, StorageFile, StorageSpace } from './storage.ts';
import { writeTemporary } from './write-temporary.ts';

/** A folder of this machine: a disk, or a share that the operating system has mounted. */
export class LocalFolder implements Storage {
	readonly properties;
	readonly #root: string;
	#files: FilePort | undefined;

	constructor(root: string) {
		this.#root = path.resolve(root);
		this.properties = { place: this.#root, randomWrite: true, knowsSpace: true };
	}

	/** Opened when something of some size is written. */
	readonly #platform = (): FilePort => {
		this.#files ??= openPlatform().files;
		return this.#files;
	};

	#absolute(relative: string): string {
		const absolute = path.resolve(this.#root, relative);
		assert(
			absolute === this.#root || absolute.startsWith(this.#root.endsWith(path.sep) ? this.#root : this.#root + path.sep),
			`${relative} leaves the repository`,
		);
		return absolute;
	}

	async #attempt<T>(what: string, relative: string, action: (absolute: string) => Promise<T>): Promise<T> {
		const absolute = this.#absolute(relative);
		try {
			return await action(absolute);
		} catch (error) {
			throw await this.#translate(error, what, absolute);
		}
	}

	async #translate(cause: unknown, what: string, absolute: string): Promise<unknown> {
		const code = systemErrorCode(cause);
		if (code === undefined || cause instanceof EngineError) return cause;
		if (code === 'ENOENT' || code === 'ENOTDIR') {
			const isThere = await fs.stat(this.#root).then(
				(status) => status.isDirectory(),
				() => false,
			);
			if (isThere) return new EngineError('not-found.path', `${absolute} does not exist.`, { cause });
			return new EngineError('repository.unreachable', `The repository folder ${this.#root} is not there.`, {
				hint: 'Connect the disk or mount the share that holds it, or create the folder again if its backups are not needed.',
				cause,
			});
		}
		if (code === 'EEXIST') return new EngineError('exists.target', `${absolute} exists already.`, { cause });
		if (code === 'ENOSPC' || code === 'EDQUOT')
			return new EngineError('repository.full', `There is no room left in the repository folder ${this.#root}.`, {
				hint: 'Free some space, or keep fewer restore points, then run the job again. Existing restore points are not touched.',
				cause,
			});
		if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
			return new EngineError('repository.not-writable', `${absolute}: no permission to ${what}.`, {
				hint: 'Give the account that runs Holdfast read and write permission on the repository folder.',
				cause,
			});
		return new EngineError('repository.io', `${absolute}: could not ${what} (${code}).`, {
			hint: 'Check the disk and its connection. Nothing that was committed is lost by this alone.',
			cause,
		});
	}

	list(folder: string): Promise<readonly StorageEntry[]> {
		return this.#attempt('list', folder, async (absolute) => {
			const entries: StorageEntry[] = [];
			for (const entry of await fs.readdir(absolute, { withFileTypes: true })) {
				if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'folder', sizeBytes: 0 });
				else if (entry.isFile()) {
					const status = await fs.stat(path.join(absolute, entry.name)).catch(() => null); // removed since it was listed
					if (status) entries.push({ name: entry.name, kind: 'file', sizeBytes: status.size });
				}
			}
			return entries;
		});
	}

	open(relative: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile> {
		return this.#attempt(mode === 'read' ? 'read' : 'write', relative, async (absolute) => {
			if (mode === 'create') {
				await fs.stat(this.#root); // never create the root itself: an unmounted disk must not be mistaken for an empty one
			}
			const handle = mode === 'create' ? await createFile(absolute) : await fs.open(absolute, mode === 'read' ? 'r' : 'r+');
			return new LocalFile(relative, handle, this.#platform, (what, action) => this.#attempt(what, relative, action));
		});
	}

	async replace(relative: string, bytes: Uint8Array): Promise<void> {
		const temporary = await writeTemporary(this, relative, bytes);
		await this.#attempt('replace', relative, async (absolute) => {
			await fs.rename(this.#absolute(temporary), absolute);
			await syncFolder(path.dirname(absolute));
		});
	}

	rename(from: string, to: string, { replace = false }: { readonly replace?: boolean } = {}): Promise<void> {
		return this.#attempt('rename', to, async (absolute) => {
			// link + unlink would be atomic about existing targets but not every share has links; names carry the time and one engine writes
			const exists =
				!replace &&
				(await fs.lstat(absolute).then(
					() => true,
					() => false,
				));
			if (exists) throw new EngineError('exists.target', `${absolute} exists already.`);
			await fs.rename(this.#absolute(from), absolute);
			await syncFolder(path.dirname(absolute));
		});
	}

	remove(relative: string): Promise<void> {
		return this.#attempt('delete', relative, async (absolute) => {
			const folder = path.dirname(absolute);
			try {
				await fs.unlink(absolute);
				await syncFolder(folder);
			} catch (error) {
				if (systemErrorCode(error) !== 'ENOENT') throw error;
			}
			if (folder !== this.#root) await fs.rmdir(folder).catch(() => undefined); // not empty
		});
	}

	space(): Promise<StorageSpace> {
		return this.#attempt('read', '', async (absolute) => {
			const status = await fs.statfs(absolute);
			return { capacityBytes: status.blocks * status.bsize, freeBytes: status.bavail * status.bsize };
		});
	}
}

/** Makes a file and its folder, which somebody else may be removing with the last file in it. */
async function createFile(absolute: string): Promise<fs.FileHandle> {
	for (let attempt = 1; ; attempt++) {
		try {
			await makeFolder(path.dirname(absolute));
			return await fs.open(absolute, 'wx+', 0o600);
		} catch (error) {
			if (systemErrorCode(error) !== 'ENOENT' || attempt === createAttempts) throw error;
		}
	}
}
const createAttempts = 20;

/** Makes a folder, durably: what is renamed into it later is only as safe as its own name. */
async function makeFolder(folder: string): Promise<void> {
	const first = await fs.mkdir(folder, { recursive: true });
	if (first === undefined) return;
	for (let made = folder; made.length >= first.length; made = path.dirname(made)) await syncFolder(path.dirname(made));
}

/** Makes names in a folder durable. Where a folder cannot be opened (Windows) the file system orders renames itself. */
async function syncFolder(folder: string): Promise<void> {
	if (process.platform === 'win32') return;
	await using handle = await fs.open(folder, 'r');
	await handle.sync();
}
