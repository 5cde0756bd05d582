import { Button } from '@mantine/core';
import { IconDatabase, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { locationText, type Repository } from '../../../engine/contract/index.ts';
import type { PageProps } from '../../app/pages.tsx';
import { Link, navigate, usePlace } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	EmptyState,
	ErrorPanel,
	formatBytes,
	formatDate,
	formatNumber,
	formatTimeAgo,
	PageHeader,
	plural,
	Sparkline,
	StatusBadge,
	type TableColumn,
	useNow,
	VirtualTable,
} from '../../ui/index.ts';
import { CapacityBar } from './capacity-bar.tsx';
import classes from './repositories.module.css';
import { RepositoryDialog } from './repository-dialog.tsx';
import { RepositoryPage } from './repository-page.tsx';

const placeOf = (repository: Repository): string => `/repositories/${encodeURIComponent(repository.id)}`;

export function RepositoriesPage({ params }: PageProps): ReactNode {
	const { query } = usePlace();
	if (params.rest) return <RepositoryPage key={params.rest} id={params.rest} />;
	return <RepositoryList isAdding={query.has('new')} />;
}

const columns: readonly TableColumn<Repository>[] = [
	{
		id: 'name',
		header: 'Repository',
		width: 'minmax(180px, 1.6fr)',
		cell: (repository) => (
			<span className={classes.nameCell}>
				<Link to={placeOf(repository)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{repository.settings.name}
					{repository.isDefault ? <small> default</small> : null}
				</Link>
				<span className={classes.path}>{locationText(repository)}</span>
			</span>
		),
		sortBy: (repository) => repository.settings.name,
		text: (repository) => `${repository.settings.name} ${locationText(repository)}`,
	},
	{
		id: 'state',
		header: 'State',
		width: '124px',
		cell: (repository) => <StatusBadge status={repository.state} {...(repository.problem && { title: repository.problem.message })} />,
		sortBy: (repository) => repository.state,
	},
	{
		id: 'capacity',
		header: 'Capacity',
		width: 'minmax(170px, 1.2fr)',
		cell: (repository) => <CapacityBar {...repository} />,
		sortBy: (repository) => repository.freeBytes,
	},
	{ id: 'growth', header: 'Growth, 90 days', width: '136px', cell: (repository) => <Growth repository={repository} /> },
	{ id: 'fullAt', header: 'Runs out', width: '120px', cell: (repository) => <RunsOut repository={repository} />, sortBy: (repository) => repository.fullAt },
	{
		id: 'jobs',
		header: 'Jobs',
		width: '64px',
		align: 'end',
		cell: (repository) => formatNumber(repository.jobCount),
		sortBy: (repository) => repository.jobCount,
	},
	{
		id: 'points',
		header: 'Points',
		width: '76px',
		align: 'end',
		cell: (repository) => formatNumber(repository.pointCount),
		sortBy: (repository) => repository.pointCount,
	},
];

export function Growth({
	repository: { growth },
	width = 120,
	height = 26,
}: {
	readonly repository: Repository;
	readonly width?: number;
	readonly height?: number;
}): ReactNode {
	const first = growth[0];
	const last = growth.at(-1);
	if (!first || !last) return <span className={classes.dim}>no history yet</span>;
	const change = last.usedBytes - first.usedBytes;
	// A bar per day would be narrower than a pixel's neighbour; every nth day tells the same story.
	const step = Math.max(1, Math.ceil(growth.length / Math.floor(width / 4)));
	const points = growth.filter((_, index) => (growth.length - 1 - index) % step === 0).map(({ usedBytes }) => ({ value: usedBytes }));
	return (
		<Sparkline
			points={points}
			width={width}
			height={height}
			label={`${change >= 0 ? '+' : '−'}${formatBytes(Math.abs(change))} since ${formatDate(first.at)}, now ${formatBytes(last.usedBytes)}`}
		/>
	);
}

const soonMs = 30 * 86_400_000;
/** A growth of thirty days says nothing about the decade after the next. */
const foreseeableMs = 5 * 365 * 86_400_000;

export function RunsOut({ repository: { fullAt: at, capacityBytes } }: { readonly repository: Repository }): ReactNode {
	const now = useNow();
	if (capacityBytes === null) return <span className={classes.dim}>not known</span>;
	if (at === null) return <span className={classes.dim}>not in sight</span>;
	if (at - now > foreseeableMs) return <span className={classes.dim}>not for years</span>;
	return (
		<time
			dateTime={new Date(at).toISOString()}
			className={classes.runsOut}
			data-tone={at - now < soonMs ? 'warn' : undefined}
			title={`${formatDate(at)}, at the growth of the last 30 days`}
		>
			{formatTimeAgo(at, now)}
		</time>
	);
}

function RepositoryList({ isAdding }: { readonly isAdding: boolean }): ReactNode {
	const trpc = useTRPC();
	const { data, error, refetch } = useQuery(trpc.repositories.list.queryOptions());
	const [isOpen, setOpen] = useState(isAdding);
	const points = data?.reduce((sum, repository) => sum + repository.pointCount, 0) ?? 0;
	return (
		<>
			<PageHeader
				title="Repositories"
				detail={data && data.length > 0 ? `${plural(data.length, 'repository', 'repositories')}, ${plural(points, 'restore point')}` : ''}
			>
				<Button leftSection={<IconPlus size={15} />} onClick={() => setOpen(true)}>
					Add repository
				</Button>
			</PageHeader>
			{error ? (
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} />
				</div>
			) : null}
			{data ? (
				<VirtualTable
					label="Repositories"
					rows={data}
					columns={columns}
					rowId={idOf}
					rowHeight={52}
					defaultSort={{ id: 'name', descending: false }}
					onOpen={(repository) => navigate(placeOf(repository))}
					empty={
						<EmptyState
							icon={<IconDatabase size={36} stroke={1.4} />}
							title="There is no repository yet"
							action={<Button onClick={() => setOpen(true)}>Add repository</Button>}
						>
							A repository is a folder in which restore points are kept, best on another disk than the one that is protected. A folder that holds backups
							already brings them along.
						</EmptyState>
					}
				/>
			) : null}
			{isOpen ? (
				<RepositoryDialog
					repository={null}
					onClose={() => setOpen(false)}
					onSaved={(repository) => {
						setOpen(false);
						// What lies in the folder already is looked at there; an empty one needs no word.
						navigate(`${placeOf(repository)}?import=new`);
					}}
				/>
			) : null}
		</>
	);
}

const idOf = (repository: Repository): string => repository.id;
