import { Button, Progress, Tabs } from '@mantine/core';
import { IconHistory, IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSubscription } from '@trpc/tanstack-react-query';
import { type ReactNode, useState } from 'react';
import { isFinal, type Session, type SessionStep } from '../../../engine/contract/index.ts';
import type { PageProps } from '../../app/pages.tsx';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	Bytes,
	ConfirmDialog,
	Count,
	Duration,
	EmptyState,
	ErrorPanel,
	formatBytes,
	formatDateTime,
	formatFull,
	formatNumber,
	formatRate,
	notifyFailure,
	PageHeader,
	plural,
	Rate,
	StatusBadge,
	Unknown,
	useNow,
} from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import { CheckReport } from './check-report.tsx';
import { LogView } from './log-view.tsx';
import { Pipe } from './pipe.tsx';
import classes from './session-page.module.css';
import { durationOf, kindWords, stepWords, triggerWords } from './session-words.ts';
import { TaskTable } from './task-table.tsx';
import { ThroughputChart } from './throughput-chart.tsx';

const isReading = ({ kind }: Session): boolean => kind === 'check' || kind === 'verify' || kind === 'health' || kind === 'repair';

const activity = { title: 'Activity', href: '#/activity' };

export function SessionPage({ params }: PageProps): ReactNode {
	const id = params.id ?? '';
	const trpc = useTRPC();
	const { data: session, error, refetch } = useQuery(trpc.sessions.get.queryOptions({ id }));
	if (session) return <SessionView key={session.id} session={session} />;
	if (!error) return <PageHeader back={activity} title="…" />;
	return (
		<>
			<PageHeader back={activity} title="Session" />
			<div className={classes.body}>
				<ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} />
			</div>
		</>
	);
}

/** Follows the session while it runs; what comes goes into the same cache entry that the page reads. */
function useFollow(id: string, isEnabled: boolean): void {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	useSubscription(
		trpc.sessions.follow.subscriptionOptions(
			{ id },
			{ enabled: isEnabled, onData: (session) => queryClient.setQueryData(trpc.sessions.get.queryKey({ id }), session) },
		),
	);
}

function SessionView({ session }: { readonly session: Session }): ReactNode {
	const isLive = !isFinal(session.state);
	useFollow(session.id, isLive);
	const [tab, setTab] = useQueryParam('tab');
	const hasReport = isReading(session) && !isLive;
	const shown = tab ?? (hasReport ? 'result' : 'tasks');
	const { counters } = session;
	const hasPipe = isLive || session.bottleneck !== null;
	return (
		<>
			<PageHeader
				back={activity}
				title={displayPath(session.title)}
				detail={
					<>
						{kindWords[session.kind]}, {triggerWords[session.trigger]}
						{session.attempt > 1 ? `, attempt ${session.attempt}` : ''}
						{' · '}
						<time title={formatFull(session.startedAt ?? session.queuedAt)}>{formatDateTime(session.startedAt ?? session.queuedAt)}</time>
					</>
				}
			>
				<SessionActions session={session} />
			</PageHeader>
			<div className={classes.body}>
				<Summary session={session} isLive={isLive} />
				{session.error ? <ErrorPanel failure={session.error} /> : null}
				<div className={classes.flow} data-single={hasPipe ? undefined : true}>
					{hasPipe ? <Pipe bottleneck={session.bottleneck} kind={session.kind} isLive={isLive} /> : null}
					<ThroughputChart samples={session.throughput} isLive={isLive} isReading={isReading(session)} />
				</div>
				<Tabs value={shown} onChange={(value) => setTab(value)} className={classes.tabs ?? ''} keepMounted={false}>
					<Tabs.List>
						{hasReport ? <Tabs.Tab value="result">Result</Tabs.Tab> : null}
						<Tabs.Tab value="tasks">
							{plural(session.tasks.length, 'task')}
							{counters.warningCount > 0 ? <span className={classes.warnings}> · {plural(counters.warningCount, 'warning')}</span> : null}
						</Tabs.Tab>
						<Tabs.Tab value="log">Log</Tabs.Tab>
					</Tabs.List>
					<Tabs.Panel value="result" className={classes.panel ?? ''}>
						<CheckReport session={session} />
					</Tabs.Panel>
					<Tabs.Panel value="tasks" className={classes.panel ?? ''}>
						{session.tasks.length > 0 ? (
							<div className={classes.tableScroll}>
								<TaskTable session={session} />
							</div>
						) : (
							<EmptyState title={isLive ? 'The tasks are being prepared' : 'This session had no tasks'}>
								A task is one disk or one folder of a session. The log says what happened before the first one.
							</EmptyState>
						)}
					</Tabs.Panel>
					<Tabs.Panel value="log" className={classes.panel ?? ''}>
						<LogView sessionId={session.id} startedAt={session.startedAt} isLive={isLive} />
					</Tabs.Panel>
				</Tabs>
			</div>
		</>
	);
}

