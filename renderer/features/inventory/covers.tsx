import type { ReactNode } from 'react';
import { Link } from '../../app/router.tsx';
import { Section, StatusBadge } from '../../ui/index.ts';
import classes from './inventory.module.css';
import { type Cover, coverStatus } from './inventory-words.ts';

/** In a table: the state, and by which job. */
export function CoverCell({ covers }: { readonly covers: readonly Cover[] }): ReactNode {
	const status = coverStatus(covers);
	const names = covers.map(({ job }) => job).join(', ');
	return (
		<span className={classes.cover} title={names}>
			{status === null ? <StatusBadge status="never">Not protected</StatusBadge> : <StatusBadge status={status} />}
			{names === '' ? null : <span className={classes.dim}>{names}</span>}
		</span>
	);
}

export function CoverSection({ covers, children }: { readonly covers: readonly Cover[]; readonly children: ReactNode }): ReactNode {
	return (
		<Section title="Protected by">
			{covers.length === 0 ? (
				<p className={classes.text}>{children}</p>
			) : (
				<ul className={classes.lines}>
					{covers.map(({ jobId, job, state }) => (
						<li key={jobId}>
							<Link to={`/jobs/${encodeURIComponent(jobId)}`}>{job}</Link>
							<StatusBadge status={state} />
						</li>
					))}
				</ul>
			)}
		</Section>
	);
}
