import { Progress } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Loaded } from '../../app/loaded.tsx';
import { Link } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { formatBytes, formatDuration, formatRate, plural, Section } from '../../ui/index.ts';
import classes from './running-now.module.css';

const atFirst = 5;

export function RunningNow(): ReactNode {
	const trpc = useTRPC();
	const running = useQuery(trpc.sessions.list.queryOptions({ states: ['queued', 'running', 'cancelling'], limit: 100 }));
	return (
		<Section title="Running now">
			<Loaded query={running} lines={1}>
				{({ sessions, total }) =>
					sessions.length === 0 ? (
						<div className={classes.none}>Nothing runs at the moment.</div>
					) : (
						<ul className={classes.list}>
							{sessions.slice(0, atFirst).map(({ id, title, state, counters, rateBytesPerSec, remainingMs }) => {
								const percent = counters.totalBytes ? Math.min(100, (counters.doneBytes / counters.totalBytes) * 100) : null;
								return (
									<li key={id}>
										<Link to={`/sessions/${id}`} className={classes.item ?? ''}>
											<span className={classes.line}>
												<span className={classes.title}>{title}</span>
												<span>
													{state === 'queued' ? 'Queued' : state === 'cancelling' ? 'Cancelling' : percent === null ? 'Looking' : `${Math.floor(percent)} %`}
												</span>
											</span>
											<Progress value={percent ?? 100} size={4} animated={percent === null} aria-label={`Progress of ${title}`} />
											<span className={classes.facts}>
												{[
													counters.totalBytes !== null && `${formatBytes(counters.doneBytes)} of ${formatBytes(counters.totalBytes)}`,
													rateBytesPerSec !== null && formatRate(rateBytesPerSec),
													remainingMs !== null && `${formatDuration(remainingMs)} left`,
												]
													.filter(Boolean)
													.join(' · ')}
											</span>
										</Link>
									</li>
								);
							})}
							{total > atFirst && (
								<li>
									<Link to="/activity">and {plural(total - atFirst, 'more', 'more')}</Link>
								</li>
							)}
						</ul>
					)
				}
			</Loaded>
		</Section>
	);
}
