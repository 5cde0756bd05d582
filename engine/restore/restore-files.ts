import * as fs from 'node:fs';
import { displayText, EngineError, isEngineError, systemErrorCode, textFromBytes } from '../base/index.ts';
import type { ErrorCode, ItemWarning, OverwriteRule } from '../contract/index.ts';
import { ByteWriter, noContent, type TreeEntry, writeExtent } from '../format/index.ts';
import type { TaskObserver, TaskShares } from '../mover/index.ts';
import { openPlatform } from '../platform/index.ts';
import { applyMetadata, createHardLink, createSpecial, removeExisting, targetError, temporaryName } from './file-writer.ts';
import type { PointView } from './point-view.ts';
import { RestoreProgress } from './progress.ts';
import type { FileSlice, RestoreAnswer, SliceFailure, SliceResult } from './protocol.ts';
import { type PointPlace, reachPoint, type TaskSignal } from './reached.ts';
import { type RestoreClient, RestorePool } from './restore-pool.ts';
import { type SelectedEntry, select } from './selection.ts';

export type RestoreFilesTask = PointPlace & {
	readonly paths: readonly string[];
	readonly to: string | null;
	readonly overwrite: OverwriteRule;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

const batchFiles = 64;
const batchBytes = 4 * 1024 * 1024;
/** A large file is written in slices of about this size, by all workers at once. */
const sliceBytes = 32 * 1024 * 1024;

type OpenFile = {
	readonly selected: SelectedEntry;
	readonly temporary: Buffer;
	sliceCount: number;
	writtenSlices: number;
	/** All its slices have been given away. */
	isListed: boolean;
	failure: SliceFailure | null;
};

/**
 * Restores the selection. Files appear under their names only when they are whole; what stays as it is under the overwrite rule is told.
 * @throws `repository.damaged` at the end when files could not be restored, `restore.target` when the target as a whole cannot be written
 */
export async function restoreFiles(task: RestoreFilesTask, [observer]: readonly TaskObserver[], options: TaskSignal): Promise<void> {
	await using reached = await reachPoint(task, options);
	const { chain, view, signal } = reached;
	const restore = new FileRestore(task, observer as TaskObserver, signal);
	try {
		await using pool = new RestorePool(chain, reached, task.shares, restore);
		using _telling = restore.tellRegularly(pool);
		await restore.run(view, pool);
	} finally {
		restore.removeUnfinished(); // after the workers have ended: none of them makes the file again
	}
}

class FileRestore implements RestoreClient {
	readonly #task: RestoreFilesTask;
	readonly #progress: RestoreProgress;
	readonly #signal: AbortSignal;
	readonly #platform = openPlatform();
	readonly #open = new Map<number, OpenFile>();
	readonly #toFinish: { id: number; file: OpenFile }[] = [];
	/** Directories get their metadata last: everything that is written into them moves their times. */
	readonly #directories: { target: Buffer; entry: TreeEntry }[] = [];
	/** First restored name per inode with several names. */
	readonly #linked = new Map<string, Buffer>();
	readonly #links: { first: Buffer; target: Buffer; path: string; replace: boolean; sizeBytes: number }[] = [];
	#batch: FileSlice[] = [];
	#batchedBytes = 0;
	#nextId = 0;
	#damagedCount = 0;
	#full: string | null = null;

	constructor(task: RestoreFilesTask, observer: TaskObserver, signal: AbortSignal) {
		this.#task = task;
		this.#progress = new RestoreProgress(observer);
		this.#signal = signal;
	}

	tellRegularly(pool: RestorePool): Disposable {
		return this.#progress.tellRegularly(pool);
	}

	async run(view: PointView, pool: RestorePool): Promise<void> {
		const { counters, observer } = this.#progress;
		const signal = this.#signal;
		await this.#addUp(view);
		for await (const selected of select({ view, paths: this.#task.paths, to: this.#task.to, overwrite: this.#task.overwrite, signal })) {
			if (this.#full) break;
			observer.activity(displayText(selected.path));
			await this.#restore(selected, view, pool);
			this.#progress.report();
		}
		await this.#giveBatch(pool);
		for (;;) {
			await pool.drain(signal);
			const ready = this.#toFinish.splice(0);
			if (ready.length === 0) break;
			for (const { id, file } of ready)
				await pool.give({ type: 'finish', id, target: file.selected.target, temporary: file.temporary, entry: portable(file.selected.entry) }, signal);
		}
		this.#makeLinks();
		for (const { target, entry } of this.#directories.toReversed())
			applyMetadata(target, entry, this.#platform, (warning) => this.#warn(warning.code, warning.message, warning.path));
		this.#progress.bottleneck(pool);
		if (!this.#full) {
			counters.totalBytes = counters.doneBytes;
			counters.totalItems = counters.doneItems;
		}
		this.#progress.report();
		if (this.#full)
			throw new EngineError('restore.target', this.#full, {
				hint: 'Free some space or restore to another disk, then restore again: files that are there already are kept.',
			});
		if (this.#damagedCount > 0)
			throw new EngineError(
				'repository.damaged',
				`${this.#damagedCount} files or folders could not be restored because their backup is damaged. All others are in place.`,
				{
					hint: 'See the log of the session for their names; try an older restore point for them.',
				},
			);
	}

	removeUnfinished(): void {
		for (const { temporary } of this.#open.values()) removeExisting(temporary);
	}

	async #addUp(view: PointView): Promise<void> {
		const { counters } = this.#progress;
		let bytes = 0;
		let items = 0;
		for (const path of this.#task.paths) {
			const { entry } = await view.find(path);
			bytes += entry.type === 'directory' ? entry.totals.bytes : entry.sizeBytes;
			items += entry.type === 'directory' ? entry.totals.items : 1;
		}
		counters.totalBytes = bytes;
		counters.totalItems = items;
		this.#progress.report();
	}

	async #restore(selected: SelectedEntry, view: PointView, pool: RestorePool): Promise<void> {
		const { counters, observer } = this.#progress;
		const { entry, decision, target } = selected;
		if (decision === 'damaged') {
			this.#damagedCount++;
			this.#warn('repository.damaged', `${displayText(selected.path)}: not everything in it could be listed, because its backup is damaged.`, selected.path);
		} else if (decision === 'conflict') {
			this.#warn(
				'restore.target',
				`${displayText(textFromBytes(target))} is in the way and was kept: ${displayText(selected.path)} was not restored.`,
				selected.path,
			);
			this.#pass(entry);
		} else if (decision === 'keep') {
			if (!selected.isParent) observer.info(`${displayText(textFromBytes(target))} exists already and was kept.`);
			this.#pass(entry);
		} else if (entry.type === 'directory') {
			if (!selected.isParent) counters.doneItems++;
			this.#attempt(selected, () => this.#makeDirectory(selected));
		} else if (this.#isLaterName(selected)) {
			return;
		} else if (entry.type === 'file') {
			await this.#restoreFile(selected, view, pool);
		} else {
			counters.doneItems++;
			this.#attempt(selected, () =>
				createSpecial(target, entry, this.#platform, decision === 'replace', (warning) => this.#warn(warning.code, warning.message, warning.path)),
			);
		}
	}

	/** Counts what is not restored as done, with all below it. */
	#pass(entry: TreeEntry): void {
		const { counters } = this.#progress;
		counters.doneItems += entry.type === 'directory' ? entry.totals.items : 1;
		counters.doneBytes += entry.type === 'directory' ? entry.totals.bytes : entry.sizeBytes;
	}

	#makeDirectory({ path, target, entry, decision, isParent }: SelectedEntry): void {
		if (decision === 'replace') removeExisting(target);
		if (decision === 'create' || decision === 'replace') fs.mkdirSync(target, { recursive: isParent || path === '/', mode: 0o700 });
		const mayDescribe = decision !== 'merge' || (!isParent && this.#task.overwrite === 'always');
		if (mayDescribe) this.#directories.push({ target, entry: portable(entry) });
	}

	/** True when another name of the same inode was met before: it becomes a hard link when all files are there. */
	#isLaterName({ entry, target, path, decision }: SelectedEntry): boolean {
		if (entry.linkDevice === null) return false;
		const key = `${entry.linkDevice}:${entry.inode}`;
		const first = this.#linked.get(key);
		if (!first) this.#linked.set(key, target);
		else this.#links.push({ first, target, path, replace: decision === 'replace', sizeBytes: entry.sizeBytes });
		return first !== undefined;
	}

	async #restoreFile(selected: SelectedEntry, view: PointView, pool: RestorePool): Promise<void> {
		const { entry, target } = selected;
		const id = this.#nextId++;
		const temporary = temporaryName(target);
		const file: OpenFile = { selected, temporary, sliceCount: 0, writtenSlices: 0, isListed: false, failure: null };
		this.#open.set(id, file);
		const slice = (offset: number, lengthBytes: number, extents: Uint8Array, isWhole: boolean): FileSlice => ({
			id,
			target,
			temporary,
			offset,
			lengthBytes,
			extents,
			entry: isWhole ? portable(entry) : null,
		});
		const writer = new ByteWriter(256);
		let start = 0;
		let at = 0;
		try {
			for await (const extent of view.extents(entry)) {
				at += extent.lengthBytes;
				if (at > entry.sizeBytes) break;
				writeExtent(writer, extent);
				if (at - start < sliceBytes || at === entry.sizeBytes) continue;
				file.sliceCount++;
				await this.#giveSlice(slice(start, at - start, writer.copy(), false), pool);
				writer.reset();
				start = at;
			}
			if (at !== entry.sizeBytes) throw new EngineError('repository.damaged', 'The extents of the file do not add up to its size.');
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			file.failure = { code: 'repository', message: error.message };
			writer.reset();
		}
		file.sliceCount++;
		file.isListed = true;
		await this.#giveSlice(slice(start, at - start, writer.copy(), start === 0 && !file.failure), pool);
	}

	async #giveSlice(slice: FileSlice, pool: RestorePool): Promise<void> {
		this.#batch.push(slice);
		this.#batchedBytes += slice.lengthBytes;
		if (this.#batch.length >= batchFiles || this.#batchedBytes >= batchBytes) await this.#giveBatch(pool);
	}

	async #giveBatch(pool: RestorePool): Promise<void> {
		const slices = this.#batch;
		this.#batch = [];
		this.#batchedBytes = 0;
		if (slices.length > 0) await pool.give({ type: 'slices', slices }, this.#signal);
	}

	onWarning({ code, message, path }: ItemWarning): void {
		this.#warn(code, message, path);
	}

	onAnswer(answer: RestoreAnswer): void {
		if (answer.type === 'slices') for (const result of answer.results) this.#takeSlice(result);
		else if (answer.type === 'finished') this.#close(answer.id, answer.failure);
		this.#progress.report();
	}

	#takeSlice({ id, writtenBytes, failure }: SliceResult): void {
		const { counters } = this.#progress;
		const file = this.#open.get(id);
		if (!file) return;
		counters.doneBytes += writtenBytes;
		counters.storedBytes += writtenBytes;
		counters.transferredBytes += writtenBytes;
		file.failure ??= failure;
		file.writtenSlices++;
		if (!file.isListed || file.writtenSlices < file.sliceCount) return;
		if (file.sliceCount > 1 && !file.failure) this.#toFinish.push({ id, file });
		else this.#close(id, null);
	}

	#close(id: number, failure: SliceFailure | null): void {
		const file = this.#open.get(id);
		if (!file) return;
		this.#open.delete(id);
		this.#progress.counters.doneItems++;
		file.failure ??= failure;
		if (file.failure) this.#failed(file);
	}

	#failed({ selected, failure, temporary }: OpenFile): void {
		removeExisting(temporary);
		if (failure?.code === 'full') this.#full ??= failure.message;
		else if (failure?.code === 'repository') {
			this.#damagedCount++;
			this.#warn('repository.damaged', `${displayText(selected.path)} could not be restored: ${failure.message}`, selected.path);
		} else this.#warn('restore.target', failure?.message ?? 'could not be written', selected.path);
	}

	#makeLinks(): void {
		const { counters } = this.#progress;
		for (const link of this.#links) {
			counters.doneItems++;
			counters.doneBytes += link.sizeBytes;
			this.#attempt(link, () => createHardLink(link.first, link.target, link.replace));
		}
	}

	#attempt(selected: Pick<SelectedEntry, 'target' | 'path'>, action: () => void): void {
		try {
			action();
		} catch (error) {
			if (systemErrorCode(error) === 'ENOSPC') this.#full ??= targetError(selected.target, error).message;
			else this.#warn('restore.target', targetError(selected.target, error).message, selected.path);
		}
	}

	#warn(code: ErrorCode, message: string, path: string | null): void {
		this.#progress.counters.warningCount++;
		this.#progress.observer.warning({ code, message, path });
	}
}

/** What a worker needs to know of an entry, without the page that it came from. */
const portable = (entry: TreeEntry): TreeEntry => ({
	...entry,
	...noContent,
	name: noContent.target,
	sizeBytes: entry.sizeBytes,
	xattrs: entry.xattrs.map(({ name, value }) => ({ name: Uint8Array.from(name), value: Uint8Array.from(value) })),
});
