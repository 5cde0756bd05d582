import { IconAlertTriangle, IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { Fragment, type ReactNode, useState } from 'react';
import { isFinal, type Session, type SessionTask } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { formatNumber, formatRate, plural } from '../../ui/format.ts';
import { useNow } from '../../ui/now.ts';
import { StatusBadge } from '../../ui/status.tsx';
import { Bytes, Count, Duration } from '../../ui/values.tsx';
import { displayPath } from '../restore/path-text.ts';
import { isLess, readFromText } from '../restore/snapshot-words.ts';
import { durationOf } from './session-words.ts';
import { SnapshotFacts } from './snapshot-facts.tsx';
import classes from './task-table.module.css';

const modeWord = { full: 'Full', increment: 'Increment' } as const;

/** One row per object; a row opens to its warnings and its error. */
export function TaskTable({ session }: { readonly session: Session }): ReactNode {
	// Drawn with every change of a running session, so that its clock may be the exact one.
	const now = Math.max(useNow(), Date.now());
	const [open, setOpen] = useState<ReadonlySet<number>>(() => new Set(session.tasks.flatMap((task, index) => (task.error ? [index] : []))));
	const toggle = (index: number): void => {
		const next = new Set(open);
		if (!next.delete(index)) next.add(index);
		setOpen(next);
	};
	return (
		<table className={classes.table}>
			<thead>
				<tr>
					<th>Object</th>
					<th>State</th>
					{session.kind === 'backup' ? (
						<>
							<th>Mode</th>
							<th>Read from</th>
						</>
					) : null}
					<th className={classes.number}>Done</th>
					<th className={classes.number}>Items</th>
					<th className={classes.number}>Read</th>
					<th className={classes.number}>Transferred</th>
					<th className={classes.number}>Stored</th>
					<th className={classes.number}>Duration</th>
					<th>Warnings</th>
				</tr>
			</thead>
			<tbody>
				{session.tasks.map((task, index) => {
					const hasMore = task.warnings.length > 0 || task.error !== null || task.snapshot !== undefined;
					const isOpen = hasMore && open.has(index);
					return (
						<Fragment key={`${task.object} ${task.name}`}>
							<tr>
								<td>
									<div className={classes.object}>
										{hasMore ? (
											<button
												type="button"
												className={classes.expand}
												aria-expanded={isOpen}
												aria-label={`Details of ${task.name}`}
												onClick={() => toggle(index)}
											>
												{isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
											</button>
										) : (
											<span className={classes.expand} />
										)}
										<span className={classes.name}>
											<span title={displayPath(task.object)}>{displayPath(task.name)}</span>
											{!isFinal(task.state) && task.activity ? <small title={displayPath(task.activity)}>{displayPath(task.activity)}</small> : null}
										</span>
									</div>
								</td>
								<td>
									<StatusBadge status={task.state} />
								</td>
								{session.kind === 'backup' ? (
									<>
										<td>
											<Mode task={task} />
										</td>
										<td>
											<ReadFrom task={task} />
										</td>
									</>
								) : null}
								<td className={classes.number}>{percent(task)}</td>
								<td className={classes.number} title={task.counters.unchangedItems > 0 ? `${formatNumber(task.counters.unchangedItems)} unchanged` : undefined}>
									<Count value={task.counters.doneItems} />
								</td>
								<td className={classes.number}>
									<Bytes value={task.counters.readBytes} />
								</td>
								<td className={classes.number}>
									<Bytes value={task.counters.transferredBytes} />
								</td>
								<td className={classes.number}>
									<Bytes value={task.counters.storedBytes} />
								</td>
								<td className={classes.number} title={averageRate(task, now)}>
									<Duration value={durationOf(task, now)} />
								</td>
								<td>
									{task.counters.warningCount > 0 ? (
										<button type="button" className={classes.warnings} onClick={() => toggle(index)}>
											<IconAlertTriangle size={14} aria-hidden /> {formatNumber(task.counters.warningCount)}
										</button>
									) : (
										<span className={classes.none}>none</span>
									)}
									{task.pointId ? (
										<Link className={classes.point} to={`/restore/point/${encodeURIComponent(task.pointId)}`}>
											Restore…
										</Link>
									) : null}
								</td>
							</tr>
							{isOpen ? (
								<tr className={classes.more}>
									<td colSpan={session.kind === 'backup' ? 11 : 9}>
										<Details task={task} sessionId={session.id} />
									</td>
								</tr>
							) : null}
						</Fragment>
					);
				})}
			</tbody>
		</table>
	);
}

function Mode({ task: { mode } }: { readonly task: SessionTask }): ReactNode {
	if (!mode) return <span className={classes.none}>–</span>;
	const differs = mode.requested !== mode.actual;
	return (
		<span className={classes.mode} title={mode.reason || undefined}>
			{modeWord[mode.actual]}
			{differs ? <em> instead of {modeWord[mode.requested].toLowerCase()}</em> : null}
			{mode.reason ? <small>{mode.reason}</small> : null}
		</span>
	);
}

function ReadFrom({ task: { snapshot } }: { readonly task: SessionTask }): ReactNode {
	if (!snapshot) return <span className={classes.none}>–</span>;
	return (
		<span className={classes.mode} data-less={isLess(snapshot) || undefined} title={snapshot.reason || undefined}>
			{readFromText(snapshot)}
			{snapshot.proxy ? <small>by {snapshot.proxy.name}, off-host</small> : null}
			{snapshot.reason ? <small>{snapshot.reason}</small> : null}
		</span>
	);
}

function Details({ task, sessionId }: { readonly task: SessionTask; readonly sessionId: string }): ReactNode {
	return (
		<div className={classes.details}>
			{task.error ? (
				<p className={classes.error}>
					{task.error.message} {task.error.hint ? <span className={classes.hint}>{task.error.hint}</span> : null} <code>{task.error.code}</code>
				</p>
			) : null}
			{task.snapshot ? <SnapshotFacts use={task.snapshot} pointId={task.pointId} /> : null}
			<ul>
				{task.warnings.map((warning, index) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: warnings are only ever appended
					<li key={index}>
						{warning.path === null ? null : <span className={classes.path}>{displayPath(warning.path)}</span>} {warning.message} <code>{warning.code}</code>
					</li>
				))}
			</ul>
			{task.counters.warningCount > task.warnings.length ? (
				<p className={classes.hint}>
					The first {formatNumber(task.warnings.length)} of {plural(task.counters.warningCount, 'warning')}.{' '}
					<Link to={`/sessions/${encodeURIComponent(sessionId)}?tab=log&severity=warning`}>The log has all.</Link>
				</p>
			) : null}
		</div>
	);
}

function percent({ counters: { doneBytes, totalBytes }, state }: SessionTask): string {
	if (totalBytes === null) return isFinal(state) ? '–' : '…';
	return totalBytes === 0 ? '100 %' : `${Math.floor((doneBytes / totalBytes) * 100)} %`;
}

function averageRate(task: SessionTask, now: number): string | undefined {
	const duration = durationOf(task, now);
	return duration ? `${formatRate((task.counters.doneBytes / duration) * 1000)} on average` : undefined;
}