/** What is done to the chain beyond the source: it may last long after the last task has its point. */
function StepProgress({ step: { part, movedBytes, totalBytes } }: { readonly step: SessionStep }): ReactNode {
	return (
		<div role="status">
			<small>
				{stepWords[part]}
				{totalBytes > 0 ? `: ${formatBytes(movedBytes)} of ${formatBytes(totalBytes)}` : ' …'}
			</small>
			<Progress value={totalBytes > 0 ? (100 * movedBytes) / totalBytes : 100} size={4} animated={totalBytes === 0} aria-label="Progress of the step" />
		</div>
	);
}

function Summary({ session, isLive }: { readonly session: Session; readonly isLive: boolean }): ReactNode {
	const now = useNow();
	const { counters } = session;
	const duration = durationOf(session, Math.max(now, Date.now()));
	const percent = counters.totalBytes === null ? null : counters.totalBytes === 0 ? 100 : Math.min(100, (counters.doneBytes / counters.totalBytes) * 100);
	const averageRate = duration ? (counters.doneBytes / duration) * 1000 : null;
	const isBackup = session.kind === 'backup';
	return (
		<section className={classes.summary} aria-label="Summary">
			<div className={classes.facts}>
				<Fact label="State">
					<StatusBadge status={session.state} />
				</Fact>
				<Fact label="Progress" title={percentTitle(session)}>
					{percent === null ? <Unknown title="How much there is to do is being found out" /> : `${Math.floor(percent)} %`}
					{counters.totalBytes === null ? null : <small> of {formatBytes(counters.totalBytes)}</small>}
				</Fact>
				{isLive ? (
					<Fact label="Speed now" title={averageRate ? `${formatRate(averageRate)} on average` : undefined}>
						<Rate value={session.rateBytesPerSec} />
					</Fact>
				) : (
					<Fact label="Average speed">
						<Rate value={averageRate} />
					</Fact>
				)}
				{isLive ? (
					<Fact label="Time left">
						<Duration value={session.remainingMs} />
					</Fact>
				) : null}
				<Fact label="Duration">
					<Duration value={duration} />
				</Fact>
				<Fact label="Read">
					<Bytes value={counters.readBytes} />
				</Fact>
				{isReading(session) ? null : (
					<>
						<Fact label="Transferred">
							<Bytes value={counters.transferredBytes} />
						</Fact>
						<Fact label={isBackup ? 'Stored' : 'Written'}>
							<Bytes value={counters.storedBytes} />
							{isBackup && counters.storedBytes > 0 && counters.readBytes >= counters.storedBytes ? (
								<small title="Read, for each byte stored"> {(counters.readBytes / counters.storedBytes).toFixed(1)} : 1</small>
							) : null}
						</Fact>
					</>
				)}
				{counters.leftOut ? (
					<Fact
						label="Left out"
						title={`${formatBytes(counters.leftOut.deadBytes)} that file systems mark free, ${formatBytes(counters.leftOut.swapBytes)} of swap`}
					>
						<Bytes value={counters.leftOut.deadBytes + counters.leftOut.swapBytes} />
						{counters.leftOut.swapBytes > 0 ? <small> {formatBytes(counters.leftOut.swapBytes)} swap</small> : null}
					</Fact>
				) : null}
				<Fact label="Items" title={counters.unchangedItems > 0 ? `${formatNumber(counters.unchangedItems)} unchanged, not read again` : undefined}>
					<Count value={counters.doneItems} />
					{counters.unchangedItems > 0 ? <small> {formatNumber(counters.unchangedItems)} unchanged</small> : null}
				</Fact>
			</div>
			{session.step ? <StepProgress step={session.step} /> : null}
			{isLive ? (
				<Progress
					value={percent ?? 100}
					size={6}
					animated={percent === null || session.state === 'cancelling'}
					{...(session.state === 'cancelling' && { color: 'gray' })}
					aria-label="Progress"
				/>
			) : null}
		</section>
	);
}

