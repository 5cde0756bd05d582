import { EngineError } from '../base/index.ts';
import { type Candidate, namesOf, reachesAll } from './candidate.ts';

/** One piece of work that a proxy is sought for, in the order of the job. */
export type ProxyWork = {
	/** Id of the source host that holds it. */
	readonly source: string;
};

export type ProxyRequest = {
	/** `on-host`: the source host's own mover reads. `off-host`: a proxy does, which must be asked for explicitly. */
	readonly mode: 'on-host' | 'off-host';
	/** Id of the machine that the job is pinned to; null: automatic. Off-host only. */
	readonly pinned: string | null;
	readonly work: readonly ProxyWork[];
	/** Ids of all that must be reached beside the source: the repositories or gateways to be written to, the target host of a replica. */
	readonly targets: readonly string[];
	/** All machines that have the role of a proxy, and, for on-host, the source hosts. */
	readonly machines: readonly Candidate[];
};

/**
 * The machine for each piece of work (DEPLOY-05, TASK-08): the source host itself on-host; off-host the one that the job is pinned to, or of all
 * that reach source and targets the one with the most room, counting what this choice gives it. Room is the share of its tasks that is free: a
 * machine for four tasks takes twice as many as one for two. Where all are full, work still gets the least loaded one, and waits there.
 * @throws `infra.no-proxy` naming what is missing and what would help
 */
export function chooseProxies({ mode, pinned, work, targets, machines }: ProxyRequest): Candidate[] {
	const given = new Map<string, number>();
	const loadOf = ({ id, runningTasks, maxTasks }: Candidate): number => (runningTasks + (given.get(id) ?? 0) + 1) / maxTasks;
	return work.map(({ source }) => {
		const chosen =
			mode === 'on-host'
				? sourceHost(source, machines)
				: (pinnedTo(pinned, [source, ...targets], machines) ?? leastLoaded(candidates(source, targets, machines), loadOf));
		given.set(chosen.id, (given.get(chosen.id) ?? 0) + 1);
		return chosen;
	});
}

function sourceHost(source: string, machines: readonly Candidate[]): Candidate {
	const host = machines.find(({ id }) => id === source);
	if (!host)
		throw new EngineError('infra.no-proxy', 'The machine that holds the source is not registered.', {
			hint: 'Register it: a machine must be known before it is a source or has a role.',
		});
	if (!host.isOnline) throw offline(host);
	return host;
}

/** What is pinned is honoured, or refused: data does not take another way than was said. */
function pinnedTo(pinned: string | null, places: readonly string[], machines: readonly Candidate[]): Candidate | null {
	if (pinned === null) return null;
	const proxy = machines.find(({ id }) => id === pinned);
	if (!proxy)
		throw new EngineError('infra.no-proxy', 'The proxy that the job is pinned to does not exist any more.', {
			hint: 'Choose another proxy for the job, or let it be chosen automatically.',
		});
	if (!proxy.isOnline) throw offline(proxy);
	if (!reachesAll(proxy, places))
		throw new EngineError('infra.no-proxy', `“${proxy.name}” does not reach the source or a target of the job.`, {
			hint: 'Open the way for it in network and firewall, choose another proxy, or read on the source host itself (on-host).',
		});
	return proxy;
}

function candidates(source: string, targets: readonly string[], machines: readonly Candidate[]): Candidate[] {
	const reaching = machines.filter((machine) => reachesAll(machine, [source, ...targets]));
	const online = reaching.filter(({ isOnline }) => isOnline);
	if (online.length > 0) return online;
	const [only, ...more] = reaching;
	if (only && more.length === 0) throw offline(only);
	throw new EngineError(
		'infra.no-proxy',
		reaching.length > 0
			? `None of the proxies that reach source and target can be reached: ${namesOf(reaching)}.`
			: 'No proxy reaches the source and all targets of the job.',
		{ hint: 'Give the role of a proxy to a machine that reaches both, or read on the source host itself (on-host).' },
	);
}

function leastLoaded(machines: readonly Candidate[], loadOf: (machine: Candidate) => number): Candidate {
	return machines.reduce((best, machine) => (loadOf(machine) < loadOf(best) ? machine : best));
}

const offline = ({ name }: Candidate): EngineError =>
	new EngineError('infra.no-proxy', `“${name}” cannot be reached.`, { hint: 'Start its mover and check the network, then run the job again.' });
