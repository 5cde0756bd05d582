/** Repositories on shares: through which machine a run or a restore gets there, and whether that machine sees the very repository that is meant. */
import { type Clock, EngineError, isEngineError } from '../base/index.ts';
import type { Machine, MachineRef, RepositoryLocation } from '../contract/index.ts';
import { chooseGateway, type GatewayCandidate, type Machines } from '../infra/index.ts';
import { isRemotePlace } from '../mover/index.ts';
import { claimRepository, findMarker, listChains, openVault, requireIdentity, storageAt } from '../repository/index.ts';
import { atPlace, patiently } from './at-place.ts';
import { maxTasksOf } from './machines-of-jobs.ts';
import type { Place, Places } from './places.ts';

/** The way that was chosen, as long as it is not disposed. */
export type Gateway = Disposable & {
	readonly place: Place;
	/** For who follows the task; null: there was nothing to choose. */
	readonly note: string | null;
	/** It is another machine than the one that everything else in the repository goes through. */
	readonly isElsewhere: boolean;
};

type Wish = {
	/** Another run or a restore. */
	readonly does: 'write' | 'read';
	readonly connectionCount?: number | undefined;
	readonly signal?: AbortSignal | undefined;
};

export interface Gateways {
	/**
	 * The place of a repository as who works on the objects gets there. Where the gateway is `fixed` that is the one place that the repository has.
	 * @param worker null: this machine
	 * @throws `infra.no-gateway`, `connection.*` and `auth.*` when the worker or the machine of the repository cannot be reached, `repository.*`
	 */
	open(location: RepositoryLocation, worker: MachineRef | null, wish: Wish): Promise<Gateway>;
	/**
	 * Waits until the machine that the repository was added on sees the points that another one has written: it works on their chain next, and caches of
	 * network file systems may show it what was there before. @returns false: it does not, or nobody wants to wait any more
	 */
	settle(location: RepositoryLocation, pointIds: readonly string[], options: { readonly signal?: AbortSignal | undefined }): Promise<boolean>;
}

type GatewaysParts = { readonly machines: Pick<Machines, 'list' | 'reach'>; readonly places: Places; readonly clock: Clock };

/** A machine that takes longer is no way for a run. */
const probeMs = 15_000;
/** Clients of NFS keep what they know of a folder for a minute unless they are told otherwise. */
const settleMs = 90_000;
const lookEveryMs = 2000;
const backupServer: MachineRef = { id: '', name: 'the backup server' };
const said = ({ id, name }: MachineRef): string => (id === backupServer.id ? name : `“${name}”`);

/** For a gateway, when who works on the objects is none. */
type Search = Pick<Wish, 'signal'> & {
	readonly location: RepositoryLocation;
	/** Where it was added. */
	readonly home: Place;
	readonly placeOn: (id: string | null) => Promise<Place>;
	readonly worker: MachineRef | null;
	readonly identity: string;
};

