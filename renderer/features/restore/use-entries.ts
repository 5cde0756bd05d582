import { useThrottledValue } from '@mantine/hooks';
import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import type { BrowseEntry } from '../../../engine/contract/index.ts';
import { useTRPC } from '../../client.ts';

const pageSize = 500;

export type Entries = {
	/** Null: not known yet. */
	readonly total: number | null;
	/** Undefined: not arrived yet. */
	readonly entryAt: (index: number) => BrowseEntry | undefined;
	readonly setRange: (first: number, last: number) => void;
	readonly error: unknown;
	readonly refetch: () => void;
};

/** One folder of a point, as much of it as is in view. A point never changes, so what is here stays valid. */
export function useEntries(point: string, path: string): Entries {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [range, setRange] = useState({ first: 0, last: 0 });
	// Dragging the scroll bar through a million entries asks for some of the pages on the way, not for all.
	const settled = useThrottledValue(range, 80);
	const firstPage = Math.floor(settled.first / pageSize);
	const lastPage = Math.floor(settled.last / pageSize);
	const numbers = useMemo(() => Array.from({ length: lastPage - firstPage + 1 }, (_, index) => firstPage + index), [firstPage, lastPage]);
	const request = (page: number): { point: string; path: string; offset: number; limit: number } => ({ point, path, offset: page * pageSize, limit: pageSize });
	const pages = useQueries({
		queries: numbers.map((page) => trpc.points.browse.queryOptions(request(page), { staleTime: Number.POSITIVE_INFINITY, gcTime: 120_000 })),
	});
	const totals = useRef({ folder: '', total: null as number | null });
	const folder = `${point}\n${path}`;
	if (totals.current.folder !== folder) totals.current = { folder, total: null };
	totals.current.total ??= pages.find((page) => page.data !== undefined)?.data?.total ?? null;
	return {
		total: totals.current.total,
		entryAt: (index) => {
			const page = Math.floor(index / pageSize);
			const data = pages[page - firstPage]?.data ?? queryClient.getQueryData(trpc.points.browse.queryKey(request(page)));
			return data?.entries[index % pageSize];
		},
		setRange: (first, last) => setRange((old) => (old.first === first && old.last === last ? old : { first, last: Math.max(first, last) })),
		error: pages.find((page) => page.error !== null)?.error ?? null,
		refetch: () => {
			for (const page of pages) if (page.error) void page.refetch();
		},
	};
}
