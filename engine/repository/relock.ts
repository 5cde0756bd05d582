import { EngineError } from '../base/index.ts';
import {
	type ChainLock,
	encodeLock,
	encodeSuperblock,
	firstRecordOffset,
	lockIn,
	parseSuperblocks,
	ringOf,
	type Superblock,
	slotOffset,
} from '../format/index.ts';
import { readCommittedFile } from './backup-file.ts';
import { kindOf, metadataExtension, writeMetadata } from './chain-store.ts';
import { OpenChain } from './open-chain.ts';
import { openVault, type RepositoryPlace } from './storage/open-storage.ts';
import type { Storage } from './storage/storage.ts';

/**
 * Gives every file of a chain the slots that its key has now, so that a new password or recovery key opens it and the one before does not. Only
 * superblocks and chain metadata are written. Interrupted anywhere, each file opens with the one or the other; asking again completes it. The
 * caller holds the chain for itself. @throws `not-found.chain`, `repository.*`
 */
export async function relockChain(place: RepositoryPlace, chainId: string): Promise<void> {
	const chain = await OpenChain.find(place, chainId);
	const { seal, metadata, path } = chain.stored;
	if (!seal) return;
	// The metadata last: it tells a chain that is done from one that is not.
	for (const file of chain.files) await relockFile(chain, chain.pathOf(file), seal.lock);
	await writeMetadata(chain.storage, path, metadata, seal);
}

async function relockFile({ storage, stored }: OpenChain, path: string, lock: ChainLock): Promise<void> {
	await using file = await storage.open(path, 'update');
	const committed = await readCommittedFile(file, ringOf(stored.seal));
	if (!committed) throw new EngineError('repository.damaged', `${path} was never completed.`);
	const head = Buffer.alloc(firstRecordOffset);
	const superblocks = parseSuperblocks(head.subarray(0, await file.read(head, 0)), path);
	if (superblocks.length === 2 && superblocks.every((superblock) => hasLock(superblock, lock))) return;
	let { superblock } = committed;
	for (let slot = 0; slot < 2; slot++) {
		superblock = { ...superblock, generation: superblock.generation + 1, lock };
		await file.write(encodeSuperblock(superblock), slotOffset(superblock.generation));
		await file.sync();
	}
}

const hasLock = (superblock: Superblock, lock: ChainLock): boolean =>
	superblock.lock !== null && Buffer.compare(encodeLock(superblock.lock), encodeLock(lock)) === 0;

/** The locks of a repository, whether their keys are at hand or not: of all chain metadata, and of backup files beside which there is none. */
export async function readLocks(place: RepositoryPlace): Promise<{ readonly path: string; readonly lock: ChainLock }[]> {
	const { storage } = openVault(place);
	const locks: { path: string; lock: ChainLock }[] = [];
	for (const folder of (await storage.list('')).filter(({ kind }) => kind === 'folder')) {
		for (const { name, kind } of await storage.list(folder.name).catch(() => [])) {
			if (kind !== 'file' || !(kindOf(name) || name.endsWith(metadataExtension))) continue;
			const path = `${folder.name}/${name}`;
			const lock = await readLock(storage, path).catch(() => null); // what cannot be read is a problem of its own, and told elsewhere
			if (lock) locks.push({ path, lock });
		}
	}
	return locks;
}

async function readLock(storage: Storage, path: string): Promise<ChainLock | null> {
	await using file = await storage.open(path, 'read');
	const head = Buffer.alloc(firstRecordOffset);
	const bytes = head.subarray(0, await file.read(head, 0));
	return path.endsWith(metadataExtension) ? lockIn(bytes, path) : (parseSuperblocks(bytes, path)[0]?.lock ?? null);
}
