import { type SessionFilter, type SessionKind, type SessionState, sessionKind, sessionState } from '../../../engine/contract/index.ts';

/** What the list is narrowed to; it lives in the address, so that a filtered list can be linked to. Days are local, both inclusive. */
export type ActivityFilter = {
	readonly search: string;
	readonly kinds: readonly SessionKind[];
	readonly states: readonly SessionState[];
	readonly jobId: string | null;
	readonly fromDay: string | null;
	readonly toDay: string | null;
};

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const listOf = <T extends string>(text: string | null, known: readonly T[]): T[] => known.filter((value) => text?.split(',').includes(value));

export function filterFromQuery(query: URLSearchParams): ActivityFilter {
	const day = (name: string): string | null => {
		const text = query.get(name);
		return text !== null && dayPattern.test(text) && !Number.isNaN(Date.parse(text)) ? text : null;
	};
	return {
		search: query.get('search') ?? '',
		kinds: listOf(query.get('kind'), sessionKind.options),
		states: listOf(query.get('state'), sessionState.options),
		jobId: query.get('job'),
		fromDay: day('from'),
		toDay: day('to'),
	};
}

export function queryFromFilter(filter: ActivityFilter): URLSearchParams {
	const query = new URLSearchParams();
	if (filter.search) query.set('search', filter.search);
	if (filter.kinds.length > 0) query.set('kind', filter.kinds.join(','));
	if (filter.states.length > 0) query.set('state', filter.states.join(','));
	if (filter.jobId) query.set('job', filter.jobId);
	if (filter.fromDay) query.set('from', filter.fromDay);
	if (filter.toDay) query.set('to', filter.toDay);
	return query;
}

export const isFiltered = (filter: ActivityFilter): boolean => queryFromFilter(filter).size > 0;

const localMidnight = (day: string, plusDays = 0): number => {
	const [year, month, date] = day.split('-').map(Number);
	return new Date(year ?? 0, (month ?? 1) - 1, (date ?? 1) + plusDays).getTime();
};

export function requestFor(filter: ActivityFilter): Omit<SessionFilter, 'offset' | 'limit'> {
	return {
		...(filter.search ? { search: filter.search } : {}),
		...(filter.kinds.length > 0 ? { kinds: [...filter.kinds] } : {}),
		...(filter.states.length > 0 ? { states: [...filter.states] } : {}),
		...(filter.jobId ? { jobId: filter.jobId } : {}),
		...(filter.fromDay ? { startedFrom: localMidnight(filter.fromDay) } : {}),
		...(filter.toDay ? { startedTo: localMidnight(filter.toDay, 1) - 1 } : {}),
	};
}
