/** The machine through which a run or a restore gets to a repository, and whether it sees the very repository that is meant: gateways, and mount servers. */
import { type Clock, EngineError, isEngineError } from '../base/index.ts';
import type { ItemWarning, Machine, MachineRef, RepositoryLocation } from '../contract/index.ts';
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
	/** The mount server of the repository is passed over. */
	readonly warning: ItemWarning | null;
	/** It is another machine than the one that everything else in the repository goes through. */
	readonly isElsewhere: boolean;
};

type Wish = {
	/** Another run; a restore; a verification, which nobody is written on by. */
	readonly does: 'write' | 'read' | 'verify';
	readonly connectionCount?: number | undefined;
	readonly signal?: AbortSignal | undefined;
};

export interface Gateways {
	/**
	 * The place of a repository as who works on the objects gets there. Where the gateway is `fixed` that is the one place that the repository has, and for
	 * what is read its mount server.
	 * @param worker null: this machine
	 * @throws `infra.no-gateway`, `connection.*` and `auth.*` when the worker or the machine of the repository cannot be reached, `repository.*`
	 */
	open(location: RepositoryLocation, worker: MachineRef | null, wish: Wish): Promise<Gateway>;
	/**
	 * A machine that is to be the mount server must see the repository, which is given an identity for it.
	 * @throws `repository.unreachable`, `connection.*`, `auth.*` with `data.field`
	 */
	requireMountServer(location: RepositoryLocation, machine: MachineRef, options: { readonly signal?: AbortSignal | undefined }): Promise<void>;
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

type Search = Pick<Wish, 'signal' | 'connectionCount'> & {
	readonly location: RepositoryLocation;
	/** Where it was added. */
	readonly home: Place;
	readonly all: readonly Machine[];
	readonly worker: MachineRef | null;
	readonly identity: string;
};
type Candidate = GatewayCandidate & { readonly place: Place };

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

	/** The repository as another machine sees it, which must be the one with the identity. */
	async function placeAt({ location, connectionCount, identity }: Omit<Search, 'home' | 'all' | 'worker'>, id: string | null): Promise<Place> {
		const place = await places.open({ path: location.path, machineId: id }, { connectionCount });
		return isRemotePlace(place) ? { ...place, identity } : place;
	}

	/** A machine that is to stand in for the worker. */
	async function standIn(search: Search, machine: Machine): Promise<Candidate> {
		const { location, home, worker, identity, signal } = search;
		const { id, settings } = machine;
		const place = id === location.machineId ? home : await placeAt(search, id);
		const problem = (await problemOf(place, identity, signal)) ?? (await wayProblem(worker, machine, signal));
		return { id, name: settings.name, problem, place, maxTasks: maxTasksOf(machine), runningTasks: loadOf(id) };
	}

	/** All that may, but who was asked already. */
	async function standIns(search: Search, asked: readonly (string | null)[]): Promise<readonly Candidate[]> {
		const mayBe = ({ id, settings }: Machine): boolean => id === search.location.machineId || settings.roles.includes('gateway');
		const others = search.all.filter((machine) => mayBe(machine) && !asked.includes(machine.id));
		return Promise.all(others.map((machine) => standIn(search, machine)));
	}

	/** Of several that ask at once, one gives a repository its identity that has none yet. */
	function identityAt({ path, machineId }: RepositoryLocation, home: Place, { does, signal }: Pick<Wish, 'does' | 'signal'>): Promise<string | null> {
		if (does !== 'write') return atPlace(home, async (place) => (await findMarker(storageAt(place)))?.identity ?? null, signal);
		const key = `${machineId}\0${path}`;
		const claiming = claims.get(key) ?? atPlace(home, (place) => claimRepository(openVault(place))).finally(() => claims.delete(key));
		claims.set(key, claiming);
		return claiming;
	}

