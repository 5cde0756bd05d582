import { useQueries, useQuery } from '@tanstack/react-query';
import type { Session } from '../../../engine/contract/index.ts';
import { useTRPC } from '../../client.ts';

/** The sessions that write a chain anew at the moment, by chain; whoever started them. Their task is named after the chain. */
export function useCompactions(): ReadonlyMap<string, Session> {
	const trpc = useTRPC();
	const listed = useQuery(trpc.sessions.list.queryOptions({ kinds: ['compact'], states: ['queued', 'running', 'cancelling'], limit: 50 }));
	return useQueries({
		queries: (listed.data?.sessions ?? []).map(({ id }) => trpc.sessions.get.queryOptions({ id })),
		combine: (sessions) => new Map(sessions.flatMap(({ data }) => (data?.tasks[0] ? [[data.tasks[0].object, data] as const] : []))),
	});
}
