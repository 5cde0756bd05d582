import { type ChainStep, type RepositoryFolder, runChainStep, type StepOutcome } from '../repository/index.ts';
import { StepMeter } from './step-meter.ts';
import { noCounters, type TaskObserver } from './task.ts';

export type MaintainTask = { readonly repositoryPath: RepositoryFolder; readonly chainId: string; readonly step: ChainStep };

/** A step on a chain that tells how far it is, in bytes that it moves. */
export async function runMaintain(
	{ repositoryPath, chainId, step }: MaintainTask,
	observer: TaskObserver,
	{ signal }: { readonly signal: AbortSignal },
): Promise<StepOutcome> {
	const progress = new StepMeter((state) => {
		observer.step?.(state);
		const { movedBytes, totalBytes } = state;
		observer.counters({ ...noCounters, totalBytes, doneBytes: movedBytes, readBytes: movedBytes, transferredBytes: movedBytes, storedBytes: movedBytes });
	});
	return await runChainStep(repositoryPath, chainId, step, { signal, progress });
}
