import type { ReactNode } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { formatBytes, formatDate, formatTimeAgo, plural, StatusBadge, useNow } from '../../ui/index.ts';
import classes from './capacity.module.css';

type Repository = Overview['repositories'][number];
const soonMs = 45 * 86_400_000;
/** A growth of thirty days says nothing about the decade after the next. */
const foreseeableMs = 5 * 365 * 86_400_000;
const atFirst = 6;

export function Capacity({ repositories }: { readonly repositories: readonly Repository[] }): ReactNode {
	// The first to run out first.
	const sorted = repositories.toSorted((a, b) => (a.fullAt ?? Infinity) - (b.fullAt ?? Infinity));
	return (
		<ul className={classes.list}>
			{sorted.slice(0, atFirst).map((repository) => (
				<Room key={repository.id} repository={repository} />
			))}
			{sorted.length > atFirst && (
				<li>
					<Link to="/repositories">and {plural(sorted.length - atFirst, 'more', 'more')}</Link>
				</li>
			)}
		</ul>
	);
}

function Room({ repository: { id, name, capacityBytes, freeBytes, usedBytes, fullAt } }: { readonly repository: Repository }): ReactNode {
	const now = useNow();
	const isKnown = capacityBytes !== null && freeBytes !== null;
	const taken = isKnown ? capacityBytes - freeBytes : 0;
	const share = (bytes: number): string => `${isKnown ? (Math.max(0, bytes) / capacityBytes) * 100 : 0}%`;
	const isSoon = fullAt !== null && fullAt - now < soonMs;
	return (
		<li>
			<Link to={`/repositories/${encodeURIComponent(id)}`} className={classes.item ?? ''}>
				<span className={classes.line}>
					<span className={classes.name}>{name}</span>
					<span>{isKnown ? `${formatBytes(freeBytes)} free` : <StatusBadge status="unreachable" />}</span>
				</span>
				<span className={classes.bar} data-soon={isSoon || undefined}>
					<i style={{ width: share(Math.min(usedBytes, taken)) }} />
					<i data-other style={{ width: share(taken - usedBytes) }} />
				</span>
				<span className={classes.facts}>
					{isKnown ? `${formatBytes(usedBytes)} of backups in ${formatBytes(capacityBytes)}` : `${formatBytes(usedBytes)} of backups when last seen`}
					{fullAt !== null && fullAt - now < foreseeableMs ? (
						<span data-soon={isSoon || undefined}>
							full {formatTimeAgo(fullAt, now)}, {formatDate(fullAt)}
						</span>
					) : (
						isKnown && <span>{fullAt === null ? 'no end in sight' : 'room for years'}</span>
					)}
				</span>
			</Link>
		</li>
	);
}
