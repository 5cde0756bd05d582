import { type ChainMetadata, ringOf } from '../format/index.ts';
import { isBegunCompaction } from './begun-part.ts';
import { type JobRef, partName, presentFiles, readChains, type StoredChain, writeMetadata } from './chain-store.ts';
import { describeFile, type FoundFile, lostChains, placeFiles, readHead, unlistedFiles } from './found-files.ts';
import { isLeftOfMarking } from './marker.ts';
import { openVault, type RepositoryPlace } from './storage/open-storage.ts';
import type { Storage, StorageEntry } from './storage/storage.ts';

type StoredFile = ChainMetadata['files'][number];
export type CleanUpOptions = {
	/** Leave what a compaction has committed when it died, so that the next one goes on there. Whoever is about to change the chain needs its room instead. */
	readonly keepsBegun?: boolean;
};
export type CleanUp = { readonly removed: readonly string[]; readonly adopted: readonly string[] };

/**
 * Puts right what a dead session of the job left: files that were never committed are removed, every chain is put right, and lost metadata is
 * made anew. Call only while no session of the job runs.
 */
export async function cleanUpJob(place: RepositoryPlace, job: JobRef, { keepsBegun = false }: CleanUpOptions = {}): Promise<CleanUp> {
	const vault = openVault(place);
	const { storage } = vault;
	const { chains, folders, problems } = await readChains(vault);
	/** Metadata that is not ours to replace: only what is lost or damaged is made anew. */
	const untouchable = new Set(problems.filter(({ error }) => error.code !== 'repository.damaged').map(({ path }) => path));
	const removed: string[] = [];
	const adopted: string[] = [];
	const isElsewhere = (chainId: string): boolean =>
		chains.some((stored) => stored.metadata.chain.id === chainId && presentFiles(stored, folders.get(stored.folder) ?? []) > 0);
	const isBegun = async (folder: string, part: string): Promise<boolean> => {
		for (const stored of chains.filter((one) => one.folder === folder)) {
			const file = stored.metadata.files.find(({ name }) => partName(name, job.id) === part);
			if (file && (await isBegunCompaction(vault, stored, file, `${folder}/${part}`))) return true;
		}
		return false;
	};
	for (const { name } of (await storage.list('')).filter((entry) => isLeftOfMarking(entry.name))) {
		await storage.remove(name);
		removed.push(name);
	}
	for (const [folder, entries] of folders) {
		for (const { name } of entries) {
			if (!name.endsWith(`.${job.id}.part`) || (keepsBegun && (await isBegun(folder, name)))) continue;
			await storage.remove(`${folder}/${name}`);
			removed.push(`${folder}/${name}`);
		}
		const known = chains.filter((stored) => stored.folder === folder);
		const unlisted = await unlistedFiles(vault, folder, entries, known);
		const ofJob = [...known, ...lostChains(folder, unlisted, isElsewhere)].filter(
			({ metadata, path }) => metadata.chain.job.id === job.id && !untouchable.has(path),
		);
		for (const stored of ofJob) {
			const done = await putRight(storage, stored, entries, unlisted);
			removed.push(...done.removed);
			adopted.push(...done.adopted);
		}
	}
	return { removed, adopted };
}

/**
 * A chain as its files tell it, after a run or a step that did not get to its end. The caller holds the chain for itself.
 * Whoever continues or changes a chain begins with this: what failed without dying may be followed by no clean-up of the job.
 */
export async function putChainRight(
	storage: Storage,
	stored: StoredChain,
	entries: readonly StorageEntry[],
	known: readonly StoredChain[],
): Promise<StoredChain> {
	const inFolder = known.filter(({ folder }) => folder === stored.folder);
	return (await putRight(storage, stored, entries, await unlistedFiles({ storage, keys: ringOf(stored.seal) }, stored.folder, entries, inFolder))).stored;
}

/**
 * What the backup files say of themselves counts: a full that was changed in place is listed as it is now; a file that the full has taken in, or
 * never gave up, is removed; a file that was committed but not listed is taken in.
 */
async function putRight(
	storage: Storage,
	stored: StoredChain,
	entries: readonly StorageEntry[],
	unlisted: readonly FoundFile[],
): Promise<CleanUp & { readonly stored: StoredChain }> {
	const removed: string[] = [];
	const remove = async (name: string): Promise<void> => {
		await storage.remove(`${stored.folder}/${name}`);
		removed.push(`${stored.folder}/${name}`);
	};
	let { chain } = stored.metadata;
	let files = [...stored.metadata.files];
	const full = files.find(({ kind }) => kind === 'full');
	const committedFull = full && (await readHead({ storage, keys: ringOf(stored.seal) }, `${stored.folder}/${full.name}`));
	if (full && committedFull && committedFull.superblock.fileId !== full.id) {
		await makeDurable(storage, `${stored.folder}/${full.name}`);
		const now = describeFile(full.name, committedFull);
		for (const { id, name } of files) if (id === now.id) await remove(name);
		files = files.filter(({ id }) => id !== now.id).map((file) => (file === full ? now : file));
		if (committedFull.root.chain.objects.length >= chain.objects.length) chain = committedFull.root.chain;
	}
	files = await Promise.all(files.map((file) => withTrueSize(storage, stored, file, entries)));
	const placement = placeFiles({ ...stored, metadata: { chain, files } }, unlisted);
	for (const name of placement.superseded) await remove(name);
	for (const { name } of entries) if (isLeftOfReplacing(`${stored.folder}/${name}`, stored.path)) await remove(name);
	const { metadata } = placement;
	if (JSON.stringify(metadata.files) !== JSON.stringify(stored.metadata.files)) await writeMetadata(storage, stored.path, metadata, stored.seal);
	return { removed, adopted: placement.placed.map((name) => `${stored.folder}/${name}`), stored: { ...stored, metadata } };
}

/** What was read may still be on its way to the disk; files are removed because of it. */
async function makeDurable(storage: Storage, location: string): Promise<void> {
	await using file = await storage.open(location, 'update');
	await file.sync();
}

/** A file that was committed again without its metadata following (a merge on its way, a compacted file) may have become shorter. */
export async function withTrueSize(storage: Storage, { folder, seal }: StoredChain, file: StoredFile, entries: readonly StorageEntry[]): Promise<StoredFile> {
	const entry = entries.find(({ name }) => name === file.name);
	if (!entry || entry.sizeBytes >= file.sizeBytes) return file;
	const committed = await readHead({ storage, keys: ringOf(seal) }, `${folder}/${file.name}`);
	if (committed?.superblock.fileId !== file.id || committed.superblock.committedEnd > entry.sizeBytes) return file;
	return { ...file, sizeBytes: committed.superblock.committedEnd };
}

/** What a replacement of metadata that died in the middle leaves: `<metadata>.<chance>.tmp`. */
const isLeftOfReplacing = (path: string, metadataPath: string): boolean =>
	path.startsWith(`${metadataPath}.`) && /^[0-9a-f]{12}\.tmp$/.test(path.slice(metadataPath.length + 1));
