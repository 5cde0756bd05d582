import type { ChainMetadata } from '../format/index.ts';
import { encodeLock } from '../format/index.ts';
import type { StoredChain } from './chain-store.ts';
import { readHead } from './found-files.ts';
import type { Vault } from './storage/open-storage.ts';

type StoredFile = ChainMetadata['files'][number];

/**
 * Whether a part is what an interrupted compaction has committed of a file, in the state in which that file is now. What such a part says of itself was durable
 * before it said so, by the commit rule, and chunks are what their names say whatever happened since: a compaction may go on with it.
 */
export async function isBegunCompaction(vault: Vault, { metadata, seal }: StoredChain, { id, kind }: StoredFile, part: string): Promise<boolean> {
	const begun = await readHead(vault, part);
	if (begun === null) return false;
	const { superblock } = begun;
	return superblock.fileId === id && superblock.kind === kind && superblock.chainId === metadata.chain.id && isSameLock(superblock.lock, seal?.lock ?? null);
}

type Lock = Parameters<typeof encodeLock>[0];

/** With another password since, the part would open with the old one. */
const isSameLock = (a: Lock | null, b: Lock | null): boolean => (a && b ? Buffer.compare(encodeLock(a), encodeLock(b)) === 0 : a === b);
