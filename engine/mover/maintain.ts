import { type ChainStep, listChains, type RepositoryFolder, runChainStep, type StepOutcome } from '../repository/index.ts';
import { type MutableCounters, noCounters, type TaskObserver } from './task.ts';

export type MaintainTask = { readonly repositoryPath: RepositoryFolder; readonly chainId: string; readonly step: ChainStep };

/** A step on a chain that tells how far it is: in bytes of the files that are worked through, of which it copies no more than what is needed. */
export async function runMaintain(
	{ repositoryPath, chainId, step }: MaintainTask,
	observer: TaskObserver,
	{ signal }: { readonly signal: AbortSignal },
): Promise<StepOutcome> {
	const { chains } = await listChains(repositoryPath);
	const files = chains.find(({ id }) => id === chainId)?.files ?? [];
	const worked = step.kind === 'merge' ? files.slice(1, 1 + step.count) : files;
	const totalBytes = worked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
	const counters: MutableCounters = { ...noCounters, totalBytes, totalItems: worked.length };
	observer.activity(step.kind === 'merge' ? 'merging restore points' : 'writing files anew');
	observer.counters({ ...counters });
	const outcome = await runChainStep(repositoryPath, chainId, step, {
		signal,
		onCopied(bytes) {
			counters.doneBytes = Math.min(totalBytes, counters.doneBytes + bytes);
			counters.readBytes += bytes;
			counters.storedBytes += bytes;
			observer.counters({ ...counters });
		},
	});
	observer.counters({ ...counters, doneBytes: totalBytes, doneItems: worked.length });
	return outcome;
}
