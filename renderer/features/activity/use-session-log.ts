import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { LogEntry } from '../../../engine/contract/index.ts';
import { useTRPC, useTRPCClient } from '../../client.ts';

const pageSize = 5000;

/** The whole log, growing: what is here already is not asked for again. An event of the session makes it look for more. */
export function useSessionLog(id: string, isLive: boolean): { readonly entries: readonly LogEntry[]; readonly error: unknown; readonly isLoading: boolean } {
	const trpc = useTRPC();
	const client = useTRPCClient();
	const queryClient = useQueryClient();
	const queryKey = trpc.sessions.log.queryKey({ id });
	const query = useQuery({
		queryKey,
		queryFn: async ({ signal }) => {
			let entries: readonly LogEntry[] = queryClient.getQueryData<LogEntry[]>(queryKey) ?? [];
			for (;;) {
				const more = await client.sessions.log.query({ id, afterSeq: entries.at(-1)?.seq ?? 0, limit: pageSize }, { signal });
				if (more.length > 0) entries = [...entries, ...more];
				if (more.length < pageSize) return entries as LogEntry[];
			}
		},
		structuralSharing: false,
		refetchInterval: isLive ? 2000 : false,
	});
	return { entries: query.data ?? none, error: query.error, isLoading: query.isPending };
}
const none: readonly LogEntry[] = [];
