import { Button, TextInput } from '@mantine/core';
import { IconArchive, IconPlayerPause, IconPlayerPlay, IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { JobSummary, SessionListItem } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { navigate, useQueryParam } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { EmptyState, formatNumber, PageHeader, plural, SplitView, VirtualTable } from '../../ui/index.ts';
import { jobColumns } from './job-columns.tsx';
import { JobDetails } from './job-details.tsx';
import classes from './jobs-page.module.css';
import { useJobActions } from './use-job-actions.ts';

const none: readonly JobSummary[] = [];
const running = ['queued', 'running', 'cancelling'] as const;

export function JobsPage({ params }: PageProps): ReactNode {
	const trpc = useTRPC();
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const active = useQuery(trpc.sessions.list.queryOptions({ states: [...running], limit: 1000 }));
	const [filter, setFilter] = useQueryParam('filter');
	const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
	const rows = jobs.data ?? none;
	// Jobs that are gone meanwhile are not acted on.
	const selected = useMemo(() => rows.filter(({ id }) => chosen.has(id)), [rows, chosen]);
	const selectedIds = useMemo(() => new Set(selected.map(({ id }) => id)), [selected]);
	const columns = useMemo(
		() =>
			jobColumns(new Map((active.data?.sessions ?? []).flatMap((session): [string, SessionListItem][] => (session.jobId ? [[session.jobId, session]] : [])))),
		[active.data],
	);
	const place = (id: string): string => `/jobs/${encodeURIComponent(id)}${filter ? `?filter=${encodeURIComponent(filter)}` : ''}`;
	const shown = params.id === undefined ? undefined : rows.find(({ id }) => id === params.id);

	return (
		<>
			{selected.length > 0 ? (
				<BulkActions jobs={selected} onDone={() => setChosen(new Set())} />
			) : (
				<PageHeader title="Jobs" detail={jobs.data && rows.length > 0 ? <Counts jobs={rows} /> : null}>
					<TextInput
						aria-label="Filter jobs"
						placeholder="Filter: name, path, repository"
						leftSection={<IconSearch size={14} />}
						value={filter ?? ''}
						onChange={(event) => setFilter(event.currentTarget.value)}
						w={260}
					/>
					<Button leftSection={<IconPlus size={15} />} onClick={() => navigate('/jobs/new')}>
						New job
					</Button>
				</PageHeader>
			)}
			<Loaded query={jobs}>
				{() =>
					rows.length === 0 ? (
						<NoJobs />
					) : (
						<SplitView id="jobs" defaultWidth={440} details={params.id === undefined ? null : <JobDetails key={params.id} id={params.id} summary={shown} />}>
							<VirtualTable
								label="Jobs"
								rows={rows}
								columns={columns}
								rowId={({ id }) => id}
								filter={filter ?? ''}
								defaultSort={{ id: 'name', descending: false }}
								activeId={params.id ?? null}
								onActivate={({ id }) => navigate(place(id), { replace: params.id !== undefined })}
								onOpen={({ id }) => navigate(`/jobs/${encodeURIComponent(id)}/edit`)}
								selectedIds={selectedIds}
								onSelectionChange={setChosen}
								empty={<EmptyState title="No job matches">Nothing has all of “{filter}” in its name, its paths or its repository.</EmptyState>}
							/>
						</SplitView>
					)
				}
			</Loaded>
		</>
	);
}

function Counts({ jobs }: { readonly jobs: readonly JobSummary[] }): ReactNode {
	const runs = jobs.filter(({ activeSessionId }) => activeSessionId !== null).length;
	const failed = jobs.filter(({ lastSession, settings }) => settings.enabled && lastSession?.state === 'failed').length;
	const paused = jobs.filter(({ settings }) => !settings.enabled).length;
	return [
		plural(jobs.length, 'job'),
		runs > 0 && `${formatNumber(runs)} running`,
		failed > 0 && `${formatNumber(failed)} failed`,
		paused > 0 && `${formatNumber(paused)} paused`,
	]
		.filter(Boolean)
		.join(' · ');
}

function BulkActions({ jobs, onDone }: { readonly jobs: readonly JobSummary[]; readonly onDone: () => void }): ReactNode {
	const actions = useJobActions();
	const idle = jobs.filter(({ activeSessionId }) => activeSessionId === null);
	const paused = jobs.filter(({ settings }) => !settings.enabled);
	const enabled = jobs.filter(({ settings }) => settings.enabled);
	return (
		<div className={classes.bulk} role="toolbar" aria-label="Actions for the selected jobs">
			<strong>{plural(jobs.length, 'job')} selected</strong>
			<Button
				leftSection={<IconPlayerPlay size={15} />}
				disabled={idle.length === 0}
				onClick={() => actions.run(idle.map(({ id, settings }) => ({ id, name: settings.name })))}
			>
				Run {idle.length < jobs.length ? `${formatNumber(idle.length)} that are idle` : 'now'}
			</Button>
			<Button
				variant="default"
				disabled={paused.length === 0}
				onClick={() =>
					actions.setEnabled(
						paused.map(({ id }) => id),
						true,
					)
				}
			>
				Enable{paused.length > 0 ? ` ${formatNumber(paused.length)}` : ''}
			</Button>
			<Button
				variant="default"
				leftSection={<IconPlayerPause size={15} />}
				disabled={enabled.length === 0}
				onClick={() =>
					actions.setEnabled(
						enabled.map(({ id }) => id),
						false,
					)
				}
			>
				Disable{enabled.length > 0 ? ` ${formatNumber(enabled.length)}` : ''}
			</Button>
			<Button variant="subtle" color="gray" onClick={onDone}>
				Clear selection
			</Button>
		</div>
	);
}

const NoJobs = (): ReactNode => (
	<EmptyState
		icon={<IconArchive size={40} stroke={1.2} />}
		title="No jobs yet"
		action={
			<Button size="sm" leftSection={<IconPlus size={16} />} onClick={() => navigate('/jobs/new')}>
				New job
			</Button>
		}
	>
		A job protects folders and disks: it says what, where to, how often, and how many restore points to keep. You need one for anything to be protected.
	</EmptyState>
);
