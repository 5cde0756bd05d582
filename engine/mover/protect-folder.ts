import * as fs from 'node:fs';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { bytesFromText, displayText, EngineError, type Exclusion, isEngineError, systemErrorCode, textFromBytes } from '../base/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import { ByteWriter, PageWriter, packExtents, parsePage, type SubtreeTotals, type TreeEntry, writeEntry } from '../format/index.ts';
import type { Platform } from '../platform/index.ts';
import type { ChunkReader } from '../repository/index.ts';
import {
	describeEntry,
	type FoundEntry,
	hiddenFolderName,
	isKernelFileSystem,
	isRacyAt,
	isUnchanged,
	joinPath,
	type Placed,
	type PlacedEntry,
	type PlacedView,
	type Reading,
	type ScannedFolder,
	scanFolder,
	sourceError,
	typeOf,
} from '../source/index.ts';
import type { DatabaseWatch } from './database-watch.ts';
import type { Pipe } from './pipe.ts';
import type { FileResult, FileWork } from './protocol.ts';
import type { Doubts } from './target-run.ts';
import type { MutableCounters, TaskObserver } from './task.ts';

/** Files go to the workers in batches of about a record's worth; a large file goes in segments, so that all workers share it. */
const batchFiles = 64;
const batchBytes = 1024 * 1024;
export const segmentBytes = 64 * 1024 * 1024;
/** How long the coordinating thread may go on before it looks at what the workers say. */
const turnMs = 8;

export type FolderProtection = {
	readonly pipe: Pipe;
	readonly path: string;
	readonly exclude: Exclusion | null;
	/** Null: databases are files like others. */
	readonly databases: DatabaseWatch | null;
	/** Where it is read. */
	readonly reading: Reading;
	readonly platform: Platform;
	/** The point before: hash of its root page, and where to read it. */
	readonly previous: { readonly root: Uint8Array; readonly reader: ChunkReader } | null;
	/** What of the chain cannot be relied on; null: nothing that is known of. */
	readonly doubts: Doubts | null;
	/** Folders that are never entered: the repository itself, when it lies inside the source. */
	readonly skip: readonly { readonly device: bigint; readonly inode: bigint }[];
	readonly counters: MutableCounters;
	readonly observer: TaskObserver;
};

const hiddenFolder = Buffer.from(hiddenFolderName);

/** An entry, and the view by which it is read. */
type Found = { readonly child: FoundEntry; readonly view: PlacedView | null };

/** A directory whose entries are not all known yet. */
type OpenFolder = {
	readonly entry: TreeEntry;
	readonly parent: OpenFolder | null;
	/** Place in the parent's entries. */
	readonly slot: number;
	/** In the order of names; null: pending, or left out. */
	readonly entries: (TreeEntry | null)[];
	/** What it was in the point before; null where it cannot be taken over from there. */
	readonly before: { readonly entry: TreeEntry; readonly entries: readonly TreeEntry[] } | null;
	pending: number;
	isListed: boolean;
};

type OpenFile = {
	readonly entry: TreeEntry;
	readonly path: Buffer;
	readonly folder: OpenFolder;
	readonly slot: number;
	readonly listedBytes: number;
	readonly view: PlacedView | null;
	/** By segment. */
	readonly parts: (Extract<FileResult, { extents: Uint8Array }> | null)[];
	missingParts: number;
	failure: Error | null;
	/** Other names of the same inode that were met while it was being read. */
	readonly otherNames: { readonly entry: TreeEntry; readonly path: Buffer; readonly folder: OpenFolder; readonly slot: number }[];
};

/**
 * Walks a folder and stores it as a tree, bottom up. Unchanged files are taken over from the point before without being opened.
 * The walk runs ahead of the workers by a bounded number of files; a directory is written when all below it is known.
 * @throws `source.missing` when the folder itself is not there, `repository.*`
 */
export class FolderTask {
	readonly #options: FolderProtection;
	/** Its path without links, and where that is read. */
	readonly #rootPath: Buffer;
	readonly #root: Placed;
	readonly #rootDevice: bigint;
	readonly #files = new Map<number, OpenFile>();
	/** Inodes with several names: the first name's file while it is read, its entry afterwards. */
	readonly #linked = new Map<string, OpenFile | TreeEntry>();
	#nextFile = 0;
	#batch: FileWork[] = [];
	#batchedBytes = 0;
	#turnStartedAt = 0;
	readonly #finished = Promise.withResolvers<TreeEntry>();

