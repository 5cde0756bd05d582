import { EngineError } from '../base/index.ts';
import type { RepositoryLocation } from '../contract/index.ts';
import type { Candidate } from './candidate.ts';

/** A machine as the way to a repository. */
export type GatewayCandidate = Pick<Candidate, 'id' | 'name' | 'maxTasks' | 'runningTasks'> & {
	/** Why it cannot be: it does not see this very repository, or who works on the objects does not get to it; null: it can. */
	readonly problem: EngineError | null;
};

/** `Way`: how one gets there, which is not looked at here. */
export type GatewayRequest<Way = unknown> = {
	/**
	 * Who works on the objects: of a backup who reads them, off-host the proxy and on-host the source host; of a restore who writes them. `problem` undefined:
	 * it is not asked, since the repository has one gateway for all.
	 */
	readonly worker: Pick<GatewayCandidate, 'id' | 'name'> & { readonly problem: EngineError | null | undefined } & Way;
	/** Linked to the repository for what is read there and given back elsewhere; null: there is none, or something is written. */
	readonly mountServer: (GatewayCandidate & Way) | null;
	/** Machines that stand in for a worker that does not see the repository: those with the role, and the one that it was added on. */
	readonly gateways: readonly (GatewayCandidate & Way)[];
	/** Taken unasked, when there is no other way: the machine that the repository was added on, if it is the one gateway for all or the backup server. */
	readonly last: (Pick<Candidate, 'id' | 'name'> & Way) | null;
	/** Of the repository, the same on all machines. */
	readonly path: string;
};

/**
 * Who gets to a repository for a run or a restore. On a share, which can host no mover of its own, that is who works on the objects (GW-04, PIPE-07). It is
 * asked for each run, so that with a file per machine each has the gateway of its own proxy, and one file has one gateway (GW-07).
 *
 * A mount server is the gateway that a repository has for what is read there: the first that stands in for who is written on, so that payload comes from near
 * the repository (MOUNT-01). Where it cannot be, others do, as for a backup (MOUNT-04): the gateway with the most room, and the backup server only where there is
 * no other way (GW-05, SRV-13).
 * @throws `infra.no-gateway`, which says of each machine why
 */
export function chooseGateway<Way>({ worker, mountServer, gateways, last, path }: GatewayRequest<Way>): Pick<Candidate, 'id' | 'name'> & Way {
	const loadOf = ({ runningTasks, maxTasks }: GatewayCandidate): number => (runningTasks + 1) / maxTasks;
	const inTurn = [worker, ...(mountServer ? [mountServer] : []), ...gateways.toSorted((a, b) => loadOf(a) - loadOf(b))];
	const chosen = inTurn.find(({ problem }) => problem === null) ?? last;
	if (chosen) return chosen;
	const reasons = inTurn.map(({ name, problem }) => `“${name}”: ${problem?.message}`);
	throw new EngineError('infra.no-gateway', `No machine gives “${worker.name}” a way to the repository in ${path}. ${reasons.join(' ')}`, {
		hint: `Mount the share that holds it at ${path} on “${worker.name}”, or on a machine with the role gateway that “${worker.name}” can connect to.`,
		data: { machineIds: inTurn.map(({ id }) => id) },
	});
}

/** Id of the machine that reads a repository for what is given back elsewhere: by itself, the one that it lies on (MOUNT-02). Null: the backup server. */
export const mountServerOf = ({ mountServerId, machineId }: Pick<RepositoryLocation, 'machineId' | 'mountServerId'>): string | null =>
	mountServerId ?? machineId;
