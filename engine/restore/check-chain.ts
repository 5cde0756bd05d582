import type { CheckResult } from '../contract/index.ts';
import { noShares, StorageGate, type TaskObserver, type TaskShares, tellRegularly } from '../mover/index.ts';
import { checkFile, type FileCheck, findHurt, OpenChain, openVault, type RepositoryPlace, type StoredFile, sliceOf } from '../repository/index.ts';
import { RestoreProgress } from './progress.ts';

/** A share of a chain: see the rotation. Places that were found broken before are read again with it. */
export type CheckPart = {
	readonly sliceCount: number;
	readonly slices: readonly number[];
	readonly suspects: readonly { readonly file: string; readonly offset?: number | undefined }[];
};
export type CheckChainTask = {
	readonly repositoryPath: RepositoryPlace;
	readonly chainId: string;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
	/** Null: every stored byte. */
	readonly part?: CheckPart | null;
};

/**
 * Reads every stored byte of a chain, or a share of it, against checksums and names, and says which points and paths are hurt. That every chunk
 * that a point needs is there is looked at with the whole, with the first slice of a rotation, and when anything is broken. Writes nothing.
 * @throws `not-found.chain`, `repository.unreachable`
 */
export async function checkChain(
	{ repositoryPath, chainId, shares = noShares, part = null }: CheckChainTask,
	observers: readonly TaskObserver[],
	{ signal }: { readonly signal: AbortSignal },
): Promise<CheckResult> {
	const { storage, keys } = openVault(repositoryPath);
	const gate = new StorageGate(storage, shares, { signal });
	const startedAt = performance.now();
	const chain = await OpenChain.look({ storage: gate.storage, keys }, chainId);
	const progress = new RestoreProgress(observers[0] as TaskObserver);
	const { counters, observer } = progress;
	/** One thread reads and verifies: what is neither reading nor waiting is verifying. */
	const tellBottleneck = (): void => {
		const { readMs, throttledMs } = gate.times;
		const elapsedMs = performance.now() - startedAt;
		progress.tellBottleneck({ elapsedMs, readMs, throttledMs, decodeMs: Math.max(0, elapsedMs - readMs - throttledMs), writeMs: 0 });
	};
	using _telling = tellRegularly(tellBottleneck);
	const share = part === null ? 1 : part.slices.length / part.sliceCount;
	counters.totalBytes = Math.round(chain.files.reduce((sum, file) => sum + file.sizeBytes, 0) * share);
	counters.totalItems = chain.files.length;
	const checks = new Map<StoredFile, FileCheck>();
	for (const stored of chain.files) {
		const path = chain.pathOf(stored);
		observer.activity(path);
		const slices = new Set(part?.slices);
		const suspects = new Set(part?.suspects.filter(({ file }) => file === path).map(({ offset }) => offset));
		const isDue = (offset: number): boolean => part === null || slices.has(sliceOf(path, offset, part.sliceCount)) || suspects.has(offset);
		const onRead = (bytes: number): void => {
			counters.readBytes += bytes;
			counters.doneBytes = Math.min(counters.totalBytes ?? 0, counters.doneBytes + bytes);
			progress.report();
		};
		checks.set(stored, await checkFile(chain.storage, path, { signal, isDue, onRead, keys }));
		counters.doneItems++;
	}
	const isBroken = [...checks.values()].some(({ faults }) => faults.length > 0);
	const isWalked = part === null || part.slices.includes(0) || isBroken || part.suspects.length > 0;
	const onPoint = ({ object, createdAt }: { readonly object: { readonly path: string }; readonly createdAt: number }): void =>
		observer.activity(`${object.path}, ${new Date(createdAt).toISOString()}`);
	const findings = isWalked ? await findHurt(chain, checks, { signal, onPoint }) : { damaged: [], unreadable: [] };
	counters.doneBytes = counters.totalBytes;
	progress.report();
	tellBottleneck();
	return { chain: chainId, readBytes: counters.readBytes, ...findings };
}
