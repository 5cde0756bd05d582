import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { isEngineError } from '../base/index.ts';
import type { ErrorCode, ErrorShape, ImportProblem } from '../contract/index.ts';
import { encodeChainMetadata } from '../format/index.ts';
import { type JobRef, kindOf, metadataExtension, presentFiles, readChains, type StoredChain, unknownChain, writeMetadata } from './chain-store.ts';
import { withTrueSize } from './clean-up.ts';
import { type FoundFile, lostChains, placeFiles, readHead, unlistedFiles } from './found-files.ts';
import { OpenChain } from './open-chain.ts';
import { openVault, type RepositoryPlace, type Vault } from './storage/open-storage.ts';
import type { Storage, StorageEntry } from './storage/storage.ts';

export type ImportFindings = {
	/** Chains whose metadata was lost or damaged, and was made anew from their backup files. */
	readonly rebuilt: readonly string[];
	/** Chains that tell otherwise than their metadata: a session of their job runs, or died. */
	readonly unfinished: readonly string[];
	/** What could not be used, and why. */
	readonly problems: readonly ImportProblem[];
};

export type ImportOptions = {
	readonly signal?: AbortSignal | undefined;
	/** Jobs of this installation: their unfinished files are not reported, since their own sessions put them right. */
	readonly ownJobs?: ReadonlySet<string> | undefined;
};

/**
 * Looks for chains whoever made them, and makes lost or damaged metadata anew.
 *
 * Another installation may be at work in the repository: nothing is removed, and no metadata that can be read is written to. Metadata is made only
 * where there is none or where it is damaged, which a running engine never leaves behind.
 * @throws `repository.*` when the repository as a whole cannot be read or written
 */
export async function importChains(place: RepositoryPlace, { signal, ownJobs = new Set() }: ImportOptions = {}): Promise<ImportFindings> {
	const vault = openVault(place);
	const { storage } = vault;
	const before = await readChains(vault);
	const { chains, copies, folders } = before;
	const damaged = new Set(before.problems.filter(({ error }) => error.code === 'repository.damaged').map(({ path }) => path));
	const untouchable = new Set([...before.problems.map(({ path }) => path).filter((path) => !damaged.has(path))]);
	const rebuilt: string[] = [];
	const unfinished: string[] = [];
	const problems: ImportProblem[] = [];
	const isListed = (chainId: string): boolean =>
		chains.some((stored) => stored.metadata.chain.id === chainId && presentFiles(stored, folders.get(stored.folder) ?? []) > 0);
	for (const [folder, entries] of folders) {
		signal?.throwIfAborted();
		const known = chains.filter((stored) => stored.folder === folder);
		const ofCopies = copies.filter((stored) => stored.folder === folder);
		const unlisted = await unlistedFiles(vault, folder, entries, [...known, ...ofCopies], (path, error) => problems.push(problemOf(path, error.shape)));
		const lost = lostChains(folder, unlisted, isListed);
		for (const stored of lost) {
			if (untouchable.has(stored.path)) continue; // its metadata is a problem of its own
			const placement = placeFiles(stored, unlisted);
			try {
				if (await makeMetadata(storage, { ...stored, metadata: placement.metadata }, { mayReplace: damaged.has(stored.path) }))
					rebuilt.push(stored.metadata.chain.id);
			} catch (error) {
				// A disk that is full or write-protected: what is listed already can be used all the same.
				if (!isEngineError(error)) throw error;
				problems.push(
					problemOf(stored.path, { ...error.shape, message: `The list of a chain of “${stored.metadata.chain.job.name}” cannot be written: ${error.message}` }),
				);
			}
			problems.push(...leftOver(folder, placement.left, lost));
		}
		for (const stored of known) {
			const placement = placeFiles(stored, unlisted);
			const isOwn = ownJobs.has(stored.metadata.chain.job.id);
			if (!isOwn && (placement.placed.length + placement.superseded.length > 0 || (await wasChangedInPlace(vault, stored, entries))))
				unfinished.push(stored.metadata.chain.id);
			problems.push(...leftOver(folder, placement.left, [...known, ...lost]));
		}
		const claimed = new Set([...known, ...lost].map(({ metadata }) => metadata.chain.id));
		problems.push(
			...strangers(
				folder,
				unlisted.filter(({ committed }) => !claimed.has(committed.root.chain.id)),
				isListed,
			),
		);
		problems.push(...unfinishedParts(folder, entries, ownJobs));
	}
	const after = rebuilt.length > 0 ? await readChains(vault) : before;
	for (const { path, error } of after.problems) problems.unshift(problemOf(path, error));
	if (after.chains.length === 0) problems.push(...(await misplaced(storage)));
	return { rebuilt, unfinished, problems: withoutLockedFiles(problems) };
}

