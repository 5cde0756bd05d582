import { bytesFromText, displayText, EngineError, isEngineError } from '../base/index.ts';
import { type Extent, maxListDepth, type PointManifest, parseExtents, parsePage, type TreeEntry } from '../format/index.ts';
import { ChainReader, type ChunkReader, findPoint, loadChain, type RepositoryPlace, storageAt } from '../repository/index.ts';

/** An entry and where it is: the path in the backup as text, `/` for the root. */
export type LocatedEntry = { readonly path: string; readonly entry: TreeEntry };

export const childPath = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);

/** `a//b/` → `/a/b`. @throws `usage.invalid` for `..` */
export function normalPath(path: string): string {
	const parts = path.split('/').filter((part) => part !== '' && part !== '.');
	if (parts.includes('..')) throw new EngineError('usage.invalid', `${path}: a path in a backup must not contain "..".`, { data: { field: 'path' } });
	return `/${parts.join('/')}`;
}

/** The tree or disk of one restore point, read page by page as it is asked for. */
export class PointView implements AsyncDisposable {
	readonly manifest: PointManifest;
	readonly reader: ChainReader;
	#root: TreeEntry | null = null;

	constructor(manifest: PointManifest, reader: ChainReader) {
		this.manifest = manifest;
		this.reader = reader;
	}

	/** @throws `not-found.point`, `repository.*` */
	static async open(repositoryPath: RepositoryPlace, pointId: string): Promise<PointView> {
		const { point, files } = await findPoint(repositoryPath, pointId);
		return new PointView(point, new ChainReader(await loadChain(repositoryPath, files), storageAt(repositoryPath)));
	}

	get rootHash(): Buffer {
		return Buffer.from(this.manifest.root.hash, 'hex');
	}

	async root(): Promise<TreeEntry> {
		if (this.manifest.root.kind !== 'folder')
			throw new EngineError('usage.invalid', `${this.manifest.object.path} is a disk: it has no files to browse.`, {
				hint: 'Restore it with "holdfast restore disk", or with "Restore disk" in the console.',
			});
		this.#root ??= parsePage(await this.reader.readChunk(this.rootHash), `the root of ${this.manifest.id}`)[0] ?? null;
		if (this.#root?.type !== 'directory') throw new EngineError('repository.damaged', `The point ${this.manifest.id} has no root directory.`);
		return this.#root;
	}

	/**
	 * Children in the order of names, page by page; with `skip` whole pages are passed over unread.
	 * A damaged page ends it, unless `onDamage` hears of it: then the next page follows.
	 */
	async *children(directory: TreeEntry, skip = 0, onDamage?: (error: EngineError) => void): AsyncGenerator<TreeEntry> {
		let toSkip = skip;
		for (const page of directory.pages) {
			if (toSkip >= page.entryCount) {
				toSkip -= page.entryCount;
				continue;
			}
			let entries: TreeEntry[] = [];
			try {
				entries = parsePage(await this.reader.readChunk(page.hash), 'a directory');
			} catch (error) {
				if (!onDamage || !isEngineError(error, 'repository.damaged')) throw error;
				onDamage(error);
			}
			for (const entry of entries) {
				if (toSkip > 0) toSkip--;
				else yield entry;
			}
		}
	}

	/** @throws `not-found.path` */
	async find(path: string): Promise<LocatedEntry> {
		const found = await this.tryFind(path);
		if (found) return found;
		throw new EngineError('not-found.path', `${displayText(normalPath(path))} is not in this restore point.`, {
			hint: 'Browse the point, or choose another one: it may have been made before the file existed.',
		});
	}

	async tryFind(path: string): Promise<LocatedEntry | null> {
		const normal = normalPath(path);
		let entry = await this.root();
		for (const part of normal.split('/').filter((name) => name !== '')) {
			const next = entry.type === 'directory' ? await this.#child(entry, bytesFromText(part)) : null;
			if (!next) return null;
			entry = next;
		}
		return { path: normal, entry };
	}

	async #child(directory: TreeEntry, name: Buffer): Promise<TreeEntry | null> {
		for await (const entry of this.children(directory)) if (Buffer.compare(entry.name, name) === 0) return entry;
		return null;
	}

	/** The extents of a file with its lists resolved. */
	extents(entry: TreeEntry): AsyncGenerator<Exclude<Extent, { kind: 'list' }>> {
		return resolveExtents(this.reader, entry.extents, 0);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.reader[Symbol.asyncDispose]();
	}
}

async function* resolveExtents(reader: ChunkReader, bytes: Uint8Array, depth: number): AsyncGenerator<Exclude<Extent, { kind: 'list' }>> {
	if (depth > maxListDepth) throw new EngineError('repository.damaged', 'The extents of a file are nested too deeply.');
	for (const extent of parseExtents(bytes, 'the extents of a file')) {
		if (extent.kind !== 'list') {
			yield extent as Exclude<Extent, { kind: 'list' }>;
			continue;
		}
		let lengthBytes = 0;
		for await (const inner of resolveExtents(reader, await reader.readChunk(extent.hash), depth + 1)) {
			lengthBytes += inner.lengthBytes;
			if (lengthBytes > extent.lengthBytes) break;
			yield inner;
		}
		if (lengthBytes !== extent.lengthBytes) throw new EngineError('repository.damaged', 'A list of extents has not the length that it should have.');
	}
}
