import type { ReactNode } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { plural, Section, TimeAgo } from '../../ui/index.ts';
import classes from './imported.module.css';

/** What repositories hold of jobs that are not here: it can be restored, and nobody makes newer points of it. */
export function Imported({ jobs }: { readonly jobs: Overview['imported'] }): ReactNode {
	if (jobs.length === 0) return null;
	return (
		<Section title="Restorable, with no job">
			<ImportedList jobs={jobs} />
		</Section>
	);
}

export const ImportedList = ({ jobs }: { readonly jobs: Overview['imported'] }): ReactNode => (
	<ul className={classes.list}>
		{jobs.map(({ originJobId, job, origin, objectCount, pointCount, newestAt }) => (
			<li key={originJobId}>
				<Link to={`/restore?job=${encodeURIComponent(originJobId)}`} className={classes.row ?? ''}>
					<span className={classes.name}>
						<span>{job}</span> <small>{origin === 'elsewhere' ? 'imported' : 'job removed'}</small>
					</span>
					<span>
						{plural(pointCount, 'point')} of {plural(objectCount, 'object')}
					</span>
					<TimeAgo at={newestAt} />
				</Link>
			</li>
		))}
	</ul>
);
