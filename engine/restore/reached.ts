import { isRemotePlace, loadWire, type ReachOptions, type RemotePlace } from '../mover/index.ts';
import {
	type ChainHandle,
	ChainReader,
	type FoundPoint,
	findPoint,
	folderPath,
	loadChain,
	openVault,
	type RepositoryFolder,
	type Storage,
	type Vault,
} from '../repository/index.ts';
import { PointView } from './point-view.ts';
import { isStoragePort, type StoragePort, storageOver } from './storage-port.ts';

/** Where a repository is: in a folder of this machine, or held by a data mover on another. */
export type RestorePlace = RepositoryFolder | RemotePlace;

/** Tells places apart. */
export const placeKey = (place: RestorePlace): string => (isRemotePlace(place) ? `${place.mover.peerId}\0${place.path}` : folderPath(place));

export type TaskSignal = ReachOptions & { readonly signal: AbortSignal };

/** A point that a task gives back, and where it lies. */
export type PointPlace = {
	/** A port: on another machine, with which another thread has a session. */
	readonly repositoryPath: RestorePlace | StoragePort;
	readonly pointId: string;
	/** Looked up by the backup server, with the keys of its chain and no others; absent: it is looked up here. */
	readonly found?: FoundPoint | undefined;
};

/** A repository that a task reads from, wherever it is. */
export type Reached = AsyncDisposable & {
	readonly vault: Vault;
	/** What workers cannot open by themselves; null: they can. */
	readonly remote: Storage | null;
	/** Of the task; aborted also when the repository can be reached no more. */
	readonly signal: AbortSignal;
};

/** @throws `connection.*`, `auth.*`, `repository.unreachable` */
export async function reach(place: RestorePlace | StoragePort, options: TaskSignal): Promise<Reached> {
	if (isStoragePort(place)) {
		const storage = storageOver(place);
		return { vault: { storage, keys: [] }, remote: storage, signal: options.signal, [Symbol.asyncDispose]: async () => undefined };
	}
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

/** A point that is open, with what its workers need. */
export type ReachedPoint = Reached & { readonly chain: ChainHandle; readonly view: PointView };

/** @throws `not-found.point`, `repository.*`, `connection.*`, `auth.*` */
export async function reachPoint({ repositoryPath, pointId, found }: PointPlace, options: TaskSignal): Promise<ReachedPoint> {
	await using stack = new AsyncDisposableStack();
	const { vault, remote, signal } = stack.use(await reach(repositoryPath, options));
	const { point, files } = found ?? (await findPoint(vault, pointId));
	const chain = await loadChain(vault, files, found);
	const view = stack.use(new PointView(point, new ChainReader(chain, vault.storage)));
	const held = stack.move();
	return { vault, remote, signal, chain, view, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
