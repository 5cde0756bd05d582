import { EngineError } from '../base/index.ts';
import { type ChainKeys, cipherOf } from '../format/index.ts';
import { readCommittedFile, readIndex, readWithChainKeys } from './backup-file.ts';
import { type ChainHandle, openChainFile } from './chain-reader.ts';
import { openVault, type RepositoryPlace } from './storage/open-storage.ts';

/**
 * Loads the indexes of the given files.
 * @param given keys of the chain, instead of the ring of the place @throws `repository.*` naming the file
 */
export async function loadChain(place: RepositoryPlace, paths: readonly string[], given?: { readonly keys: ChainKeys | null }): Promise<ChainHandle> {
	const { storage, keys } = openVault(place);
	const cipher = given && cipherOf(given.keys);
	let chainKeys: ChainKeys | null = null;
	const files: { path: string; index: SharedArrayBuffer }[] = [];
	for (const path of paths) {
		await using file = await openChainFile(storage, path);
		const committed = cipher === undefined ? await readCommittedFile(file, keys) : await readWithChainKeys(file, cipher);
		if (!committed) throw new EngineError('repository.damaged', `${path} was never completed.`, { hint: 'Its session did not end. Run the job again.' });
		chainKeys = committed.seal?.cipher.keys ?? null;
		files.push({ path, index: (await readIndex(file, committed)).buffer });
	}
	return { repositoryPath: storage.properties.place, keys: chainKeys, files };
}
