import { isEngineError } from '../base/index.ts';
import { ChainReader, findPoint, folderPath, loadChain, openVault, type RepositoryFolder, readCommittedFile, type Vault } from '../repository/index.ts';
import { PointView } from './point-view.ts';

const keptViews = 4;

type Opened = {
	readonly view: PointView;
	readonly repositoryPath: RepositoryFolder;
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

	/** @throws what `work` throws, `not-found.point`, `repository.*` */
	async use<Result>(repositoryPath: RepositoryFolder, pointId: string, work: (view: PointView) => Promise<Result>): Promise<Result> {
		const key = `${folderPath(repositoryPath)}\0${pointId}`;
		const kept = this.#views.get(key);
		if (kept && (await isStale(kept))) this.#retire(key, kept);
		const opened = this.#views.get(key) ?? this.#open(key, repositoryPath, pointId);
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
			return await this.#useOnce(key, this.#open(key, repositoryPath, pointId), work);
		}
	}

	#open(key: string, repositoryPath: RepositoryFolder, pointId: string): Kept {
		const opened: Kept = { opening: openPoint(repositoryPath, pointId), users: 0, isRetired: false };
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
	}
}

/** Commits are read before the indexes, so that a change in between is noticed later and not missed. */
async function openPoint(repositoryPath: RepositoryFolder, pointId: string): Promise<Opened> {
	const { point, files } = await findPoint(repositoryPath, pointId);
	const commits = await commitsOf(repositoryPath, files);
	return { view: new PointView(point, new ChainReader(await loadChain(repositoryPath, files))), repositoryPath, commits };
}

const close = ({ opening }: Kept): void =>
	void opening.then(
		({ view }) => view[Symbol.asyncDispose](),
		() => undefined, // it never opened
	);

async function isStale({ opening }: Kept): Promise<boolean> {
	try {
		const { repositoryPath, commits } = await opening;
		const now = await commitsOf(repositoryPath, [...commits.keys()]);
		return [...commits].some(([path, commit]) => now.get(path) !== commit);
	} catch {
		return true; // A file is gone, or the view never opened: opening anew says why.
	}
}

/** What each file's last commit is, in a text that differs whenever the file was changed or replaced. */
async function commitsOf(repositoryPath: RepositoryFolder, paths: readonly string[]): Promise<Map<string, string>> {
	const vault = openVault(repositoryPath);
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