	return {
		async open(location, worker, wish) {
			const { does, connectionCount, signal } = wish;
			const home = await places.open(location, { connectionCount });
			const always = { place: home, note: null, warning: null, isElsewhere: false, [Symbol.dispose]: () => undefined };
			const isAuto = location.gateway === 'auto' && does !== 'verify';
			const linkedId = does === 'write' || (!isAuto && location.mountServerId === location.machineId) ? null : (location.mountServerId ?? null);
			const isHome = does !== 'verify' && (worker?.id ?? null) === location.machineId;
			if (isHome || (!isAuto && linkedId === null)) return always;

			const all = await machines.list();
			const [linked, holder] = [linkedId, location.machineId].map((wanted) => all.find(({ id }) => id === wanted));
			const homeRef = holder ? { id: holder.id, name: holder.settings.name } : backupServer;
			const passedOver = (by: MachineRef, problem: EngineError | null | undefined): ItemWarning | null =>
				linked && problem ? warningOf({ does, by, mountServer: linked.settings.name, problem, path: location.path }) : null;
			const identity = await identityAt(location, home, wish);
			if (identity === null)
				return {
					...always,
					warning: passedOver(homeRef, new EngineError('repository.unreachable', 'The repository has no identity by which it could be known.')),
				};

			const search: Search = { location, home, all, worker, identity, connectionCount, signal };
			const isAsked = isAuto || (worker !== null && worker.id === linkedId);
			const place = isAsked ? await placeAt(search, worker?.id ?? null) : home;
			const own = { ...(worker ?? backupServer), place, problem: isAsked ? await problemOf(place, identity, signal) : undefined };
			// it could not work on anything, whatever the way
			if (own.problem && worker && /^(connection|auth)\./.test(own.problem.code)) throw own.problem;
			const mountServer = linked && own.problem !== null && linked.id !== worker?.id ? await standIn(search, linked) : null;
			const isFound = own.problem === null || mountServer?.problem === null;
			const gateways = isAuto && !isFound ? await standIns(search, [own.id, linkedId]) : [];
			const last = isAuto && location.machineId !== null ? null : { ...homeRef, place: home };
			const chosen = chooseGateway({ worker: own, mountServer, gateways, last, path: location.path });
			const blind = (own.id === linkedId ? own : mountServer)?.problem;
			return {
				place: chosen.place,
				note:
					blind && blind === own.problem
						? null
						: noteOf({ does, worker: own, chosen, isMountServer: chosen.id === linkedId, isUnasked: chosen.id === last?.id }),
				warning: passedOver(chosen, blind),
				isElsewhere: chosen.place !== home,
				...taken(chosen.id),
			};
		},
		async requireMountServer(location, { id, name }, { signal }) {
			if (id === location.machineId) return;
			const home = await places.open(location);
			const identity = (await identityAt(location, home, { does: 'write', signal })) ?? '';
			const place = await placeAt({ location, identity }, id);
			const problem = await problemOf(place, identity, signal);
			if (problem === null) return;
			throw new EngineError(problem.code, `“${name}” cannot be the mount server: ${problem.message}`, {
				hint: `Mount the share that holds the repository at ${location.path} on “${name}”, or let the mount server be chosen (--mount-server auto).`,
				data: { field: 'mountServerId' },
				cause: problem,
			});
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

const verbs = { write: 'Written', read: 'Read', verify: 'Verified' } as const;

function warningOf({
	does,
	by,
	mountServer,
	problem: { code, message },
	path,
}: Pick<Wish, 'does'> & { readonly by: MachineRef; readonly mountServer: string; readonly problem: EngineError; readonly path: string }): ItemWarning {
	return { code, message: `${verbs[does]} through ${said(by)} instead of the mount server “${mountServer}”: ${message}`, path };
}

/** For who follows the task. */
function noteOf({
	does,
	worker,
	chosen,
	isMountServer,
	isUnasked,
}: Pick<Wish, 'does'> & {
	readonly worker: MachineRef & { readonly problem: EngineError | null | undefined };
	readonly chosen: MachineRef;
	readonly isMountServer: boolean;
	/** It is the way that everything else takes. */
	readonly isUnasked: boolean;
}): string | null {
	const through = `${verbs[does]} through ${said(chosen)}${isMountServer ? ', the mount server of the repository' : ''}`;
	if (worker.problem) return `${through}, because ${said(worker)} does not see the repository: ${worker.problem.message}`;
	if (isMountServer) return `${through}.`;
	return isUnasked ? null : `${through}, which has the share of the repository mounted.`;
}
