import { Progress } from '@mantine/core';
import { useSubscription } from '@trpc/tanstack-react-query';
import { Fragment, type ReactNode } from 'react';
import { type Bottleneck, describeWhatIf } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { Bytes, formatBytes, formatDuration, formatRate } from '../../ui/index.ts';
import { stages, stepWords } from '../activity/session-words.ts';
import { ThroughputChart } from '../activity/throughput-chart.tsx';
import classes from './job-details.module.css';

/** The running session, small: how far, how fast, what holds it back. Its own page has the rest. */
export function LiveSession({ id }: { readonly id: string }): ReactNode {
	const trpc = useTRPC();
	const { data: session } = useSubscription(trpc.sessions.follow.subscriptionOptions({ id }));
	if (!session) return null;
	const { counters, rateBytesPerSec, remainingMs, step, tasks } = session;
	const percent = counters.totalBytes ? Math.min(100, (counters.doneBytes / counters.totalBytes) * 100) : null;
	const activity = step
		? `${stepWords[step.part]}: ${formatBytes(step.movedBytes)} of ${formatBytes(step.totalBytes)}`
		: tasks.find(({ state }) => state === 'running')?.activity;
	return (
		<section className={classes.live} aria-label="Running session">
			<div className={classes.liveLine}>
				<strong>{session.state === 'queued' ? 'Queued' : percent === null ? 'Looking' : `${Math.floor(percent)} %`}</strong>
				<span>
					{[rateBytesPerSec !== null && formatRate(rateBytesPerSec), remainingMs !== null && `${formatDuration(remainingMs)} left`].filter(Boolean).join(' · ')}
				</span>
				<Link to={`/sessions/${id}`}>Open the session</Link>
			</div>
			<Progress value={percent ?? 100} size={6} animated={percent === null} aria-label="Progress" />
			{activity && (
				<div className={classes.activity} title={activity}>
					<bdi>{activity}</bdi>
				</div>
			)}
			<dl className={classes.numbers}>
				<div>
					<dt>Read</dt>
					<dd>
						<Bytes value={counters.readBytes} />
					</dd>
				</div>
				<div>
					<dt>Transferred</dt>
					<dd>
						<Bytes value={counters.transferredBytes} />
					</dd>
				</div>
				<div>
					<dt>Stored</dt>
					<dd>
						<Bytes value={counters.storedBytes} />
					</dd>
				</div>
			</dl>
			<ThroughputChart samples={session.throughput} isLive />
			{session.bottleneck && <StageBars bottleneck={session.bottleneck} />}
		</section>
	);
}

/** The stages of the pipe, as narrow as the pane may be. */
function StageBars({ bottleneck }: { readonly bottleneck: Bottleneck }): ReactNode {
	const { stage, reason, busyPercent } = bottleneck;
	const whatIf = describeWhatIf(bottleneck);
	return (
		<>
			<div className={classes.stageBars}>
				{stages.map(({ id, title, what }) => {
					const isSlowest = id === stage || undefined;
					return (
						<Fragment key={id}>
							<span data-slowest={isSlowest} title={what}>
								{title}
							</span>
							<div className={classes.track} data-slowest={isSlowest} aria-hidden>
								<i style={{ width: `${Math.min(100, busyPercent[id])}%` }} />
							</div>
							<span data-slowest={isSlowest}>{Math.round(busyPercent[id])} %</span>
						</Fragment>
					);
				})}
			</div>
			<p className={classes.reason}>
				{reason} {whatIf ? <strong>{whatIf}</strong> : null}
			</p>
		</>
	);
}
