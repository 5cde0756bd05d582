import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import { IconChevronDown, IconDots, IconPencil, IconPlayerPlay, IconPlayerStop, IconX } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { JobSummary } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { Link, navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { Bytes, ConfirmDialog, Duration, ErrorPanel, Facts, formatBytes, notifyDone, plural, Section, StatusBadge, TimeAgo } from '../../ui/index.ts';
import { AdHocDialog } from './ad-hoc-dialog.tsx';
import { ChainSummary } from './chain-summary.tsx';
import classes from './job-details.module.css';
import { blockSizeWords, compressionWords, consistencyText, jobStatus, methodText, readerText, renewalText, retentionText } from './job-words.ts';
import { LiveSession } from './live-session.tsx';
import { describeSchedule } from './schedule-words.ts';
import { useJobActions } from './use-job-actions.ts';
import { writerParts } from './wizard/writer-spec.ts';

const close = (): void => navigate('/jobs', { replace: true });

/** `summary` is what the list knows already, so that nothing is asked twice or flickers while one walks down the list. */
export function JobDetails({ id, summary }: { readonly id: string; readonly summary: JobSummary | undefined }): ReactNode {
	const trpc = useTRPC();
	const job = useQuery(trpc.jobs.get.queryOptions({ id }, { enabled: summary === undefined }));
	return summary ? <Details job={summary} /> : <Loaded query={job}>{(data) => <Details job={data} />}</Loaded>;
}

function Details({ job }: { readonly job: JobSummary }): ReactNode {
	const { settings, lastSession } = job;
	return (
		<div className={classes.pane}>
			<div className={classes.head}>
				<div className={classes.headText}>
					<h2>{settings.name}</h2>
					<StatusBadge status={jobStatus(job)} />
				</div>
				<ActionIcon variant="subtle" color="gray" onClick={close} aria-label="Close the details">
					<IconX size={16} />
				</ActionIcon>
			</div>
			{settings.description && <p className={classes.description}>{settings.description}</p>}
			<Actions job={job} />
			<div className={classes.body}>
				{job.activeSessionId !== null && <LiveSession id={job.activeSessionId} />}
				{job.activeSessionId === null && lastSession?.error && (
					<div className={classes.error}>
						<ErrorPanel title={lastSession.state === 'interrupted' ? 'The last run was interrupted' : 'The last run failed'} failure={lastSession.error}>
							<Link to={`/sessions/${lastSession.id}`}>Open the session</Link>
						</ErrorPanel>
					</div>
				)}
				<Section title={job.machineName === null ? 'Protects' : `Protects on ${job.machineName}`}>
					<ul className={classes.sources}>
						{settings.sources.map(({ kind, path }) => (
							<li key={`${kind}:${path}`}>
								<span className={classes.kind}>{kind}</span>
								<span className={classes.path}>{path}</span>
								{settings.sources.length > 1 && <RunOne job={job} object={`${kind}:${path}`} />}
							</li>
						))}
					</ul>
					{settings.exclude.length > 0 && (
						<div className={classes.exclude}>
							without{' '}
							{settings.exclude.map((glob) => (
								<code key={glob}>{glob}</code>
							))}
						</div>
					)}
				</Section>
				<Section title="Settings">
					<Facts
						rows={[
							[
								'Repository',
								<Link key="repository" to={`/repositories/${encodeURIComponent(settings.repositoryId)}`}>
									{job.repositoryName}
								</Link>,
							],
							['Schedule', describeSchedule(settings.schedule)],
							['Next run', settings.enabled ? <TimeAgo key="next" at={job.nextRunAt} none="When started by hand" /> : 'Paused'],
							['Method', methodText(settings)],
							['New fulls', renewalText(settings)],
							['Keeps', retentionText(settings)],
							['Consistency', consistencyText(settings)],
							['Who reads', settings.mode === 'on-host' ? null : readerText(job.proxyName)],
							[
								'Applications',
								settings.writers.length + settings.guestWriters.length === 0
									? null
									: [...settings.writers, ...settings.guestWriters]
											.map(writerParts)
											.map(({ title, place }) => `${title} ${place}`)
											.join(', '),
							],
							['Compression', compressionWords[settings.compression]],
							...(settings.sources.some(({ kind }) => kind === 'disk')
								? ([['Unused blocks of disks', settings.storeUnused ? 'stored' : 'left out, with swap']] as const)
								: []),
							['Block size', blockSizeWords[settings.blockSize]],
							['Retries', settings.retryCount === 0 ? 'None' : `${settings.retryCount} times`],
						]}
					/>
				</Section>
				<Section title="Stored" aside={<Link to={`/restore?job=${encodeURIComponent(job.id)}`}>Restore…</Link>}>
					<Facts
						rows={[
							['Restore points', plural(job.pointCount, 'point')],
							['Newest', <TimeAgo key="newest" at={job.lastPointAt} none="None yet" />],
							['Size', <Bytes key="size" value={job.storedBytes} />],
						]}
					/>
					<ChainSummary jobId={job.id} />
				</Section>
				<RecentSessions jobId={job.id} />
			</div>
		</div>
	);
}

/** A quick increment: the others keep their points. */
function RunOne({ job, object }: { readonly job: JobSummary; readonly object: string }): ReactNode {
	const actions = useJobActions();
	return (
		<Tooltip label="Back up only this now">
			<ActionIcon
				variant="subtle"
				size={22}
				aria-label={`Back up only ${object} now`}
				disabled={job.activeSessionId !== null}
				loading={actions.isBusy}
				onClick={() => actions.run([{ id: job.id, name: job.settings.name }], null, { objects: [object] })}
			>
				<IconPlayerPlay size={13} />
			</ActionIcon>
		</Tooltip>
	);
}

function Actions({ job }: { readonly job: JobSummary }): ReactNode {
	const actions = useJobActions();
	const [isRemoving, setRemoving] = useState(false);
	const [isAdHoc, setAdHoc] = useState(false);
	const { id, settings } = job;
	const entry = [{ id, name: settings.name }];
	return (
		<div className={classes.actions}>
			{job.activeSessionId === null ? (
				<Button.Group>
					<Button leftSection={<IconPlayerPlay size={15} />} onClick={() => actions.run(entry)} loading={actions.isBusy}>
						Run now
					</Button>
					<Menu position="bottom-start">
						<Menu.Target>
							<Button px={6} aria-label="Other ways to run" className={classes.more ?? ''}>
								<IconChevronDown size={14} />
							</Button>
						</Menu.Target>
						<Menu.Dropdown>
							<Menu.Item onClick={() => actions.run(entry, 'active')}>Run with an active full (begins a new chain)</Menu.Item>
							{settings.method === 'forward' && (
								<Menu.Item onClick={() => actions.run(entry, 'synthetic')}>Run with a synthetic full (begins a new chain, reads only changes)</Menu.Item>
							)}
							<Menu.Item onClick={() => setAdHoc(true)}>Ad-hoc full beside the chain…</Menu.Item>
						</Menu.Dropdown>
					</Menu>
				</Button.Group>
			) : (
				<Button variant="default" leftSection={<IconPlayerStop size={15} />} onClick={() => actions.cancel(id)}>
					Cancel the run
				</Button>
			)}
			<Button variant="default" leftSection={<IconPencil size={15} />} onClick={() => navigate(`/jobs/${encodeURIComponent(id)}/edit`)}>
				Edit
			</Button>
			<Menu position="bottom-end">
				<Menu.Target>
					<ActionIcon variant="default" size={30} aria-label="More actions">
						<IconDots size={16} />
					</ActionIcon>
				</Menu.Target>
				<Menu.Dropdown>
					<Menu.Item onClick={() => actions.setEnabled([id], !settings.enabled)}>{settings.enabled ? 'Disable' : 'Enable'}</Menu.Item>
					<Menu.Item onClick={() => navigate(`/jobs/new?copy=${encodeURIComponent(id)}`)}>Duplicate…</Menu.Item>
					<Menu.Divider />
					<Menu.Item color="red" onClick={() => setRemoving(true)}>
						Remove…
					</Menu.Item>
				</Menu.Dropdown>
			</Menu>
			{isAdHoc && <AdHocDialog job={job} onClose={() => setAdHoc(false)} />}
			<RemoveJob job={job} opened={isRemoving} onClose={() => setRemoving(false)} />
		</div>
	);
}

function RemoveJob({ job, opened, onClose }: { readonly job: JobSummary; readonly opened: boolean; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const { name, sources } = job.settings;
	const remove = useMutation(
		trpc.jobs.remove.mutationOptions({
			onSuccess: () => {
				notifyDone(`${name} was removed`);
				onClose();
				close();
			},
		}),
	);
	return (
		<ConfirmDialog
			opened={opened}
			title={`Remove the job “${name}”?`}
			losses={[
				`${plural(sources.length, 'object')} will not be protected by it any more`,
				...(job.pointCount > 0
					? [
							`its ${plural(job.pointCount, 'restore point')} (${formatBytes(job.storedBytes)}) stay in “${job.repositoryName}”, but nothing removes old ones any more`,
						]
					: []),
			]}
			confirmLabel="Remove the job"
			isBusy={remove.isPending}
			failure={remove.error ? errorShapeOf(remove.error) : null}
			onConfirm={() => remove.mutate({ id: job.id, revision: job.revision })}
			onClose={() => {
				remove.reset();
				onClose();
			}}
		>
			Its settings and schedule are deleted. This cannot be undone.
		</ConfirmDialog>
	);
}

function RecentSessions({ jobId }: { readonly jobId: string }): ReactNode {
	const trpc = useTRPC();
	const recent = useQuery(trpc.sessions.list.queryOptions({ jobId, limit: 8 }));
	return (
		<Section
			title="Recent sessions"
			aside={recent.data && recent.data.total > 8 ? <Link to={`/activity?job=${encodeURIComponent(jobId)}`}>All {recent.data.total}</Link> : null}
		>
			<Loaded query={recent}>
				{({ sessions }) =>
					sessions.length === 0 ? (
						<div className={classes.none}>It has not run yet.</div>
					) : (
						<ul className={classes.sessions}>
							{sessions.map(({ id, state, startedAt, queuedAt, endedAt, counters }) => (
								<li key={id}>
									<Link to={`/sessions/${id}`} className={classes.session ?? ''}>
										<StatusBadge status={state} />
										<TimeAgo at={startedAt ?? queuedAt} />
										<Duration value={startedAt !== null && endedAt !== null ? endedAt - startedAt : null} />
										<Bytes value={counters.storedBytes} />
									</Link>
								</li>
							))}
						</ul>
					)
				}
			</Loaded>
		</Section>
	);
}
