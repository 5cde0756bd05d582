import { Button, MultiSelect, TextInput } from '@mantine/core';
import { DatePickerInput } from '@mantine/dates';
import { useDebouncedValue } from '@mantine/hooks';
import { IconActivity, IconCalendar, IconDownload, IconSearch, IconX } from '@tabler/icons-react';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { isFinal, type SessionListItem, sessionKind, sessionState } from '../../../engine/contract/index.ts';
import type { PageProps } from '../../app/pages.tsx';
import { Link, navigate, usePlace } from '../../app/router.tsx';
import { errorShapeOf, useTRPCClient } from '../../client.ts';
import {
	Bytes,
	Duration,
	EmptyState,
	ErrorPanel,
	formatDateTime,
	formatFull,
	formatNumber,
	type GridColumn,
	notifyFailure,
	PageHeader,
	plural,
	StatusBadge,
	statusWord,
	TableGrid,
	useNow,
} from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import { type ActivityFilter, filterFromQuery, isFiltered, queryFromFilter, requestFor } from './activity-filter.ts';
import classes from './activity-page.module.css';
import { sessionsCsv } from './csv.ts';
import { durationOf, kindWords } from './session-words.ts';
import { useSessionPages } from './use-session-pages.ts';

const columns: readonly GridColumn<SessionListItem>[] = [
	{ id: 'title', header: 'Session', width: 'minmax(120px, 2fr)', cell: (session) => <SessionLink session={session} /> },
	{ id: 'kind', header: 'Kind', width: '112px', cell: (session) => kindWords[session.kind] },
	{ id: 'state', header: 'Result', width: 'minmax(150px, 1.6fr)', cell: (session) => <Result session={session} /> },
	{ id: 'startedAt', header: 'Started', width: '172px', cell: (session) => <Started session={session} /> },
	{ id: 'duration', header: 'Duration', width: '86px', align: 'end', cell: (session) => <Elapsed session={session} /> },
	{ id: 'read', header: 'Read', width: '82px', align: 'end', cell: (session) => <Bytes value={session.counters.readBytes} /> },
	{ id: 'stored', header: 'Stored', width: '82px', align: 'end', cell: (session) => <Bytes value={session.counters.storedBytes} /> },
	{ id: 'bottleneck', header: 'Bottleneck', width: '86px', cell: (session) => <Slowest session={session} /> },
];

const pathOf = (session: SessionListItem): string => `/sessions/${encodeURIComponent(session.id)}`;

/** Every session of every kind, maintenance too. The filter lives in the address. */
export function ActivityPage(_props: PageProps): ReactNode {
	const { query } = usePlace();
	const filter = useMemo(() => filterFromQuery(query), [query]);
	const request = useMemo(() => requestFor(filter), [filter]);
	const { total, rowAt, setRange, error, refetch } = useSessionPages(request);
	const change = (part: Partial<ActivityFilter>): void => {
		const next = queryFromFilter({ ...filter, ...part });
		navigate(next.size > 0 ? `/activity?${next}` : '/activity', { replace: true });
	};
	return (
		<>
			<PageHeader title="Activity" detail={total === null ? '' : isFiltered(filter) ? `${plural(total, 'session')} match` : plural(total, 'session')}>
				<ExportButton request={request} total={total ?? 0} />
			</PageHeader>
			<FilterBar filter={filter} onChange={change} />
			{error ? (
				<div className={classes.error}>
					<ErrorPanel failure={errorShapeOf(error)} onRetry={refetch} />
				</div>
			) : null}
			{total === null ? null : (
				<TableGrid
					// Another filter is another list: it begins at its top.
					key={queryFromFilter(filter).toString()}
					label="Sessions"
					columns={columns}
					count={total}
					rowAt={rowAt}
					rowId={(session) => session.id}
					rowHeight={32}
					onRange={setRange}
					onOpen={(session) => navigate(pathOf(session))}
					empty={<Nothing isFiltered={isFiltered(filter)} onClear={() => navigate('/activity', { replace: true })} />}
				/>
			)}
		</>
	);
}

function Nothing({ isFiltered, onClear }: { readonly isFiltered: boolean; readonly onClear: () => void }): ReactNode {
	if (isFiltered) {
		return (
			<EmptyState title="No session matches" action={<Button onClick={onClear}>Show all sessions</Button>}>
				Widen the days or take away a filter.
			</EmptyState>
		);
	}
	return (
		<EmptyState
			icon={<IconActivity size={36} stroke={1.4} />}
			title="Nothing has run yet"
			action={
				<Button component={Link} to="/jobs/new">
					New job
				</Button>
			}
		>
			Each run of a job, each restore, check and verification is a session and is kept here with its log, its speed and what held it back.
		</EmptyState>
	);
}

