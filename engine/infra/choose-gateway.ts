import { EngineError } from '../base/index.ts';
import type { Candidate } from './candidate.ts';

/** A machine as the way to a repository on a share. */
export type GatewayCandidate = Pick<Candidate, 'id' | 'name' | 'maxTasks' | 'runningTasks'> & {
	/** Why it cannot be: it does not see this very repository, or who works on the objects does not get to it; null: it can. */
	readonly problem: EngineError | null;
};

/** `Way`: how one gets there, which is not looked at here. */
export type GatewayRequest<Way = unknown> = {
	/** Who works on the objects: of a backup who reads them, off-host the proxy and on-host the source host; of a restore who writes them. */
	readonly worker: Pick<GatewayCandidate, 'id' | 'name' | 'problem'> & Way;
	/** Machines that stand in for a worker that does not see the repository: those with the role, and the one that it was added on. */
	readonly gateways: readonly (GatewayCandidate & Way)[];
	/** Where the repository was added on no machine, and is seen from the backup server; null otherwise. */
	readonly backupServer: (Pick<Candidate, 'id' | 'name'> & Way) | null;
	/** Of the repository, the same on all machines. */
	readonly path: string;
};

/**
 * Who reads and writes on a share, which can host no mover of its own: who works on the objects (GW-04, PIPE-07). It is asked for each run, so that with a
 * file per machine each has the gateway of its own proxy, and one file has one gateway (GW-07). A worker that does not see the repository is passed over
 * for the gateway with the most room; and payload takes the way over the backup server only where there is no other (SRV-13).
 * @throws `infra.no-gateway`, which says of each machine why
 */
export function chooseGateway<Way>({ worker, gateways, backupServer, path }: GatewayRequest<Way>): Pick<Candidate, 'id' | 'name'> & Way {
	if (worker.problem === null) return worker;
	const loadOf = ({ runningTasks, maxTasks }: GatewayCandidate): number => (runningTasks + 1) / maxTasks;
	const [best] = gateways.filter(({ problem }) => problem === null).toSorted((a, b) => loadOf(a) - loadOf(b));
	if (best !== undefined) return best;
	if (backupServer) return backupServer;
	const reasons = [worker, ...gateways].map(({ name, problem }) => `“${name}”: ${problem?.message}`);
	throw new EngineError('infra.no-gateway', `No machine gives “${worker.name}” a way to the repository in ${path}. ${reasons.join(' ')}`, {
		hint: `Mount the share that holds it at ${path} on “${worker.name}”, or on a machine with the role gateway that “${worker.name}” can connect to.`,
		data: { machineIds: [worker, ...gateways].map(({ id }) => id) },
	});
}
