import { EngineError } from '../base/index.ts';
import type { RepositoryLocation } from '../contract/index.ts';
import { type Machines, realPathOf } from '../infra/index.ts';
import type { ChainStore } from '../jobs/index.ts';
import { isRemotePlace, loadWire } from '../mover/index.ts';
import type { VolumePort } from '../platform/index.ts';
import {
	checkStorage,
	cleanUpJob,
	finishChain,
	importChains,
	listChains,
	prepareRepository,
	type RepositoryPlace,
	readLocks,
	relockChain,
	removeChain,
	removeFile,
	storageAt,
	takeOverChain,
} from '../repository/index.ts';
import type { Places } from './places.ts';

/** Who asks for the room that is left wants to show it: a machine that does not answer soon is shown as that. */
const spaceMs = 5000;

export function createChainStore(places: Places, machines: Pick<Machines, 'hold' | 'letGo'>, disks: Pick<VolumePort, 'mediumOf'>): ChainStore {
	/** These read and write little: they go through the storage port, wherever it leads. */
	async function at<Result>(location: RepositoryLocation, work: (place: RepositoryPlace) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
		const place = await places.open(location, { connectionCount: 1 });
		if (!isRemotePlace(place)) return await work(place);
		const { RemoteRepository } = await loadWire();
		await using repository = await RemoteRepository.reach(place, { signal });
		return await work(repository.vault);
	}

	return {
		async prepare({ path, machineId }, options) {
			if (machineId !== null) return machines.hold(machineId, path, options);
			await prepareRepository(path, options);
			return { medium: disks.mediumOf(await realPathOf(path)) };
		},
		async release({ path, machineId }) {
			if (machineId !== null) await machines.letGo(machineId, path);
		},
		async space(location) {
			const limit = new AbortController();
			const timer = setTimeout(
				() => limit.abort(new EngineError('connection.lost', `The data mover that holds ${location.path} does not answer.`)),
				spaceMs,
			).unref();
			try {
				return await at(location, (place) => storageAt(place).space(), limit.signal);
			} finally {
				clearTimeout(timer);
			}
		},
		checkStorage: (location) => at(location, (place) => checkStorage(storageAt(place))),
		list: (location) => at(location, listChains),
		cleanUp: (location, job, options) => at(location, (place) => cleanUpJob(place, job, options)),
		importChains: (location, options) => at(location, (place) => importChains(place, options), options.signal),
		finishChain: (location, chainId) => at(location, (place) => finishChain(place, chainId)),
		takeOver: (location, chainId, job) => at(location, (place) => takeOverChain(place, chainId, job)),
		relock: (location, chainId) => at(location, (place) => relockChain(place, chainId)),
		locks: (location) => at(location, readLocks),
		removeFile: (location, chainId, file) => at(location, (place) => removeFile(place, chainId, file)),
		removeChain: (location, chainId) => at(location, (place) => removeChain(place, chainId)),
	};
}
