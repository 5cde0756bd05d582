import type { RestorePlan } from '../contract/index.ts';
import { type GivenBack, isRemotePlace, loadWire, type SourceMachine, type TaskObserver, type TaskShares } from '../mover/index.ts';
import { findPoint, storageAt } from '../repository/index.ts';
import { type RestorePlace, reach, type TaskSignal } from './reached.ts';

export type RestoreThereTask = {
	/** That it is written on. */
	readonly via: SourceMachine;
	/** Where the point is looked up. */
	readonly repositoryPath: RestorePlace;
	/** Where its files are read, if that is another way to the repository. */
	readonly readAt?: RestorePlace | undefined;
	readonly pointId: string;
	readonly what: GivenBack;
	readonly shares?: TaskShares | undefined;
};

/**
 * Has a point given back on another machine. The point is looked up here, so that the machine needs to know its files and the keys of its chain, and nothing
 * else of the repository.
 * @throws `not-found.point`, `repository.*`, `connection.*`, `auth.*`, what the restore throws there
 */
export async function restoreThere(
	{ via, repositoryPath, readAt = repositoryPath, pointId, what, shares }: RestoreThereTask,
	[observer]: readonly TaskObserver[],
	options: TaskSignal,
): Promise<RestorePlan | null> {
	const { giveBack } = await loadWire();
	await using repository = await reach(isRemotePlace(repositoryPath) ? { ...repositoryPath, connectionCount: 1 } : repositoryPath, options);
	const found = await findPoint(repository.vault, pointId);
	const from = isRemotePlace(readAt) ? readAt : storageAt(readAt);
	return await giveBack({ machine: via, found, from, what, shares }, observer as TaskObserver, { ...options, signal: repository.signal });
}