/** Where metadata says that its chain is locked, the chain's files say nothing new. */
function withoutLockedFiles(problems: readonly ImportProblem[]): ImportProblem[] {
	const locked = problems.filter(({ reason }) => reason === 'locked');
	const folders = new Set(locked.filter(({ path }) => path.endsWith(metadataExtension)).map(({ path }) => posix.dirname(path)));
	return problems.filter((problem) => !locked.includes(problem) || !kindOf(problem.path) || !folders.has(posix.dirname(problem.path)));
}

/**
 * Puts a chain right whose job is not there to do it: what a died session left half done is taken in or removed. Only when no engine runs that job
 * any more; the caller holds the chain for itself.
 */
export async function finishChain(place: RepositoryPlace, chainId: string): Promise<void> {
	await OpenChain.find(place, chainId);
}

/**
 * Makes a chain the job's: from now on its metadata, and every file that is added or changed, names that job. What a died session of the job
 * before left is put right. An engine that still runs that job finds the chain taken at its next commit and leaves it alone. The caller holds the
 * chain for itself. @throws `not-found.chain`, `repository.*`
 */
export async function takeOverChain(place: RepositoryPlace, chainId: string, job: JobRef): Promise<void> {
	const { storage, stored } = await OpenChain.find(place, chainId);
	const { chain, files } = stored.metadata;
	await writeMetadata(storage, stored.path, { chain: { ...chain, job }, files }, stored.seal);
	const { chains, folders } = await readChains(openVault(place));
	if (!chains.some((other) => other.metadata.chain.id === chainId)) throw unknownChain(chainId);
	// With its last chain in the folder, what the job before left unfinished there has nobody any more.
	if (chains.some((other) => other.folder === stored.folder && other.metadata.chain.job.id === chain.job.id)) return;
	for (const { name } of folders.get(stored.folder) ?? []) if (name.endsWith(`.${chain.job.id}.part`)) await storage.remove(`${stored.folder}/${name}`);
}

/** A full that has become another point has another id than the one that is listed; a file that was tidied or compacted is whole and shorter than it. */
async function wasChangedInPlace(vault: Vault, stored: StoredChain, entries: readonly StorageEntry[]): Promise<boolean> {
	const { folder, metadata } = stored;
	const full = metadata.chain.method === 'forward' ? undefined : metadata.files.find(({ kind }) => kind === 'full');
	const head = full && (await readHead(vault, `${folder}/${full.name}`));
	if (head && head.superblock.fileId !== full?.id) return true;
	for (const file of metadata.files) if ((await withTrueSize(vault.storage, stored, file, entries)) !== file) return true;
	return false;
}

/** @returns false when somebody else has listed the chain meanwhile */
async function makeMetadata(storage: Storage, { path, metadata, seal }: StoredChain, { mayReplace }: { readonly mayReplace: boolean }): Promise<boolean> {
	if (mayReplace) {
		await writeMetadata(storage, path, metadata, seal);
		return true;
	}
	const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
	try {
		{
			await using file = await storage.open(temporary, 'create');
			await file.write(encodeChainMetadata(metadata, seal), 0);
			await file.sync();
		}
		await storage.rename(temporary, path);
		return true;
	} catch (error) {
		await storage.remove(temporary).catch(() => undefined); // the next clean-up of the chain removes it
		if (isEngineError(error, 'exists.target')) return false;
		throw error;
	}
}

const reasons: Readonly<Partial<Record<ErrorCode, ImportProblem['reason']>>> = {
	'repository.damaged': 'damaged',
	'repository.foreign': 'foreign',
	'repository.locked': 'locked',
	'repository.newer-format': 'newer',
	'repository.duplicate': 'duplicate',
};
const problemOf = (path: string, { code, message, hint }: ErrorShape): ImportProblem => ({
	path,
	reason: reasons[code] ?? 'unreadable',
	message,
	hint: hint ?? (code === 'repository.damaged' ? 'If there is another copy of it, put that in its place, then import again.' : null),
});

