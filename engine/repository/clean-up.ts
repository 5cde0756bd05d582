import { isEngineError } from '../base/index.ts';
import type { ChainMetadata } from '../format/index.ts';
import { type CommittedFile, readCommittedFile } from './backup-file.ts';
import { extensions, filesNeeded, type JobRef, kindOf, metadataExtension, readChains, type StoredChain, writeMetadata } from './chain-store.ts';
import { type RepositoryPlace, storageAt } from './storage/open-storage.ts';
import type { Storage, StorageEntry } from './storage/storage.ts';

type StoredFile = ChainMetadata['files'][number];
export type CleanUp = { readonly removed: readonly string[]; readonly adopted: readonly string[] };

/**
 * Puts right what a dead session of the job left: files that were never committed are removed, every chain is put right, and lost metadata is
 * made anew. Call only while no session of the job runs.
 */
export async function cleanUpJob(place: RepositoryPlace, job: JobRef): Promise<CleanUp> {
	const storage = storageAt(place);
	const { chains, folders, problems } = await readChains(storage);
	/** Metadata that is not ours to replace: only what is lost or damaged is made anew. */
	const untouchable = new Set(problems.filter(({ error }) => error.code !== 'repository.damaged').map(({ path }) => path));
	const removed: string[] = [];
	const adopted: string[] = [];
	for (const [folder, entries] of folders) {
		for (const { name } of entries) {
			if (!name.endsWith(`.${job.id}.part`)) continue;
			await storage.remove(`${folder}/${name}`);
			removed.push(`${folder}/${name}`);
		}
		const known = chains.filter((stored) => stored.folder === folder);
		const unlisted = await unlistedFiles(storage, folder, entries, known);
		const ofJob = [...known, ...lostChains(folder, known, unlisted)].filter(({ metadata, path }) => metadata.chain.job.id === job.id && !untouchable.has(path));
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
	return (await putRight(storage, stored, entries, await unlistedFiles(storage, stored.folder, entries, inFolder))).stored;
}

type Found = { readonly name: string; readonly committed: CommittedFile };

/**
 * What the backup files say of themselves counts: a full that was changed in place is listed as it is now; a file that the full has taken in, or
 * never gave up, is removed; a file that was committed but not listed is taken in.
 */
async function putRight(
	storage: Storage,
	stored: StoredChain,
	entries: readonly StorageEntry[],
	unlisted: readonly Found[],
): Promise<CleanUp & { readonly stored: StoredChain }> {
	const removed: string[] = [];
	const adopted: string[] = [];
	const remove = async (name: string): Promise<void> => {
		await storage.remove(`${stored.folder}/${name}`);
		removed.push(`${stored.folder}/${name}`);
	};
	let { chain } = stored.metadata;
	const learn = ({ root }: CommittedFile): void => {
		if (root.chain.objects.length >= chain.objects.length) chain = root.chain; // a run that brought a new object in did not get to list it
	};
	let files = [...stored.metadata.files];
	const full = files.find(({ kind }) => kind === 'full');
	const committedFull = full && (await readHead(storage, `${stored.folder}/${full.name}`));
	if (full && committedFull && committedFull.superblock.fileId !== full.id) {
		await makeDurable(storage, `${stored.folder}/${full.name}`);
		const now = describeFile(full.name, committedFull);
		for (const { id, name } of files) if (id === now.id) await remove(name);
		files = files.filter(({ id }) => id !== now.id).map((file) => (file === full ? now : file));
		learn(committedFull);
	}
	files = await Promise.all(files.map((file) => withTrueSize(storage, stored, file, entries)));
	let waiting = unlisted.filter(({ committed }) => committed.root.chain.id === chain.id);
	for (let isMoving = true; isMoving; ) {
		isMoving = false;
		const later: Found[] = [];
		for (const found of waiting) {
			const file = describeFile(found.name, found.committed);
			const knownFull = files.find(({ kind }) => kind === 'full');
			const isNext = file.dependsOn === null ? !knownFull : files.some(({ id }) => id === file.dependsOn);
			if (file.kind !== 'full' && knownFull?.id === file.id) await remove(file.name);
			else if (isNext && files.every(({ id }) => id !== file.id)) {
				files.push(file);
				learn(found.committed);
				adopted.push(`${stored.folder}/${file.name}`);
				isMoving = true;
			} else later.push(found);
		}
		waiting = later;
	}
	for (const { name } of entries) if (isLeftOfReplacing(`${stored.folder}/${name}`, stored.path)) await remove(name);
	const metadata: ChainMetadata = { chain, files: inOrder(stored, files) };
	if (JSON.stringify(metadata.files) !== JSON.stringify(stored.metadata.files)) await writeMetadata(storage, stored.path, metadata);
	return { removed, adopted, stored: { ...stored, metadata } };
}

const describeFile = (name: string, { superblock, root }: CommittedFile): StoredFile => ({
	id: superblock.fileId,
	name,
	kind: superblock.kind,
	dependsOn: root.dependsOn,
	sizeBytes: superblock.committedEnd,
	createdAt: root.points.length > 0 ? Math.max(...root.points.map(({ createdAt }) => createdAt)) : superblock.createdAt,
	points: root.points,
});

/** What was read may still be on its way to the disk; files are removed because of it. */
async function makeDurable(storage: Storage, location: string): Promise<void> {
	await using file = await storage.open(location, 'update');
	await file.sync();
}

/** A file that was committed again without its metadata following (a merge on its way, a compacted file) may have become shorter. */
async function withTrueSize(storage: Storage, { folder }: StoredChain, file: StoredFile, entries: readonly StorageEntry[]): Promise<StoredFile> {
	const entry = entries.find(({ name }) => name === file.name);
	if (!entry || entry.sizeBytes >= file.sizeBytes) return file;
	const committed = await readHead(storage, `${folder}/${file.name}`);
	if (committed?.superblock.fileId !== file.id || committed.superblock.committedEnd > entry.sizeBytes) return file;
	return { ...file, sizeBytes: committed.superblock.committedEnd };
}

/** What a replacement of metadata that died in the middle leaves: `<metadata>.<chance>.tmp`. */
const isLeftOfReplacing = (path: string, metadataPath: string): boolean =>
	path.startsWith(`${metadataPath}.`) && /^[0-9a-f]{12}\.tmp$/.test(path.slice(metadataPath.length + 1));

/** Committed files that no metadata names. A file that cannot be read is left alone. */
async function unlistedFiles(storage: Storage, folder: string, entries: readonly StorageEntry[], known: readonly StoredChain[]): Promise<Found[]> {
	const listed = new Set(known.flatMap(({ metadata }) => metadata.files.map(({ name }) => name)));
	const found: Found[] = [];
	for (const { name } of entries) {
		if (!kindOf(name) || listed.has(name)) continue;
		const committed = await readHead(storage, `${folder}/${name}`);
		if (committed) found.push({ name, committed });
	}
	return found;
}

/** A chain whose metadata was lost begins again with its full. */
function lostChains(folder: string, known: readonly StoredChain[], unlisted: readonly Found[]): StoredChain[] {
	const lost = new Map<string, StoredChain>();
	for (const { name, committed } of unlisted) {
		const { chain } = committed.root;
		if (committed.superblock.kind !== 'full' || lost.has(chain.id) || known.some(({ metadata }) => metadata.chain.id === chain.id)) continue;
		const path = `${folder}/${name.slice(0, -extensions.full.length)}${metadataExtension}`;
		lost.set(chain.id, { path, folder, metadata: { chain, files: [] } });
	}
	return [...lost.values()];
}

/** The full first, every file after the one that it builds on. */
function inOrder(stored: StoredChain, files: readonly StoredFile[]): StoredFile[] {
	const known = { ...stored, metadata: { ...stored.metadata, files: [...files] } };
	const depth = new Map(files.map((file) => [file, filesNeeded(known, file).length]));
	return files.toSorted((a, b) => (depth.get(a) ?? 0) - (depth.get(b) ?? 0) || a.createdAt - b.createdAt);
}

async function readHead(storage: Storage, location: string): Promise<CommittedFile | null> {
	try {
		await using file = await storage.open(location, 'read');
		return await readCommittedFile(file);
	} catch (error) {
		if (isEngineError(error)) return null; // foreign, damaged, newer or gone: not ours to touch
		throw error;
	}
}
