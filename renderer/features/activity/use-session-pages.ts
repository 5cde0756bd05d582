import { keepPreviousData, useQueries } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { SessionFilter, SessionListItem } from '../../../engine/contract/index.ts';
import { useTRPC } from '../../client.ts';

const pageSize = 200;

/** The list as the server pages it: only the pages in view are asked for, and each stays known while it is asked for again. */
export function useSessionPages(request: Omit<SessionFilter, 'offset' | 'limit'>): {
	readonly total: number | null;
	readonly rowAt: (index: number) => SessionListItem | undefined;
	readonly setRange: (first: number, last: number) => void;
	readonly error: unknown;
	readonly refetch: () => void;
} {
	const trpc = useTRPC();
	const [range, setRange] = useState({ first: 0, last: 0 });
	const firstPage = Math.floor(range.first / pageSize);
	const lastPage = Math.floor(range.last / pageSize);
	const numbers = useMemo(() => Array.from({ length: lastPage - firstPage + 1 }, (_, index) => firstPage + index), [firstPage, lastPage]);
	const pages = useQueries({
		queries: numbers.map((page) =>
			trpc.sessions.list.queryOptions({ ...request, offset: page * pageSize, limit: pageSize }, { placeholderData: keepPreviousData }),
		),
	});
	const byNumber = new Map(numbers.map((number, index) => [number, pages[index]]));
	const known = pages.find((page) => page.data !== undefined && !page.isPlaceholderData) ?? pages.find((page) => page.data !== undefined);
	return {
		total: known?.data?.total ?? null,
		rowAt: (index) => {
			const page = byNumber.get(Math.floor(index / pageSize));
			return page?.data?.sessions[index % pageSize];
		},
		setRange: (first, last) => setRange((old) => (old.first === first && old.last === last ? old : { first, last: Math.max(first, last) })),
		error: pages.find((page) => page.error !== null)?.error ?? null,
		refetch: () => {
			for (const page of pages) void page.refetch();
		},
	};
}