function FilterBar({ filter, onChange }: { readonly filter: ActivityFilter; readonly onChange: (part: Partial<ActivityFilter>) => void }): ReactNode {
	const [search, setSearch] = useState(filter.search);
	const [settled] = useDebouncedValue(search, 200);
	// biome-ignore lint/correctness/useExhaustiveDependencies: only what was typed is sent on, not what comes back
	useEffect(() => {
		if (settled !== filter.search) onChange({ search: settled });
	}, [settled]);
	// The address may change by itself (back, a link): the field follows, unless somebody is typing.
	// biome-ignore lint/correctness/useExhaustiveDependencies: see above
	useEffect(() => {
		if (search === settled) setSearch(filter.search);
	}, [filter.search]);
	return (
		<search className={classes.filters}>
			<TextInput
				className={classes.search ?? ''}
				aria-label="Search by name"
				placeholder="Search by name"
				leftSection={<IconSearch size={14} />}
				value={search}
				onChange={(event) => setSearch(event.currentTarget.value)}
			/>
			<DatePickerInput
				type="range"
				size="xs"
				className={classes.days ?? ''}
				aria-label="Days"
				placeholder="Any day"
				valueFormat="D MMM YYYY"
				allowSingleDateInRange
				weekendDays={[]}
				clearable
				leftSection={<IconCalendar size={14} />}
				value={[filter.fromDay, filter.toDay]}
				onChange={([from, to]) => onChange({ fromDay: from, toDay: to })}
				presets={dayPresets()}
			/>
			<MultiSelect
				size="xs"
				className={classes.select ?? ''}
				aria-label="Kind"
				placeholder={filter.kinds.length === 0 ? 'Any kind' : ''}
				data={sessionKind.options.map((value) => ({ value, label: kindWords[value] }))}
				value={[...filter.kinds]}
				onChange={(kinds) => onChange({ kinds: sessionKind.options.filter((kind) => kinds.includes(kind)) })}
				clearable
			/>
			<MultiSelect
				size="xs"
				className={classes.select ?? ''}
				aria-label="Result"
				placeholder={filter.states.length === 0 ? 'Any result' : ''}
				data={sessionState.options.map((value) => ({ value, label: statusWord(value) }))}
				value={[...filter.states]}
				onChange={(states) => onChange({ states: sessionState.options.filter((state) => states.includes(state)) })}
				clearable
			/>
			{filter.jobId ? (
				<Button variant="light" rightSection={<IconX size={13} />} onClick={() => onChange({ jobId: null })} title="Show the sessions of all jobs">
					One job only
				</Button>
			) : null}
		</search>
	);
}

const day = (daysAgo: number): string => {
	const date = new Date();
	date.setDate(date.getDate() - daysAgo);
	return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
};
const dayPresets = (): { value: [string, string]; label: string }[] => [
	{ value: [day(0), day(0)], label: 'Today' },
	{ value: [day(1), day(1)], label: 'Yesterday' },
	{ value: [day(6), day(0)], label: 'Last 7 days' },
	{ value: [day(29), day(0)], label: 'Last 30 days' },
	{ value: [day(89), day(0)], label: 'Last 90 days' },
];

const SessionLink = ({ session }: { readonly session: SessionListItem }): ReactNode => (
	<Link
		to={pathOf(session)}
		className={classes.title ?? ''}
		tabIndex={-1}
		title={[displayPath(session.title), formatFull(session.startedAt ?? session.queuedAt), session.error?.message, session.bottleneck?.reason]
			.filter(Boolean)
			.join('\n')}
	>
		{displayPath(session.title)}
	</Link>
);

function Result({ session }: { readonly session: SessionListItem }): ReactNode {
	const { totalBytes, doneBytes, warningCount } = session.counters;
	const isLive = !isFinal(session.state);
	const more =
		isLive && totalBytes
			? `${Math.floor((doneBytes / totalBytes) * 100)} %`
			: (session.error?.message ?? (warningCount > 0 ? plural(warningCount, 'warning') : ''));
	return (
		<span className={classes.result}>
			<StatusBadge status={session.state} />
			{more ? <small>{more}</small> : null}
		</span>
	);
}

const Started = ({ session }: { readonly session: SessionListItem }): ReactNode => {
	const at = session.startedAt ?? session.queuedAt;
	return (
		<time dateTime={new Date(at).toISOString()} className={classes.time}>
			{formatDateTime(at)}
		</time>
	);
};

const Elapsed = ({ session }: { readonly session: SessionListItem }): ReactNode => <Duration value={durationOf(session, Math.max(useNow(), Date.now()))} />;

const Slowest = ({ session: { bottleneck } }: { readonly session: SessionListItem }): ReactNode =>
	bottleneck && bottleneck.stage !== 'none' ? <span className={classes.stage}>{bottleneck.stage}</span> : <span className={classes.quiet}>none</span>;

const exportPage = 1000;

function ExportButton({ request, total }: { readonly request: ReturnType<typeof requestFor>; readonly total: number }): ReactNode {
	const client = useTRPCClient();
	const [done, setDone] = useState<number | null>(null);
	const run = async (): Promise<void> => {
		setDone(0);
		try {
			const sessions: SessionListItem[] = [];
			// An id is taken once: sessions that begin meanwhile push the pages apart.
			const seen = new Set<string>();
			for (let offset = 0; ; offset += exportPage) {
				const page = await client.sessions.list.query({ ...request, offset, limit: exportPage });
				for (const session of page.sessions) if (!seen.has(session.id)) sessions.push(session);
				for (const session of page.sessions) seen.add(session.id);
				setDone(sessions.length);
				if (page.sessions.length < exportPage) break;
			}
			saveText(`holdfast-sessions-${day(0)}.csv`, sessionsCsv(sessions));
		} catch (error) {
			notifyFailure('The list was not exported', errorShapeOf(error));
		} finally {
			setDone(null);
		}
	};
	return (
		<Button
			variant="default"
			leftSection={<IconDownload size={15} />}
			disabled={total === 0 || done !== null}
			onClick={() => void run()}
			title="All sessions that the filter lets through, as comma-separated values"
		>
			{done === null ? 'Export CSV' : `${formatNumber(done)} of ${formatNumber(total)}…`}
		</Button>
	);
}

function saveText(fileName: string, text: string): void {
	const url = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
	const anchor = document.createElement('a');
	anchor.href = url;
	anchor.download = fileName;
	anchor.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
