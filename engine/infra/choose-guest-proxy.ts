import { EngineError } from '../base/index.ts';
import type { Candidate } from './candidate.ts';

/** A machine that may speak with guests. */
export type GuestCandidate = Candidate & {
	readonly system: 'windows' | 'other';
	/** Networks that it has an address in, as CIDR or by name; the same words as for guests. */
	readonly networks: ReadonlySet<string>;
};

export type Guest = {
	/** For messages. */
	readonly name: string;
	readonly system: 'windows' | 'other';
	readonly networks: readonly string[];
};

/** What a job wants of the inside of a guest. */
export type GuestProcessing = {
	readonly isApplicationAware: boolean;
	readonly isIndexing: boolean;
	readonly processesTransactionLogs: boolean;
};

export type GuestProxyRequest = {
	readonly guest: Guest;
	readonly processing: GuestProcessing;
	/** Ids of the machines that the job names (GIP-05); null: automatic. */
	readonly chosen: readonly string[] | null;
	/** All managed machines that have the role, the backup server among them where it has it. */
	readonly machines: readonly GuestCandidate[];
	readonly backupServer: GuestCandidate;
};

/**
 * The machines that are to be tried, in this order, until one gets through to the guest. Guests are not contacted for anything but application-aware processing,
 * indexing and transaction logs (GIP-01): then there is none. Windows guests get their runtime from a Windows machine (GIP-02, GIP-04): in the guest's network rather than
 * outside of it, and rather not the backup server (GIP-06); of equals the one with the most room. Where none gets through, and for all other guests, it is the
 * backup server itself (GIP-03, GIP-07).
 * @throws `infra.no-proxy` when none of the machines that the job names is there any more
 */
export function chooseGuestProxies({ guest, processing, chosen, machines, backupServer }: GuestProxyRequest): GuestCandidate[] {
	if (!processing.isApplicationAware && !processing.isIndexing && !processing.processesTransactionLogs) return [];
	if (guest.system !== 'windows') return [backupServer];
	const allowed = chosen === null ? machines : machines.filter(({ id }) => chosen.includes(id));
	if (chosen !== null && allowed.length === 0)
		throw new EngineError('infra.no-proxy', `None of the guest interaction proxies that the job names for “${guest.name}” exists any more.`, {
			hint: 'Choose others for the job, or let them be chosen automatically.',
		});
	const priority = ({ id, networks }: GuestCandidate): number =>
		(guest.networks.some((network) => networks.has(network)) ? 0 : 2) + (id === backupServer.id ? 1 : 0);
	const load = ({ runningTasks, maxTasks }: GuestCandidate): number => runningTasks / maxTasks;
	const inOrder = allowed.filter(({ system, isOnline }) => system === 'windows' && isOnline).toSorted((a, b) => priority(a) - priority(b) || load(a) - load(b));
	return inOrder.some(({ id }) => id === backupServer.id) ? inOrder : [...inOrder, backupServer];
}