export function createGateways({ machines, places, clock }: GatewaysParts): Gateways {
	/** Those that are on their way, by where. */
	const claims = new Map<string, Promise<string | null>>();
	/** How many go through each machine now, by its id. */
	const underWay = new Map<string, number>();
	const loadOf = (id: string): number => underWay.get(id) ?? 0;

	function taken(id: string): Disposable {
		underWay.set(id, loadOf(id) + 1);
		let isTaken = true;
		return {
			[Symbol.dispose]() {
				if (isTaken) underWay.set(id, loadOf(id) - 1);
				isTaken = false;
			},
		};
	}

	/** Why a machine does not see the repository; null: it does, and has just read its marker. */
	async function problemOf(place: Place, identity: string, signal: AbortSignal | undefined): Promise<EngineError | null> {
		try {
			if (!isRemotePlace(place)) await requireIdentity(place.path, identity);
			else
				await patiently({ patienceMs: probeMs, who: `The data mover ${place.mover.name}`, signal }, (within) => atPlace(place, async () => undefined, within));
			return null;
		} catch (error) {
			signal?.throwIfAborted();
			if (!isEngineError(error)) throw error;
			return error;
		}
	}

	/** Why the worker does not get to a machine; null: it does. */
	async function wayProblem(worker: MachineRef | null, { settings }: Machine, signal: AbortSignal | undefined): Promise<EngineError | null> {
		if (worker === null) return null;
		const [isReached = false] = await machines.reach(worker.id, [settings.address], { signal });
		if (isReached) return null;
		return new EngineError('connection.refused', `“${worker.name}” cannot connect to it at ${settings.address.host}:${settings.address.port}.`);
	}

	/** Machines that stand in for a worker that does not see the repository, with how one gets there. */
	async function standIns({ location, home, placeOn, worker, identity, signal }: Search): Promise<readonly (GatewayCandidate & { readonly place: Place })[]> {
		const others = (await machines.list()).filter(({ id, settings }) => id !== worker?.id && (id === location.machineId || settings.roles.includes('gateway')));
		return Promise.all(
			others.map(async (machine) => {
				const { id, settings } = machine;
				const place = id === location.machineId ? home : await placeOn(id);
				const problem = (await problemOf(place, identity, signal)) ?? (await wayProblem(worker, machine, signal));
				return { id, name: settings.name, problem, place, maxTasks: maxTasksOf(machine), runningTasks: loadOf(id) };
			}),
		);
	}

	/** Of several that ask at once, one gives a repository its identity that has none yet. */
	function identityAt({ path, machineId }: RepositoryLocation, home: Place, { does, signal }: Wish): Promise<string | null> {
		if (does === 'read') return atPlace(home, async (place) => (await findMarker(storageAt(place)))?.identity ?? null, signal);
		const key = `${machineId}\0${path}`;
		const claiming = claims.get(key) ?? atPlace(home, (place) => claimRepository(openVault(place))).finally(() => claims.delete(key));
		claims.set(key, claiming);
		return claiming;
	}

	return {
		async open(location, worker, wish) {
			const { does, connectionCount, signal } = wish;
			const home = await places.open(location, { connectionCount });
			const always = { place: home, note: null, isElsewhere: false, [Symbol.dispose]: () => undefined };
			if (location.gateway !== 'auto' || (worker?.id ?? null) === location.machineId) return always;
			const identity = await identityAt(location, home, wish);
			if (identity === null) return always;
			const placeOn = async (id: string | null): Promise<Place> => {
				const place = await places.open({ path: location.path, machineId: id }, { connectionCount });
				return isRemotePlace(place) ? { ...place, identity } : place;
			};
			const place = await placeOn(worker?.id ?? null);
			const own = { ...(worker ?? backupServer), place, problem: await problemOf(place, identity, signal) };
			// it could not work on anything, whatever the way
			if (own.problem && worker && /^(connection|auth)\./.test(own.problem.code)) throw own.problem;
			const gateways = own.problem ? await standIns({ location, home, placeOn, worker, identity, signal }) : [];
			const last = location.machineId === null ? { ...backupServer, place: home } : null;
			const chosen = chooseGateway({ worker: own, gateways, backupServer: last, path: location.path });
			const through = `${does === 'write' ? 'Written' : 'Read'} through ${said(chosen)}`;
			return {
				place: chosen.place,
				note: own.problem
					? `${through}, because ${said(own)} does not see the repository: ${own.problem.message}`
					: `${through}, which has the share of the repository mounted.`,
				isElsewhere: chosen.place !== home,
				...taken(chosen.id),
			};
		},
		async settle(location, pointIds, { signal }) {
			const until = clock.now() + settleMs;
			for (;;) {
				try {
					const { chains } = await atPlace(await places.open(location), listChains, signal);
					const seen = new Set(chains.flatMap(({ points }) => points).flatMap(({ id, problem }) => (problem === null ? [id] : [])));
					if (pointIds.every((id) => seen.has(id))) return true;
				} catch (error) {
					if (!signal?.aborted && !isEngineError(error)) throw error; // the points are there: who looks next says what is wrong
				}
				if (signal?.aborted || clock.now() >= until) return false;
				await clock.sleep(lookEveryMs, { signal }).catch(() => undefined); // looked at above
			}
		},
	};
}