const percentTitle = ({ counters }: Session): string | undefined =>
	counters.totalBytes === null ? undefined : `${formatBytes(counters.doneBytes)} of ${formatBytes(counters.totalBytes)}`;

const Fact = ({ label, title, children }: { readonly label: string; readonly title?: string | undefined; readonly children: ReactNode }): ReactNode => (
	<div className={classes.fact} title={title}>
		<span>{label}</span>
		<strong>{children}</strong>
	</div>
);

function SessionActions({ session }: { readonly session: Session }): ReactNode {
	const trpc = useTRPC();
	const [isAsking, setAsking] = useState(false);
	const cancel = useMutation(trpc.sessions.cancel.mutationOptions({ onSuccess: () => setAsking(false) }));
	const retry = useMutation(
		trpc.sessions.retry.mutationOptions({
			onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`),
			onError: (error) => {
				notifyFailure('The session was not repeated', errorShapeOf(error));
			},
		}),
	);
	const isLive = !isFinal(session.state);
	const failed = session.tasks.filter((task) => task.state === 'failed' || task.state === 'interrupted' || task.state === 'cancelled').length;
	const isRestore = session.kind.startsWith('restore-');
	const canRetry =
		!isLive &&
		(isRestore || isReading(session) || (session.kind === 'backup' && session.jobId !== null && session.state !== 'success' && session.state !== 'warning'));
	const pointIds = session.tasks.flatMap((task) => (task.pointId === null ? [] : [task.pointId]));
	const { counters } = session;
	return (
		<>
			{session.jobId ? (
				<Button component={Link} to={`/jobs/${encodeURIComponent(session.jobId)}`} variant="subtle">
					Open job
				</Button>
			) : null}
			{pointIds.length === 1 && session.kind === 'backup' ? (
				<Button component={Link} to={`/restore/point/${encodeURIComponent(pointIds[0] ?? '')}`} variant="default" leftSection={<IconHistory size={15} />}>
					Restore from this point
				</Button>
			) : null}
			{canRetry ? (
				<Button
					variant={session.state === 'success' ? 'default' : 'filled'}
					leftSection={<IconRefresh size={15} />}
					loading={retry.isPending}
					onClick={() => retry.mutate({ id: session.id })}
				>
					{isRestore
						? 'Restore again'
						: session.kind === 'check' || session.kind === 'health'
							? 'Check again'
							: session.kind === 'verify'
								? 'Verify again'
								: session.kind === 'repair'
									? 'Repair again'
									: failed > 0 && failed < session.tasks.length
										? `Retry ${formatNumber(failed)} failed`
										: 'Retry'}
				</Button>
			) : null}
			{isLive ? (
				<Button
					variant="default"
					leftSection={<IconPlayerStop size={15} />}
					loading={session.state === 'cancelling' || cancel.isPending}
					onClick={() => setAsking(true)}
				>
					Cancel…
				</Button>
			) : null}
			<ConfirmDialog
				opened={isAsking && isLive}
				title={`Cancel “${displayPath(session.title)}”?`}
				confirmLabel="Cancel the session"
				isBusy={cancel.isPending}
				failure={cancel.error ? errorShapeOf(cancel.error) : null}
				losses={
					session.kind === 'backup'
						? [
								`No restore point is made by this session.`,
								`${formatBytes(counters.readBytes)} that were read and ${formatBytes(counters.storedBytes)} that were stored are thrown away; earlier points stay as they are.`,
							]
						: isRestore
							? [`${formatBytes(counters.storedBytes)} that were restored already stay where they are.`, `What is not back yet does not come back.`]
							: [`The ${formatBytes(counters.readBytes)} that were read give no result.`]
				}
				onConfirm={() => cancel.mutate({ id: session.id })}
				onClose={() => setAsking(false)}
			>
				It stops within a few seconds and leaves nothing half done.
			</ConfirmDialog>
		</>
	);
}
