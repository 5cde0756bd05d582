/** Whether a run will find room, as far as earlier runs tell. Pure. */
import { EngineError } from '../base/index.ts';
import type { RepositorySettings } from '../contract/index.ts';
import type { ChainRecord } from './ports.ts';

/** Below this not even the metadata of a small point is sure to fit. */
export const LEAST_FREE_BYTES = 16 * 1_048_576;

/** The biggest of the last few runs of the same kind; null when there was none. */
export function estimateBytes(chains: readonly Pick<ChainRecord, 'points'>[], requested: 'full' | 'increment'): number | null {
	const sameKind = chains
		.flatMap(({ points }) => points)
		.filter(({ mode }) => mode.actual === requested)
		.toSorted((a, b) => b.createdAt - a.createdAt)
		.slice(0, 5);
	return sameKind.length === 0 ? null : Math.max(...sameKind.map(({ storedBytes }) => storedBytes));
}

/** A warning in words, null when nothing is known against the run; `repository.full` when it cannot succeed. */
export function checkRoom({
	freeBytes,
	requested,
	chains,
	repository,
}: {
	readonly freeBytes: number;
	readonly requested: 'full' | 'increment';
	readonly chains: readonly Pick<ChainRecord, 'points'>[];
	readonly repository: Pick<RepositorySettings, 'name' | 'path'>;
}): string | null {
	if (freeBytes < LEAST_FREE_BYTES) {
		throw new EngineError('repository.full', `The repository “${repository.name}” (${repository.path}) has no room left: ${mebibytes(freeBytes)} free.`, {
			hint: 'Free some room on its volume, or keep fewer restore points.',
			data: { freeBytes },
		});
	}
	const estimate = estimateBytes(chains, requested);
	if (estimate === null || estimate <= freeBytes) return null;
	return `The repository “${repository.name}” may run full: ${mebibytes(freeBytes)} free, and the last runs of this kind took up to ${mebibytes(estimate)}.`;
}

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
