/** Backup files that no chain metadata lists, and the place in a chain that they claim. */
import { EngineError, isEngineError } from '../base/index.ts';
import type { ChainHead, ChainMetadata } from '../format/index.ts';
import { type CommittedFile, readCommittedFile } from './backup-file.ts';
import { extensions, filesNeeded, kindOf, metadataExtension, type StoredChain } from './chain-store.ts';
import type { Vault } from './storage/open-storage.ts';
import type { StorageEntry } from './storage/storage.ts';

type StoredFile = ChainMetadata['files'][number];
export type FoundFile = { readonly name: string; readonly committed: CommittedFile };

export const describeFile = (name: string, { superblock, root }: CommittedFile): StoredFile => ({
	id: superblock.fileId,
	name,
	kind: superblock.kind,
	dependsOn: root.dependsOn,
	sizeBytes: superblock.committedEnd,
	createdAt: root.points.length > 0 ? Math.max(...root.points.map(({ createdAt }) => createdAt)) : superblock.createdAt,
	points: root.points,
});
const timeOf = ({ name, committed }: FoundFile): number => describeFile(name, committed).createdAt;

/** @returns the last commit, or why there is none: foreign, damaged, newer, locked, unreadable, never completed */
export async function inspectFile({ storage, keys }: Vault, location: string): Promise<CommittedFile | EngineError> {
	try {
		await using file = await storage.open(location, 'read');
		const committed = await readCommittedFile(file, keys);
		return committed ?? new EngineError('repository.damaged', `${location} was never completed.`, { hint: 'It holds no restore point.' });
	} catch (error) {
		if (isEngineError(error)) return error;
		throw error;
	}
}

/** The last commit; null for what is foreign, damaged, newer, locked or gone, and not ours to touch. */
export async function readHead(vault: Vault, location: string): Promise<CommittedFile | null> {
	const head = await inspectFile(vault, location);
	return head instanceof EngineError ? null : head;
}

/** Committed files that no metadata of the folder names. A file that cannot be read is left alone, and told to `onUnusable`. */
export async function unlistedFiles(
	vault: Vault,
	folder: string,
	entries: readonly StorageEntry[],
	known: readonly StoredChain[],
	onUnusable?: (path: string, error: EngineError) => void,
): Promise<FoundFile[]> {
	const listed = new Set(known.flatMap(({ metadata }) => metadata.files.map(({ name }) => name)));
	const found: FoundFile[] = [];
	for (const { name, kind } of entries) {
		if (kind !== 'file' || !kindOf(name) || listed.has(name)) continue;
		const head = await inspectFile(vault, `${folder}/${name}`);
		if (head instanceof EngineError) onUnusable?.(`${folder}/${name}`, head);
		else found.push({ name, committed: head });
	}
	return found;
}

/**
 * Chains whose metadata was lost: they begin again with their full, still without files. Of several fulls that claim one chain the newest counts.
 * @param isKnown whether the chain is listed elsewhere
 */
export function lostChains(folder: string, unlisted: readonly FoundFile[], isKnown: (chainId: string) => boolean): StoredChain[] {
	const lost = new Map<string, StoredChain>();
	const newestFirst = unlisted.toSorted((a, b) => timeOf(b) - timeOf(a) || b.committed.superblock.generation - a.committed.superblock.generation);
	for (const { name, committed } of newestFirst) {
		const { chain } = committed.root;
		if (committed.superblock.kind !== 'full' || lost.has(chain.id) || isKnown(chain.id)) continue;
		const path = `${folder}/${name.slice(0, -extensions.full.length)}${metadataExtension}`;
		lost.set(chain.id, { path, folder, metadata: { chain, files: [] }, seal: committed.seal });
	}
	return [...lost.values()];
}

export type Placement = {
	readonly metadata: ChainMetadata;
	/** Names of files that found their place. */
	readonly placed: readonly string[];
	/** Names of files whose content the full has taken in, or never gave up. */
	readonly superseded: readonly string[];
	/** Those that claim to be of this chain and have no place: a file that they build on is missing, or another has theirs. */
	readonly left: readonly FoundFile[];
};

/** Puts found files into the chain that they claim, each behind the one that it builds on. Changes nothing on storage. */
export function placeFiles(stored: StoredChain, found: readonly FoundFile[]): Placement {
	let { chain } = stored.metadata;
	const files = [...stored.metadata.files];
	const placed: string[] = [];
	const superseded: string[] = [];
	let toldAt = files.length > 0 ? Math.max(...files.map(({ createdAt }) => createdAt)) : Number.NEGATIVE_INFINITY;
	// What the newest file says of the chain counts: a run that brought a new object in may not have got to list it.
	const learn = (head: ChainHead, at: number): void => {
		if (at < toldAt || head.objects.length < chain.objects.length) return;
		chain = head;
		toldAt = at;
	};
	let waiting = found.filter(({ committed }) => committed.root.chain.id === chain.id).sort((a, b) => timeOf(a) - timeOf(b));
	for (let isMoving = true; isMoving; ) {
		isMoving = false;
		const later: FoundFile[] = [];
		for (const item of waiting) {
			const file = describeFile(item.name, item.committed);
			const full = files.find(({ kind }) => kind === 'full');
			const isNext = file.dependsOn === null ? !full : files.some(({ id }) => id === file.dependsOn);
			if (file.kind !== 'full' && full?.id === file.id) superseded.push(file.name);
			else if (isNext && files.every(({ id }) => id !== file.id)) {
				files.push(file);
				learn(item.committed.root.chain, file.createdAt);
				placed.push(file.name);
				isMoving = true;
			} else later.push(item);
		}
		waiting = later;
	}
	return { metadata: { chain, files: inOrder(stored, files) }, placed, superseded, left: waiting };
}

/** The full first, every file after the one that it builds on. */
function inOrder(stored: StoredChain, files: readonly StoredFile[]): StoredFile[] {
	const known = { ...stored, metadata: { ...stored.metadata, files: [...files] } };
	const depth = new Map(files.map((file) => [file, filesNeeded(known, file).length]));
	return files.toSorted((a, b) => (depth.get(a) ?? 0) - (depth.get(b) ?? 0) || a.createdAt - b.createdAt);
}
