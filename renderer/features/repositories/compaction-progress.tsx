import { Button, Progress } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Session } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { formatBytes, formatDuration, notifyFailure, StatusBadge } from '../../ui/index.ts';
import classes from './chain-list.module.css';

/** How far a compaction is, in the row of its chain. */
export function CompactionProgress({ session: { id, state, title, counters, remainingMs } }: { readonly session: Session }): ReactNode {
	const trpc = useTRPC();
	const cancel = useMutation(
		trpc.sessions.cancel.mutationOptions({ onError: (error) => notifyFailure('The compaction could not be cancelled', errorShapeOf(error)) }),
	);
	const percent = counters.totalBytes ? Math.min(100, (counters.doneBytes / counters.totalBytes) * 100) : 0;
	return (
		<div className={classes.progress} role="status">
			<StatusBadge status={state === 'queued' || state === 'cancelling' ? state : 'running'}>
				{state === 'queued' ? 'Compaction waits for its turn' : state === 'cancelling' ? 'Compaction is being cancelled' : 'Compacting'}
			</StatusBadge>
			<Progress value={percent} size={5} aria-label={`Compaction of ${title.toWellFormed()}`} />
			<span>
				{counters.totalBytes === null ? '' : `${formatBytes(counters.doneBytes)} of ${formatBytes(counters.totalBytes)}`}
				{remainingMs === null ? '' : ` · ${formatDuration(remainingMs)} left`}
			</span>
			<Link to={`/sessions/${encodeURIComponent(id)}`}>Open the session</Link>
			<Button size="compact-xs" variant="default" disabled={state === 'cancelling'} onClick={() => cancel.mutate({ id })}>
				Cancel
			</Button>
		</div>
	);
}
