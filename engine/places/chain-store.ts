import type { RepositoryLocation } from '../contract/index.ts';
import { type Machines, realPathOf } from '../infra/index.ts';
import type { ChainStore } from '../jobs/index.ts';
import type { Medium, VolumePort } from '../platform/index.ts';
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
import { atPlace, patiently } from './at-place.ts';
import type { Places } from './places.ts';

/** Who asks for the room that is left wants to show it: a machine that does not answer soon is shown as that. */
const spaceMs = 5000;

export function createChainStore(places: Places, machines: Pick<Machines, 'hold' | 'letGo' | 'mediumOf'>, disks: Pick<VolumePort, 'mediumOf'>): ChainStore {
	const at = async <Result>(location: RepositoryLocation, work: (place: RepositoryPlace) => Promise<Result>, signal?: AbortSignal): Promise<Result> =>
		atPlace(await places.open(location), work, signal);

	/** Of folders on other machines, asked once: who puts another disk there prepares it anew. */
	const media = new Map<string, Medium>();
	const keyOf = (machineId: string, path: string): string => `${machineId}\0${path}`;

	return {
		async prepare({ path, machineId }, options) {
			if (machineId !== null) {
				const { medium } = await machines.hold(machineId, path, options);
				media.set(keyOf(machineId, path), medium);
				return { medium };
			}
			await prepareRepository(path, options);
			return { medium: disks.mediumOf(await realPathOf(path)) };
		},
		async mediumOf({ path, machineId }) {
			if (machineId === null) return disks.mediumOf(await realPathOf(path));
			const key = keyOf(machineId, path);
			const who = `The data mover that holds ${path}`;
			const medium = media.get(key) ?? (await patiently({ patienceMs: spaceMs, who }, (signal) => machines.mediumOf(machineId, path, { signal })));
			media.set(key, medium);
			return medium;
		},
		async release({ path, machineId }) {
			if (machineId !== null) await machines.letGo(machineId, path);
		},
		space: (location) =>
			patiently({ patienceMs: spaceMs, who: `The data mover that holds ${location.path}` }, (signal) =>
				at(location, (place) => storageAt(place).space(), signal),
			),
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