/** Files of a chain that found no place in it. */
function leftOver(folder: string, left: readonly FoundFile[], chains: readonly StoredChain[]): ImportProblem[] {
	const ids = new Set(chains.flatMap(({ metadata }) => metadata.files.map(({ id }) => id)));
	return left.map(({ name, committed }) => {
		const path = `${folder}/${name}`;
		if (ids.has(committed.superblock.fileId) || committed.superblock.kind === 'full')
			return {
				path,
				reason: 'duplicate',
				message: `${path} is a copy of a file that its chain has already.`,
				hint: 'Move it out of the repository if it is not needed.',
			};
		return {
			path,
			reason: 'incomplete',
			message: `${path} builds on a backup file that is missing: its ${pointCount([{ name, committed }])} cannot be restored.`,
			hint: 'Put the missing file back beside it, then import again.',
		};
	});
}

/** Files of chains that have no full here. */
function strangers(folder: string, found: readonly FoundFile[], isListed: (chainId: string) => boolean): ImportProblem[] {
	const problems: ImportProblem[] = [];
	for (const [chainId, files] of Map.groupBy(found, ({ committed }) => committed.root.chain.id)) {
		const [first] = files;
		if (first === undefined) continue;
		const { job } = first.committed.root.chain;
		if (isListed(chainId)) {
			for (const { name } of files)
				problems.push({
					path: `${folder}/${name}`,
					reason: 'duplicate',
					message: `${folder}/${name} belongs to a chain of “${job.name}” that lies in another folder.`,
					hint: 'It is a copy, or was moved without the others. Move it back, or out of the repository.',
				});
			continue;
		}
		problems.push({
			path: `${folder}/${first.name}`,
			reason: 'incomplete',
			message: `The full of a chain of “${job.name}” is missing from ${folder}: ${pointCount(files)} in ${files.length === 1 ? 'one file' : `${files.length} files`} cannot be restored.`,
			hint: 'Put the full (.hbk) back beside them, then import again.',
		});
	}
	return problems;
}

function pointCount(files: readonly FoundFile[]): string {
	const count = files.reduce((sum, { committed }) => sum + committed.root.points.length, 0);
	return count === 1 ? 'one restore point' : `${count} restore points`;
}

/** A session of another installation writes them now, or has died. */
function unfinishedParts(folder: string, entries: readonly StorageEntry[], ownJobs: ReadonlySet<string>): ImportProblem[] {
	return entries.flatMap(({ name, kind, sizeBytes }): ImportProblem[] => {
		const jobId = /\.([0-9a-z]{1,16})\.part$/.exec(name)?.[1];
		if (kind !== 'file' || jobId === undefined || ownJobs.has(jobId)) return [];
		const path = `${folder}/${name}`;
		return [
			{
				path,
				reason: 'unfinished',
				message: `${path} (${sizeBytes} bytes) is being written by a session of another installation, or was left by one that died. It holds no restore point.`,
				hint: 'If no other installation works in this repository any more, delete it.',
			},
		];
	});
}

/** A folder too high or too deep was named: the repository is the folder that holds the jobs' folders. */
async function misplaced(storage: Storage): Promise<ImportProblem[]> {
	const isOurs = ({ name, kind }: StorageEntry): boolean => kind === 'file' && (name.endsWith(metadataExtension) || kindOf(name) !== undefined);
	const { place } = storage.properties;
	const entries = await storage.list('');
	const direct = entries.find(isOurs);
	if (direct)
		return [
			{
				path: direct.name,
				reason: 'misplaced',
				message: `${direct.name} lies directly in ${place}: this seems to be the folder of a job.`,
				hint: 'Add the folder above it as the repository instead.',
			},
		];
	for (const folder of entries.filter(({ kind }) => kind === 'folder').slice(0, 100)) {
		for (const inner of (await listOrNothing(storage, folder.name)).filter(({ kind }) => kind === 'folder').slice(0, 100)) {
			if (!(await listOrNothing(storage, `${folder.name}/${inner.name}`)).some(isOurs)) continue;
			return [
				{
					path: folder.name,
					reason: 'misplaced',
					message: `Backup files lie deeper, in ${folder.name}/${inner.name}: ${folder.name} seems to be the repository.`,
					hint: `Add ${place}/${folder.name} as the repository instead.`,
				},
			];
		}
	}
	return [];
}

/** What cannot be listed holds nothing that could be used; this is only a hint. */
const listOrNothing = (storage: Storage, folder: string): Promise<readonly StorageEntry[]> => storage.list(folder).catch(() => []);
