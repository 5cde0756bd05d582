import { isEngineError } from '../base/index.ts';
import { ChainReader, findPoint, loadChain, readCommittedFile, type Vault } from '../repository/index.ts';
import { KeptReaches } from './kept-reaches.ts';
import { PointView } from './point-view.ts';
import { placeKey, type RestorePlace } from './reached.ts';

const keptViews = 4;

type Opened = {
	readonly view: PointView;
	readonly vault: Vault;
	/** The last commit of each file when it was opened. */
	readonly commits: ReadonlyMap<string, string>;
};
type Kept = { readonly opening: Promise<Opened>; users: number; isRetired: boolean };

/**
 * The views of the points that were looked into last, kept open between questions. A chain may be changed in place meanwhile (a reverse
 * increment, a merge, a compaction); so before a kept view is used again, its files are asked whether they are still those that it was opened with.
 * A change that comes between asking and reading shows as damage, which therefore is believed only of a view that is not stale.
 */
export class KeptViews implements AsyncDisposable {
	readonly #views = new Map<string, Kept>();
	readonly #reaches = new KeptReaches();

	/** @throws what `work` throws, `not-found.point`, `repository.*`, `connection.*`, `auth.*` */
	use<Result>(place: RestorePlace, pointId: string, work: (view: PointView) => Promise<Result>): Promise<Result> {
		return this.#reaches.use(place, (vault) => this.#useAt(`${placeKey(place)}\0${pointId}`, vault, pointId, work));
	}

	async #useAt<Result>(key: string, vault: Vault, pointId: string, work: (view: PointView) => Promise<Result>): Promise<Result> {
		const kept = this.#views.get(key);
		if (kept && (await isStale(kept))) this.#retire(key, kept);
		const opened = this.#views.get(key) ?? this.#open(key, vault, pointId);
		try {
			return await this.#useOnce(key, opened, work);
		} catch (error) {
			if (!isEngineError(error, 'repository.damaged')) throw error;
			// Opening may have fallen between the commit of a file and its metadata, so that it is tried anew as well.
			const isOpen = await opened.opening.then(
				() => true,
				() => false,
			);
			if (isOpen && !(await isStale(opened))) throw error;
			this.#retire(key, opened);
			return await this.#useOnce(key, this.#open(key, vault, pointId), work);
		}
	}

	#open(key: string, vault: Vault, pointId: string): Kept {
		const opened: Kept = { opening: openPoint(vault, pointId), users: 0, isRetired: false };
		this.#views.set(key, opened);
		opened.opening.catch(() => this.#views.get(key) === opened && this.#views.delete(key)); // the next question tries again
		for (const [oldest, kept] of this.#views) {
			if (this.#views.size <= keptViews) break;
			this.#retire(oldest, kept);
		}
		return opened;
	}

	async #useOnce<Result>(key: string, kept: Kept, work: (view: PointView) => Promise<Result>): Promise<Result> {
		kept.users++;
		if (this.#views.get(key) === kept) {
			this.#views.delete(key); // to the young end
			this.#views.set(key, kept);
		}
		try {
			const { view } = await kept.opening;
			return await work(view);
		} finally {
			kept.users--;
			if (kept.isRetired && kept.users === 0) close(kept);
		}
	}

	/** Its files are closed when nobody reads them any more. */
	#retire(key: string, kept: Kept): void {
		if (this.#views.get(key) === kept) this.#views.delete(key);
		if (kept.isRetired) return;
		kept.isRetired = true;
		if (kept.users === 0) close(kept);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const [key, kept] of this.#views) this.#retire(key, kept);
		await this.#reaches[Symbol.asyncDispose]();
	}
}

/** Commits are read before the indexes, so that a change in between is noticed later and not missed. */
async function openPoint(vault: Vault, pointId: string): Promise<Opened> {
	const { point, files } = await findPoint(vault, pointId);
	const commits = await commitsOf(vault, files);
	return { view: new PointView(point, new ChainReader(await loadChain(vault, files), vault.storage)), vault, commits };
}

const close = ({ opening }: Kept): void =>
	void opening.then(
		({ view }) => view[Symbol.asyncDispose](),
		() => undefined, // it never opened
	);

async function isStale({ opening }: Kept): Promise<boolean> {
	try {
		const { vault, commits } = await opening;
		const now = await commitsOf(vault, [...commits.keys()]); // a session that has ended answers nothing any more
		return [...commits].some(([path, commit]) => now.get(path) !== commit);
	} catch {
		return true; // A file is gone, or the view never opened: opening anew says why.
	}
}

/** What each file's last commit is, in a text that differs whenever the file was changed or replaced. */
async function commitsOf(vault: Vault, paths: readonly string[]): Promise<Map<string, string>> {
	const commits = new Map<string, string>();
	for (const path of paths) commits.set(path, await commitOf(vault, path));
	return commits;
}

async function commitOf({ storage, keys }: Vault, path: string): Promise<string> {
	try {
		await using file = await storage.open(path, 'read');
		const { fileId, rootOffset, rootBytes, rootCrc, committedEnd } = (await readCommittedFile(file, keys))?.superblock ?? {};
		return [fileId, rootOffset, rootBytes, rootCrc, committedEnd].join(' ');
	} catch (error) {
		if (isEngineError(error)) return error.code; // whoever reads the file says what is wrong with it
		throw error;
	}
}
