import { isRemotePlace, loadWire, type ReachOptions, type RemotePlace } from '../mover/index.ts';
import { folderPath, openVault, type RepositoryFolder, type Storage, type Vault } from '../repository/index.ts';

/** Where a repository is: in a folder of this machine, or held by a data mover on another. */
export type RestorePlace = RepositoryFolder | RemotePlace;

/** Tells places apart. */
export const placeKey = (place: RestorePlace): string => (isRemotePlace(place) ? `${place.mover.peerId}\0${place.path}` : folderPath(place));

export type TaskSignal = ReachOptions & { readonly signal: AbortSignal };

/** A repository that a task reads from, wherever it is. */
export type Reached = AsyncDisposable & {
	readonly vault: Vault;
	/** What workers cannot open by themselves; null: they can. */
	readonly remote: Storage | null;
	/** Of the task; aborted also when the repository can be reached no more. */
	readonly signal: AbortSignal;
};

/** @throws `connection.*`, `auth.*`, `repository.unreachable` */
export async function reach(place: RestorePlace, options: TaskSignal): Promise<Reached> {
	if (!isRemotePlace(place)) return { vault: openVault(place), remote: null, signal: options.signal, [Symbol.asyncDispose]: async () => undefined };
	const { RemoteRepository } = await loadWire();
	const repository = await RemoteRepository.reach(place, options);
	return {
		vault: repository.vault,
		remote: repository.storage,
		signal: AbortSignal.any([options.signal, repository.session.ended]),
		[Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
	};
}
