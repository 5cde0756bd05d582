import { EngineError } from '../base/index.ts';
import { type MendOutcome, mendChain, type Suspect } from './health/index.ts';
import { compactChain } from './methods/compact.ts';
import { mergeOldestIncrement } from './methods/merge-oldest.ts';
import { OpenChain } from './open-chain.ts';
import type { StepOptions } from './step-options.ts';
import type { RepositoryPlace } from './storage/open-storage.ts';

/** Steps that move chunks between the files of a chain. The caller holds the chain for itself. */
export type ChainStep =
	/** Forever forward incremental: the oldest `count` increments go into the full. */
	| { readonly kind: 'merge'; readonly count: number }
	/** Files are written anew without dead room. */
	| { readonly kind: 'compact' }
	/** What checks found broken is mended, as far as the repository itself holds what is needed. */
	| { readonly kind: 'mend'; readonly suspects: readonly Suspect[] };

export type StepOutcome = {
	readonly savedBytes: number;
	/** Of `mend` only. */
	readonly mend?: MendOutcome;
};

/** @throws `not-found.chain`, `usage.conflict`, `repository.*`; what was done by then stays done and the chain is whole */
export async function runChainStep(place: RepositoryPlace, chainId: string, step: ChainStep, options: StepOptions): Promise<StepOutcome> {
	const chain = await OpenChain.find(place, chainId);
	const before = totalBytes(chain);
	if (step.kind === 'merge' && chain.stored.metadata.chain.method !== 'forever-forward')
		throw new EngineError('usage.conflict', 'Only a forever forward incremental chain is merged.', { data: { field: 'chain' } });
	const work = step.kind === 'merge' ? chain.files.filter(({ kind }) => kind !== 'full').slice(0, step.count) : chain.files;
	if (step.kind !== 'mend') for (const { sizeBytes } of work) options.progress?.expects(sizeBytes); // until each is looked into, and more is known
	if (step.kind === 'merge') {
		for (let i = 0; i < step.count; i++) await mergeOldestIncrement(chain, { ...options, announcedBytes: work[i]?.sizeBytes });
	} else if (step.kind === 'mend') {
		return { savedBytes: 0, mend: await mendChain(chain, step.suspects, options) };
	} else {
		await compactChain(chain, options);
	}
	return { savedBytes: before - totalBytes(chain) };
}

const totalBytes = (chain: OpenChain): number => chain.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
