import { Button, TextInput } from '@mantine/core';
import { IconHistory, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { Bytes, EmptyState, ErrorPanel, formatNumber, PageHeader, plural, StatusBadge, type TableColumn, TimeAgo, VirtualTable } from '../../ui/index.ts';
import { type ObjectRow, objectRows } from './object-rows.ts';
import { displayPath } from './path-text.ts';
import classes from './restore.module.css';
import { newestPlace, objectPath, originWord } from './restore-places.ts';

/** As they stand in a column, and in a sentence. */
export const kindNames: Readonly<Record<ObjectRow['objectKind'], string>> = { folder: 'Folder', disk: 'Disk', vm: 'Machine' };

const placeOf = (row: ObjectRow): string =>
	row.count > 0 || row.jobId === null ? newestPlace(row.object, row.originJobId) : `/jobs/${encodeURIComponent(row.jobId)}`;

const columns: readonly TableColumn<ObjectRow>[] = [
	{
		id: 'object',
		header: 'Object',
		width: 'minmax(220px, 2fr)',
		cell: (row) => (
			<Link to={placeOf(row)} tabIndex={-1} className={classes.objectName ?? ''} title={displayPath(row.object)}>
				{displayPath(objectPath(row.object))}
			</Link>
		),
		sortBy: (row) => objectPath(row.object),
		text: (row) => displayPath(row.object),
	},
	{ id: 'kind', header: 'Kind', width: '72px', cell: (row) => kindNames[row.objectKind], sortBy: (row) => row.objectKind },
	{
		id: 'job',
		header: 'Job',
		width: 'minmax(120px, 1fr)',
		cell: (row) => <JobName row={row} />,
		sortBy: (row) => row.job,
		text: (row) => `${row.job} ${originWord[row.origin] ?? ''}`,
	},
	{ id: 'newest', header: 'Newest point', width: '130px', cell: (row) => <TimeAgo at={row.newestAt} none="no point yet" />, sortBy: (row) => row.newestAt },
	{ id: 'oldest', header: 'Reaches back to', width: '130px', cell: (row) => <TimeAgo at={row.oldestAt} />, sortBy: (row) => row.oldestAt },
	{
		id: 'points',
		header: 'Points',
		width: '150px',
		cell: (row) =>
			row.damaged > 0 ? (
				<StatusBadge status="damaged">
					{formatNumber(row.damaged)} of {formatNumber(row.count)} damaged
				</StatusBadge>
			) : (
				formatNumber(row.count)
			),
		sortBy: (row) => row.count,
	},
	{ id: 'verified', header: 'Last proven', width: '130px', cell: (row) => <TimeAgo at={row.verifiedAt} none="never" />, sortBy: (row) => row.verifiedAt },
	{ id: 'size', header: 'Size', width: '90px', align: 'end', cell: (row) => <Bytes value={row.sourceBytes} />, sortBy: (row) => row.sourceBytes },
];

export function ObjectChooser({ jobId }: { readonly jobId: string | null }): ReactNode {
	const trpc = useTRPC();
	const points = useQuery(trpc.points.list.queryOptions({}));
	const overview = useQuery(trpc.system.overview.queryOptions({ timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone }));
	const [filter, setFilter] = useQueryParam('filter');
	const rows = useMemo(() => {
		const all = objectRows(points.data ?? [], overview.data?.objects ?? []);
		return jobId === null ? all : all.filter((row) => row.originJobId === jobId);
	}, [points.data, overview.data, jobId]);
	return (
		<>
			<PageHeader
				title="Restore"
				detail={points.data ? `What shall come back? ${plural(rows.length, 'object')}, ${plural(points.data.length, 'restore point')}` : ''}
			>
				<TextInput
					className={classes.objectSearch ?? ''}
					placeholder="Search objects and jobs"
					aria-label="Search objects and jobs"
					leftSection={<IconSearch size={14} />}
					value={filter ?? ''}
					onChange={(event) => setFilter(event.currentTarget.value)}
					autoFocus
				/>
			</PageHeader>
			{points.error ? (
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(points.error)} onRetry={() => void points.refetch()} />
				</div>
			) : null}
			{points.data ? (
				<VirtualTable
					label="Protected objects"
					rows={rows}
					columns={columns}
					rowId={rowKey}
					filter={filter ?? ''}
					defaultSort={{ id: 'object', descending: false }}
					onOpen={(row) => navigate(placeOf(row))}
					empty={
						filter ? (
							<EmptyState title="No object matches" action={<Button onClick={() => setFilter(null)}>Show all objects</Button>}>
								The search looks at paths and at names of jobs. To look for a file, open its folder or disk first.
							</EmptyState>
						) : (
							<EmptyState
								icon={<IconHistory size={36} stroke={1.4} />}
								title="Nothing can be restored yet"
								action={
									<Button component={Link} to="/jobs/new">
										New job
									</Button>
								}
							>
								Each successful run of a job makes a restore point of every folder and disk in it. Backups made elsewhere appear here once their folder is added
								as a repository.
							</EmptyState>
						)
					}
				/>
			) : null}
		</>
	);
}

const JobName = ({ row }: { readonly row: ObjectRow }): ReactNode => (
	<span className={classes.jobName}>
		<span>{row.job}</span>
		{originWord[row.origin] === null ? null : (
			<small className={classes.origin} title="No job of this installation makes newer points of it">
				{originWord[row.origin]}
			</small>
		)}
	</span>
);

const rowKey = (row: ObjectRow): string => row.key;
