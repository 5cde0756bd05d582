import { useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { ErrorShape, Host, JobSummary, ProtectedObject, VirtualMachine } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { type Cover, machineCovers } from './inventory-words.ts';

export type MachineRow = { readonly id: string; readonly host: Host; readonly machine: VirtualMachine; readonly covers: readonly Cover[] };

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const none: readonly never[] = [];

type Answers = {
	readonly machines: readonly (readonly VirtualMachine[] | undefined)[];
	readonly errors: readonly (ErrorShape | null)[];
	readonly isPending: boolean;
};
const combine = (results: readonly { data: readonly VirtualMachine[] | undefined; error: unknown; isPending: boolean }[]): Answers => ({
	machines: results.map(({ data }) => data),
	errors: results.map(({ error }) => (error ? errorShapeOf(error) : null)),
	isPending: results.some(({ isPending }) => isPending),
});

/** All virtual machines of all hosts, as far as they have answered, with the jobs that protect them. */
export function useMachines({ enabled = true }: { readonly enabled?: boolean } = {}) {
	const trpc = useTRPC();
	const hosts = useQuery(trpc.hosts.list.queryOptions(undefined, { enabled }));
	const jobs = useQuery(trpc.jobs.list.queryOptions(undefined, { enabled }));
	const overview = useQuery(trpc.system.overview.queryOptions({ timeZone }, { enabled }));
	const known = hosts.data ?? (none as readonly Host[]);
	const { machines, errors, isPending } = useQueries({
		queries: known.map(({ id, state }) => trpc.hosts.machines.queryOptions({ id }, { enabled: enabled && state === 'online' })),
		combine,
	});
	const rows = useMemo(() => {
		const coversOf = machineCovers(jobs.data ?? (none as readonly JobSummary[]), overview.data?.objects ?? (none as readonly ProtectedObject[]));
		return known.flatMap((host, i) =>
			(machines[i] ?? []).map((machine): MachineRow => ({ id: `${host.id}/${machine.id}`, host, machine, covers: coversOf(host.settings.name, machine) })),
		);
	}, [known, machines, jobs.data, overview.data]);
	const silent = known.flatMap((host, i) => {
		const problem = host.problem ?? errors[i] ?? null;
		return problem === null ? [] : [{ host, problem }];
	});
	return { hosts, rows, silent, isPending: known.some(({ state }) => state === 'online') && isPending };
}