	constructor(options: FolderProtection) {
		this.#options = options;
		this.#rootPath = this.#realRoot();
		this.#root = options.reading.place(this.#rootPath);
		const root = this.#statRoot();
		if (!root.isDirectory())
			throw new EngineError('source.unsupported', `${options.path} is not a folder.`, {
				hint: 'Name the folder that holds it, or use disk: for a disk image.',
			});
		this.#rootDevice = root.dev;
	}

	#realRoot(): Buffer {
		try {
			return fs.realpathSync(bytesFromText(this.#options.path), { encoding: 'buffer' }) as Buffer;
		} catch (error) {
			throw this.#rootError(error);
		}
	}

	#statRoot(): fs.BigIntStats {
		const { at, view } = this.#root;
		try {
			return this.#options.reading.correct(fs.statSync(at, { bigint: true }), at, view);
		} catch (error) {
			throw this.#rootError(error);
		}
	}

	#rootError(error: unknown): EngineError {
		const { path } = this.#options;
		const code = systemErrorCode(error);
		if (code !== 'ENOENT' && code !== 'ENOTDIR') return sourceError(bytesFromText(path), error);
		return new EngineError('source.missing', `${displayText(path)} is not there any more.`, {
			hint: 'Check that the disk or share that holds it is connected, then run the job again.',
			cause: error,
		});
	}

	/** @returns the hash of the root page */
	async run(): Promise<{ root: Uint8Array; totals: SubtreeTotals }> {
		const { pipe, platform, previous } = this.#options;
		pipe.client = { onFiles: (results) => this.#takeResults(results) };
		const { at: rootPath, view } = this.#root;
		const stats = this.#statRoot();
		const found: FoundEntry = { name: Buffer.from('root'), path: rootPath, type: typeOf(stats), stats };
		const entry = describeEntry(found, platform, (what, error) => this.#metadataTrouble(rootPath, what, error));
		this.#turnStartedAt = performance.now();
		const before = previous ? await this.#previousRoot(previous) : null;
		await this.#walk({ path: rootPath, view, relative: Buffer.alloc(0), entry, previous: before, parent: null, slot: 0 });
		await this.#giveBatch();
		const root = await pipe.orFailure(this.#finished.promise);
		this.#checkRootIs(stats);
		const page = new ByteWriter();
		writeEntry(page, root);
		return { root: pipe.store(page.view()), totals: root.totals };
	}

	/** A source that went away midway (a disk unplugged, a share lost) looks like one whose files were deleted: that is no point to keep. */
	#checkRootIs(before: fs.BigIntStats): void {
		const now = this.#statRoot();
		if (now.dev === before.dev && now.ino === before.ino) return;
		throw new EngineError('source.missing', `${this.#options.path} was replaced by something else while it was read.`, {
			hint: 'Check that the disk or share is connected, then run the job again.',
		});
	}

	async #walk(at: {
		/** Where it is read, and by which view. */
		readonly path: Buffer;
		readonly view: PlacedView | null;
		readonly relative: Buffer;
		readonly entry: TreeEntry;
		readonly previous: TreeEntry | null;
		readonly parent: OpenFolder | null;
		readonly slot: number;
	}): Promise<void> {
		const { reading } = this.#options;
		const elsewhere = reading.below(at.path);
		const found = this.#list(at.path, at.parent === null, elsewhere);
		const isDatabase = this.#options.databases?.look(() => this.#shown(at.path), found.names);
		const stored = await this.#previousEntries(at.previous, at.path);
		const before = stored ?? [];
		const folder: OpenFolder = {
			...{ entry: at.entry, parent: at.parent, slot: at.slot, entries: [], pending: 0, isListed: false },
			before: at.previous && stored && !this.#options.doubts ? { entry: at.previous, entries: stored } : null, // pages in doubt are stored again
		};
		let beforeAt = 0;
		for (const child of found) {
			const relative = this.#options.exclude && (at.relative.length === 0 ? child.name : joinPath(at.relative, child.name));
			if (relative && this.#options.exclude?.(textFromBytes(relative))) continue;
			if (isDatabase?.(child.name)) continue;
			while (beforeAt < before.length && Buffer.compare((before[beforeAt] as TreeEntry).name, child.name) < 0) beforeAt++;
			const candidate = before[beforeAt];
			const previous = candidate && Buffer.compare(candidate.name, child.name) === 0 ? candidate : null;
			const view = elsewhere.find(({ name }) => name.equals(child.name))?.view ?? at.view;
			reading.correct(child.stats, child.path, view);
			if (child.type === 'directory') await this.#enter({ child, view, relative: relative ?? child.name }, previous, folder);
			else await this.#protect({ child, view }, previous, folder);
			if (performance.now() - this.#turnStartedAt > turnMs) await this.#breathe(child.path);
		}
		folder.isListed = true;
		this.#closeIfDone(folder);
	}

	/** Lets the workers' answers in. */
	async #breathe(path: Buffer): Promise<void> {
		const { pipe, observer, counters } = this.#options;
		pipe.listMs += performance.now() - this.#turnStartedAt;
		observer.activity(this.#shown(path));
		observer.counters({ ...counters });
		pipe.check();
		await pipe.storeRoom();
		await yieldToEvents();
		this.#turnStartedAt = performance.now();
	}

	#list(path: Buffer, isRoot: boolean, elsewhere: readonly PlacedEntry[]): ScannedFolder {
		try {
			return scanFolder(path, ({ path: name, error }) => this.#trouble(name, error), elsewhere);
		} catch (error) {
			if (isRoot) throw this.#rootError(error);
			this.#trouble(path, error);
			return Object.assign([], { names: [] });
		}
	}

	async #previousRoot({ root, reader }: NonNullable<FolderProtection['previous']>): Promise<TreeEntry | null> {
		try {
			return parsePage(await reader.readChunk(root), 'the root of the point before')[0] ?? null;
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			this.#options.observer.info(`The point before is damaged at its root, everything is read again. ${error.message}`);
			return null;
		}
	}

	/** Whether something that is stored of an unchanged file is damaged, so that it has to be read again all the same. */
	async #isHurt(path: Buffer, { extents }: TreeEntry): Promise<boolean> {
		const { doubts, observer } = this.#options;
		if (!doubts || !(await doubts.isHurt(extents))) return false;
		observer.info(`${this.#shown(path)} is read again, because what is stored of it is damaged.`);
		return true;
	}

	/** @returns null when there are none that can be relied on */
	async #previousEntries(previous: TreeEntry | null, path: Buffer): Promise<TreeEntry[] | null> {
		const reader = this.#options.previous?.reader;
		if (!reader || previous?.type !== 'directory') return null;
		try {
			const entries: TreeEntry[] = [];
			for (const page of previous.pages)
				for (const entry of parsePage(await reader.readChunk(page.hash), 'a directory of the point before')) entries.push(entry);
			return entries;
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			this.#options.observer.info(`${this.#shown(path)}: the point before is damaged here, everything in it is read again. ${error.message}`);
			return null;
		}
	}

	async #enter({ child, view, relative }: Found & { readonly relative: Buffer }, previous: TreeEntry | null, folder: OpenFolder): Promise<void> {
		if (child.name.equals(hiddenFolder)) return; // snapshots of ours, this one among them
		const { skip, observer, counters } = this.#options;
		const { dev, ino } = child.stats;
		const isCovered = dev !== this.#rootDevice && isKernelFileSystem(child.path);
		const isSkipped = skip.some((other) => other.device === dev && other.inode === ino);
		if (isSkipped) return observer.info(`${this.#shown(child.path)} was left out: it is the repository itself.`);
		if (isCovered) observer.info(`${this.#shown(child.path)} shows the kernel, not data: its content was left out.`);
		const entry = previous && isUnchanged(child, previous) ? previous : this.#describe(child);
		if (!entry) return;
		const slot = folder.entries.push(null) - 1;
		folder.pending++;
		counters.doneItems++;
		const next = { path: child.path, view, relative, entry: entry === previous ? previous : { ...entry, name: child.name }, previous, parent: folder, slot };
		if (isCovered) return this.#closeIfDone({ entry: next.entry, parent: folder, slot, entries: [], before: null, pending: 0, isListed: true });
		await this.#walk(next);
	}

	async #protect({ child, view }: Found, previous: TreeEntry | null, folder: OpenFolder): Promise<void> {
		const { counters, observer } = this.#options;
		if (child.type === 'socket' || child.type === 'unknown') {
			observer.info(`${this.#shown(child.path)} was left out: a socket has no content and is made anew by its program.`);
			return;
		}
		if (previous && isUnchanged(child, previous) && !(this.#options.doubts && (await this.#isHurt(child.path, previous)))) {
			folder.entries.push(previous);
			counters.unchangedItems++;
			this.#done(previous);
			return;
		}
		const entry = this.#describe(child);
		if (!entry) return;
		const slot = folder.entries.push(null) - 1;
		if (child.type !== 'file') {
			folder.entries[slot] = entry;
			this.#done(entry);
			return;
		}
		const link = entry.linkDevice === null ? null : `${entry.linkDevice}:${entry.inode}`;
		const first = link ? this.#linked.get(link) : undefined;
		if (first && 'otherNames' in first) {
			folder.pending++;
			first.otherNames.push({ entry, path: child.path, folder, slot });
		} else if (first) {
			folder.entries[slot] = withContentOf(entry, first);
			this.#done(entry);
		} else await this.#read({ child, view }, entry, folder, slot, link);
	}

	async #read({ child, view }: Found, entry: TreeEntry, folder: OpenFolder, slot: number, link: string | null): Promise<void> {
		const listedBytes = Number(child.stats.size);
		const segmentCount = Math.max(1, Math.ceil(listedBytes / segmentBytes));
		const id = this.#nextFile++;
		const parts = Array.from({ length: segmentCount }, () => null);
		const file: OpenFile = { entry, path: child.path, folder, slot, listedBytes, view, parts, missingParts: segmentCount, failure: null, otherNames: [] };
		this.#files.set(id, file);
		if (link) this.#linked.set(link, file);
		folder.pending++;
		if (segmentCount > 1) {
			for (let i = 0; i < segmentCount; i++) {
				const offset = i * segmentBytes;
				const segment = { offset, length: Math.min(segmentBytes, listedBytes - offset) };
				await this.#give([{ id: id * segmentIds + i, path: child.path, segment }]);
			}
			return;
		}
		this.#batch.push({ id: id * segmentIds, path: child.path, segment: null });
		this.#batchedBytes += listedBytes;
		if (this.#batch.length >= batchFiles || this.#batchedBytes >= batchBytes) await this.#giveBatch();
	}

	async #giveBatch(): Promise<void> {
		const files = this.#batch;
		this.#batch = [];
		this.#batchedBytes = 0;
		if (files.length > 0) await this.#give(files);
	}

	async #give(files: readonly FileWork[]): Promise<void> {
		const { pipe } = this.#options;
		if (!pipe.hasRoom) {
			pipe.listMs += performance.now() - this.#turnStartedAt;
			await pipe.room();
			this.#turnStartedAt = performance.now();
		}
		pipe.give({ type: 'files', files });
	}

	#takeResults(results: readonly FileResult[]): void {
		const { counters, observer } = this.#options;
		for (const result of results) {
			const id = Math.floor(result.id / segmentIds);
			const file = this.#files.get(id);
			if (!file) continue;
			if ('failure' in result) file.failure ??= Object.assign(new Error(result.failure.message), { code: result.failure.code });
			else {
				file.parts[result.id % segmentIds] = result;
				counters.readBytes += result.readBytes;
				if (file.parts.length > 1) counters.doneBytes += result.lengthBytes;
			}
			if (--file.missingParts > 0) continue;
			this.#files.delete(id);
			this.#finishFile(file);
		}
		observer.counters({ ...counters });
	}

	#finishFile(file: OpenFile): void {
		const { counters } = this.#options;
		const entry = file.failure ? null : this.#assemble(file);
		const link = file.entry.linkDevice === null ? null : `${file.entry.linkDevice}:${file.entry.inode}`;
		if (link && entry) this.#linked.set(link, entry);
		else if (link) this.#linked.delete(link);
		for (const name of [file, ...file.otherNames]) {
			if (file.failure) this.#trouble(name.path, file.failure);
			if (entry) {
				name.folder.entries[name.slot] = withContentOf(name.entry, entry);
				counters.doneItems++;
				if (file.parts.length === 1) counters.doneBytes += entry.sizeBytes;
			}
			name.folder.pending--;
			this.#closeIfDone(name.folder);
		}
	}

	#assemble(file: OpenFile): TreeEntry {
		const extents = new ByteWriter(64);
		const parts = file.parts.filter((part) => part !== null);
		let sizeBytes = 0;
		for (const part of parts) {
			extents.bytes(part.extents);
			sizeBytes += part.lengthBytes;
			if (part.lengthBytes < segmentBytes) break; // what follows a part that became shorter has no place
		}
		const first = parts[0] as (typeof parts)[number];
		const hasMoved = parts.some((part) => part.hasMoved || part.ctimeNs !== first.ctimeNs);
		if (hasMoved) this.#warn('source.changed', file.path, 'it changed while it was read; the copy may mix old and new content');
		const instantNs = file.view?.instantNs ?? null;
		const isRacy = instantNs === null ? parts.some((part) => part.isRacy) : isRacyAt(file.entry.ctimeNs, instantNs);
		const isDoubtful = hasMoved || isRacy;
		const packed = packExtents(extents.view(), this.#shown(file.path), (chunk) => this.#options.pipe.store(chunk));
		// the time of the content; ctime stays that of the listing, so that metadata that changed in between is noticed at the next run
		return { ...file.entry, sizeBytes, extents: packed, mtimeNs: first.mtimeNs, ctimeNs: isDoubtful ? 0n : file.entry.ctimeNs };
	}

	#describe(found: FoundEntry): TreeEntry | null {
		try {
			return describeEntry(found, this.#options.platform, (what, error) => this.#metadataTrouble(found.path, what, error));
		} catch (error) {
			this.#trouble(found.path, error);
			return null;
		}
	}

	#done(entry: TreeEntry): void {
		const { counters } = this.#options;
		counters.doneItems++;
		counters.doneBytes += entry.sizeBytes;
	}

	#closeIfDone(folder: OpenFolder): void {
		for (let at: OpenFolder | null = folder; at?.isListed && at.pending === 0; at = at.parent) {
			const entry = this.#close(at);
			at.isListed = false; // closed: nothing may close it again
			if (!at.parent) this.#finished.resolve(entry);
			else {
				at.parent.entries[at.slot] = entry;
				at.parent.pending--;
			}
		}
	}

	/** A folder in which nothing has changed keeps its pages as they are, and so do those above it. */
	#close({ entry, entries, before }: OpenFolder): TreeEntry {
		if (before && entries.length === before.entries.length && entries.every((one, i) => one === before.entries[i])) {
			const { pages, totals } = before.entry;
			return entry === before.entry ? entry : { ...entry, pages, totals };
		}
		const writer = new PageWriter((page) => this.#options.pipe.store(page));
		for (const one of entries) if (one) writer.add(one);
		return { ...entry, ...writer.end() };
	}

	/** For people: the original path of a place where something is read. */
	#shown(at: Buffer): string {
		return displayText(textFromBytes(this.#options.reading.original(at)));
	}

	#trouble(path: Buffer, error: unknown): void {
		const isDefect = systemErrorCode(error) === undefined && !isEngineError(error);
		if (isDefect) this.#options.pipe.fail(error);
		const { code, message } = sourceError(this.#options.reading.original(path), error);
		this.#report(code, message, path);
	}

	#metadataTrouble(path: Buffer, what: string, error: unknown): void {
		const message = isEngineError(error) ? error.message : `its ${what} could not be read (${systemErrorCode(error) ?? String(error)})`;
		this.#warn('source.metadata', path, `${message}; its content is safe`);
	}

	#warn(code: ErrorCode, path: Buffer, what: string): void {
		this.#report(code, `${this.#shown(path)}: ${what}.`, path);
	}

	#report(code: ErrorCode, message: string, path: Buffer): void {
		this.#options.counters.warningCount++;
		this.#options.observer.warning({ code, message, path: textFromBytes(this.#options.reading.original(path)) });
	}
}

/** Ids of segments are those of their file times this: files of up to 64 PiB. */
const segmentIds = 2 ** 20;

const withContentOf = (entry: TreeEntry, content: TreeEntry): TreeEntry => ({
	...entry,
	sizeBytes: content.sizeBytes,
	extents: content.extents,
	mtimeNs: content.mtimeNs,
	ctimeNs: content.ctimeNs,
});
