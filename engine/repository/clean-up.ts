import { isEngineError } from '../base/index.ts';
import type { ChainMetadata } from '../format/index.ts';
import { type CommittedFile, readCommittedFile } from './backup-file.ts';
import { extensions, filesNeeded, type JobRef, kindOf, metadataExtension, readChains, type StoredChain, writeMetadata } from './chain-store.ts';
import { type RepositoryPlace, storageAt } from './storage/open-storage.ts';
import type { Storage, StorageEntry } from './storage/storage.ts';

type StoredFile = ChainMetadata['files'][number];
export type CleanUp = { readonly removed: readonly string[]; readonly adopted: readonly string[] };

/**
 * Puts right what a dead session of the job left, by what the backup files say of themselves:
 * files that were never committed are removed; a full that was changed in place is listed as it is now; a file that the full has taken in, or
 * never gave up, is removed; a file that was committed but not listed is taken in, and lost metadata is made anew.
 * Call only while no session of the job runs.
 */
export async function cleanUpJob(place: RepositoryPlace, job: JobRef): Promise<CleanUp> {
	const storage = storageAt(place);
	const { chains, folders, problems } = await readChains(storage);
	/** Metadata that is not ours to replace: only what is lost or damaged is made anew. */
	const untouchable = new Set(problems.filter(({ error }) => error.code !== 'repository.damaged').map(({ path }) => path));
	const removed: string[] = [];
	const adopted: string[] = [];
	const ofJob = chains.filter(({ metadata }) => metadata.chain.job.id === job.id);
	for (const [folder, entries] of folders) {
		for (const { name } of entries) {
			if (!name.endsWith(`.${job.id}.part`)) continue;
			await storage.remove(`${folder}/${name}`);
			removed.push(`${folder}/${name}`);
		}
	}
	const states = new Map(ofJob.map((stored) => [stored.metadata.chain.id, { stored, files: [...stored.metadata.files] }]));
	for (const state of states.values()) await refreshFull(storage, state);
	for (const [folder, entries] of folders) {
		for (const found of await unlistedFiles(storage, folder, entries, [...states.values()], job)) {
			const { chain } = found.committed.root;
			const state = states.get(chain.id) ?? newState(folder, found);
			if (!state || untouchable.has(state.stored.path)) continue;
			states.set(chain.id, state);
			const full = state.files.find(({ kind }) => kind === 'full');
			if (full && full.id === found.file.id && full.name !== found.file.name) {
				await storage.remove(`${folder}/${found.file.name}`);
				removed.push(`${folder}/${found.file.name}`);
			} else if (found.file.dependsOn === null ? !full : state.files.some(({ id }) => id === found.file.dependsOn)) {
				state.files.push(found.file);
				adopted.push(`${folder}/${found.file.name}`);
			}
		}
	}
	for (const { stored, files } of states.values()) {
		for (const { name } of folders.get(stored.folder) ?? []) {
			if (!isLeftOfReplacing(`${stored.folder}/${name}`, stored.path)) continue;
			await storage.remove(`${stored.folder}/${name}`);
			removed.push(`${stored.folder}/${name}`);
		}
		const ordered = inOrder(stored, files);
		if (JSON.stringify(ordered) !== JSON.stringify(stored.metadata.files))
			await writeMetadata(storage, stored.path, { chain: stored.metadata.chain, files: ordered });
	}
	return { removed, adopted };
}

/** What a replacement of metadata that died in the middle leaves: `<metadata>.<chance>.tmp`. */
const isLeftOfReplacing = (path: string, metadataPath: string): boolean =>
	path.startsWith(`${metadataPath}.`) && /^[0-9a-f]{12}\.tmp$/.test(path.slice(metadataPath.length + 1));

type State = { readonly stored: StoredChain; files: StoredFile[] };
type Found = { readonly file: StoredFile; readonly committed: CommittedFile };

/** A full that committed without its metadata following: it tells its own state, and what it has taken in is no longer a file of the chain. */
async function refreshFull(storage: Storage, state: State): Promise<void> {
	const full = state.files.find(({ kind }) => kind === 'full');
	if (!full) return;
	const committed = await readHead(storage, `${state.stored.folder}/${full.name}`);
	if (!committed || committed.superblock.fileId === full.id) return;
	const { superblock, root } = committed;
	const createdAt = root.points[0]?.createdAt ?? full.createdAt;
	const now: StoredFile = { ...full, id: superblock.fileId, sizeBytes: superblock.committedEnd, createdAt, points: root.points };
	state.files = state.files.filter(({ id }) => id !== now.id).map((file) => (file === full ? now : file));
}

/** Committed files of the job that its metadata does not name, by name, which is by time. A file that cannot be read is left alone. */
async function unlistedFiles(storage: Storage, folder: string, entries: readonly StorageEntry[], states: readonly State[], job: JobRef): Promise<Found[]> {
	const listed = new Set(states.filter(({ stored }) => stored.folder === folder).flatMap(({ files }) => files.map(({ name }) => name)));
	const found: Found[] = [];
	for (const { name, sizeBytes } of entries) {
		const kind = kindOf(name);
		if (!kind || listed.has(name)) continue;
		const committed = await readHead(storage, `${folder}/${name}`);
		if (committed?.root.chain.job.id !== job.id) continue;
		const { fileId, createdAt } = committed.superblock;
		const file = {
			id: fileId,
			name,
			kind: committed.superblock.kind,
			dependsOn: committed.root.dependsOn,
			sizeBytes,
			createdAt,
			points: committed.root.points,
		};
		found.push({ file, committed });
	}
	const rank = { full: 0, increment: 1, reverse: 1 };
	// what others build on comes first: fulls, then by time; reverse increments build on newer ones
	return found.sort(
		(a, b) => rank[a.file.kind] - rank[b.file.kind] || (a.file.kind === 'reverse' ? b.file.createdAt - a.file.createdAt : a.file.createdAt - b.file.createdAt),
	);
}

/** A chain whose metadata was lost begins again with its full. */
function newState(folder: string, { file, committed }: Found): State | null {
	if (file.kind !== 'full') return null;
	const path = `${folder}/${file.name.slice(0, -extensions.full.length)}${metadataExtension}`;
	return { stored: { path, folder, metadata: { chain: committed.root.chain, files: [] } }, files: [] };
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
