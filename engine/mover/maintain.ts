import { type ChainStep, openVault, type RepositoryFolder, runChainStep, type StepOutcome } from '../repository/index.ts';
import { StepMeter } from './step-meter.ts';
import { noCounters, type TaskObserver } from './task.ts';
import { noShares, StorageGate, type TaskShares } from './throttle/index.ts';

export type MaintainTask = {
	readonly repositoryPath: RepositoryFolder;
	readonly chainId: string;
	readonly step: ChainStep;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

/** A step on a chain that tells how far it is, in bytes that it moves. */
export async function runMaintain(
	{ repositoryPath, chainId, step, shares = noShares }: MaintainTask,
	observer: TaskObserver,
	{ signal }: { readonly signal: AbortSignal },
): Promise<StepOutcome> {
	const progress = new StepMeter((state) => {
		observer.step?.(state);
		const { movedBytes, totalBytes } = state;
		observer.counters({ ...noCounters, totalBytes, doneBytes: movedBytes, readBytes: movedBytes, transferredBytes: movedBytes, storedBytes: movedBytes });
	});
	const { storage, keys } = openVault(repositoryPath);
	const gate = new StorageGate(storage, shares, { signal });
	return await runChainStep({ storage: gate.storage, keys }, chainId, step, { signal, progress });
}
