import { EngineError, type Log } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import type { RepositorySettings } from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainUse } from './chain-use.ts';
import type { ChainStore } from './ports.ts';

export type ChainRemovalParts = { readonly catalogue: Catalogue; readonly chainStore: ChainStore; readonly chainUse: ChainUse; readonly log: Log };

export type ChainRemoval = {
	readonly repository: Entity<RepositorySettings>;
	readonly chainId: string;
	readonly title: string;
	/** How many restore points whoever asks was told will be lost. */
	readonly pointCount: number;
};

/**
 * Removes a chain by hand, with all its restore points. `busy.chain` while somebody reads it or writes to it; `usage.conflict` when it holds
 * another number of points than was said: what is lost was agreed to in numbers.
 */
export async function removeChainByHand(
	{ catalogue, chainStore, chainUse, log }: ChainRemovalParts,
	{ repository, chainId, title, pointCount }: ChainRemoval,
): Promise<{ readonly pointCount: number; readonly freedBytes: number }> {
	using seat = chainUse.tryWrite(chainId, `the removal of ${title}`);
	using alone = seat.tryAlone({ isRemoval: true });
	if (alone === undefined) throw new EngineError('busy.chain', `The chain ${chainId} of ${title} is being read.`, { hint: 'Try again when that has ended.' });
	const chain = (await catalogue.refresh(repository.id)).chains.find(({ id }) => id === chainId);
	if (chain === undefined) throw new EngineError('not-found.chain', `There is no chain ${chainId} any more.`);
	if (chain.points.length !== pointCount) {
		throw new EngineError('usage.conflict', `The chain ${chainId} of ${title} holds ${chain.points.length} restore points by now, not ${pointCount}.`, {
			hint: 'Look at it again, then decide anew.',
			data: { field: 'pointCount', pointCount: chain.points.length },
		});
	}
	const freedBytes = chain.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
	try {
		await chainStore.removeChain(repository.settings, chainId);
	} finally {
		await catalogue.refresh(repository.id);
	}
	log.info({ repositoryId: repository.id, chainId, title, pointCount, freedBytes }, 'A chain was removed by hand.');
	return { pointCount, freedBytes };
}
