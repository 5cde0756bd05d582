import type { CSSProperties } from 'react';
import type { JobSummary, SessionListItem } from '../../../engine/contract/index.ts';
import { Bytes, formatBytes, formatDuration, Sparkline, StatusBadge, type TableColumn, TimeAgo } from '../../ui/index.ts';
import { jobStatus, sourcesText, statusRank, trendPoints } from './job-words.ts';
import classes from './jobs-page.module.css';
import { describeSchedule } from './schedule-words.ts';

const last = <T,>(items: readonly T[]): T | undefined => items.at(-1);

/** `active`: the running sessions by job. */
export const jobColumns = (active: ReadonlyMap<string, SessionListItem>): readonly TableColumn<JobSummary>[] => [
	{
		id: 'name',
		header: 'Name',
		width: 'minmax(140px, 2.2fr)',
		cell: ({ settings }) => (
			<span className={classes.name} data-paused={!settings.enabled || undefined} title={settings.description || settings.name}>
				{settings.name}
			</span>
		),
		sortBy: ({ settings }) => settings.name,
		text: ({ settings }) => settings.name,
	},
	{
		id: 'status',
		header: 'Last result',
		width: 'minmax(124px, 1fr)',
		cell: (job) => {
			const session = active.get(job.id);
			if (!session) return <StatusBadge status={jobStatus(job)} title={job.lastSession?.error?.message ?? ''} />;
			const { totalBytes, doneBytes } = session.counters;
			if (session.state !== 'running' || !totalBytes) return <StatusBadge status={session.state} />;
			const percent = Math.min(100, Math.floor((doneBytes / totalBytes) * 100));
			return (
				<span className={classes.progress}>
					<StatusBadge status="running">{percent} %</StatusBadge>
					<i style={{ '--done': `${percent}%` } as CSSProperties} />
				</span>
			);
		},
		sortBy: (job) => statusRank[jobStatus(job)],
		text: (job) => jobStatus(job),
	},
	{
		id: 'what',
		header: 'What',
		dropBelow: 540,
		width: 'minmax(130px, 2.2fr)',
		cell: ({ settings }) => <span title={settings.sources.map(({ path }) => path).join('\n')}>{sourcesText(settings.sources)}</span>,
		sortBy: ({ settings }) => settings.sources[0]?.path ?? '',
		text: ({ settings }) => settings.sources.map(({ kind, path }) => `${kind}:${path}`).join(' '),
	},
	{
		id: 'where',
		header: 'Repository',
		dropBelow: 740,
		width: 'minmax(90px, 1.3fr)',
		cell: ({ repositoryName }) => repositoryName,
		sortBy: ({ repositoryName }) => repositoryName,
		text: ({ repositoryName }) => repositoryName,
	},
	{
		id: 'point',
		header: 'Last point',
		width: 'minmax(116px, 0.9fr)',
		cell: ({ lastPointAt }) => <TimeAgo at={lastPointAt} none="None" />,
		sortBy: ({ lastPointAt }) => lastPointAt,
	},
	{
		id: 'next',
		header: 'Next run',
		dropBelow: 640,
		width: 'minmax(116px, 0.9fr)',
		cell: ({ nextRunAt, settings }) =>
			nextRunAt === null ? <span className={classes.dim}>{settings.schedule === null ? 'By hand' : 'Paused'}</span> : <TimeAgo at={nextRunAt} />,
		sortBy: ({ nextRunAt }) => nextRunAt,
		text: ({ settings }) => describeSchedule(settings.schedule),
	},
	{
		id: 'size',
		header: 'Stored per run',
		width: '108px',
		dropBelow: 860,
		cell: ({ trend }) => (
			<Sparkline points={trendPoints(trend, ({ storedBytes }) => storedBytes)} label={`Stored per run, last ${formatBytes(last(trend)?.storedBytes ?? 0)}`} />
		),
		sortBy: ({ trend }) => last(trend)?.storedBytes ?? null,
	},
	{
		id: 'duration',
		header: 'Duration',
		width: '108px',
		dropBelow: 980,
		cell: ({ trend }) => (
			<Sparkline points={trendPoints(trend, ({ durationMs }) => durationMs)} label={`Duration of runs, last ${formatDuration(last(trend)?.durationMs ?? 0)}`} />
		),
		sortBy: ({ lastSession }) => lastSession?.durationMs ?? null,
	},
	{
		id: 'points',
		header: 'Points',
		width: '60px',
		dropBelow: 1080,
		align: 'end',
		cell: ({ pointCount }) => pointCount,
		sortBy: ({ pointCount }) => pointCount,
	},
	{
		id: 'stored',
		header: 'Stored',
		width: '82px',
		dropBelow: 1080,
		align: 'end',
		cell: ({ storedBytes }) => <Bytes value={storedBytes} />,
		sortBy: ({ storedBytes }) => storedBytes,
	},
];
