import { IconCircleCheckFilled } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import type { Damage, Session } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, formatBytes, formatDateTime, plural, Section } from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import classes from './check-report.module.css';

const mostShown = 500;

/** What a check or a verification has found. Damaged (read, and wrong) and unreadable (could not be read) are two different things, and stay apart. */
export function CheckReport({ session }: { readonly session: Session }): ReactNode {
	const trpc = useTRPC();
	const { data: result, error } = useQuery(trpc.chains.checkResult.queryOptions({ sessionId: session.id }, { staleTime: Number.POSITIVE_INFINITY }));
	const points = useMemo(() => (result ? new Set([...result.damaged, ...result.unreadable].flatMap(({ point }) => point ?? [])) : new Set<string>()), [result]);
	const failure = error ? errorShapeOf(error) : null;
	if (failure?.code === 'not-found.session')
		return <p className={classes.explanation}>The session ended before there was a result. The log says how far it came.</p>;
	if (failure) return <ErrorPanel title="The result of this session is not there" failure={failure} />;
	if (!result) return null;
	if (result.damaged.length === 0 && result.unreadable.length === 0) {
		const isWhole = session.state === 'success' || session.state === 'warning';
		return (
			<p className={classes.verdict} data-tone={isWhole ? 'ok' : undefined}>
				{isWhole ? <IconCircleCheckFilled size={18} aria-hidden /> : null}
				{isWhole
					? `All ${formatBytes(result.readBytes)} were read back and are as they were written.`
					: `The session ended early: ${formatBytes(result.readBytes)} were read and no damage was found in them. The rest was not looked at.`}
			</p>
		);
	}
	return (
		<div className={classes.report}>
			<p className={classes.verdict} data-tone="bad">
				{[
					result.damaged.length > 0 && plural(result.damaged.length, 'damaged place'),
					result.unreadable.length > 0 && plural(result.unreadable.length, 'unreadable place'),
				]
					.filter(Boolean)
					.join(' and ')}{' '}
				in {formatBytes(result.readBytes)} that were read. {points.size > 0 ? `${plural(points.size, 'restore point')} affected.` : ''}
			</p>
			{result.damaged.length > 0 ? (
				<DamageList
					title="Damaged"
					explanation="Read, and not what was written. The next run of the job stores these parts again if the source still has them; an active full makes a chain that does not depend on them."
					damages={result.damaged}
				/>
			) : null}
			{result.unreadable.length > 0 ? (
				<DamageList
					title="Could not be read"
					explanation="The storage gave an error. The content may be whole: look at the disk, the cable or the share, then check again."
					damages={result.unreadable}
				/>
			) : null}
		</div>
	);
}

function DamageList({ title, explanation, damages }: { readonly title: string; readonly explanation: string; readonly damages: readonly Damage[] }): ReactNode {
	const shown = damages.slice(0, mostShown);
	return (
		<Section title={`${title} (${damages.length})`}>
			<p className={classes.explanation}>{explanation}</p>
			<table className={classes.table}>
				<thead>
					<tr>
						<th>Affected</th>
						<th>Restore point</th>
						<th>Backup file</th>
						<th>Reason</th>
					</tr>
				</thead>
				<tbody>
					{shown.map((damage, index) => (
						// biome-ignore lint/suspicious/noArrayIndexKey: the result of a finished session does not change
						<tr key={index}>
							<td className={classes.path}>{damage.path === null ? 'not known' : displayPath(damage.path)}</td>
							<td>{damage.point === null ? '–' : <PointLink id={damage.point} />}</td>
							<td className={classes.path}>{displayPath(damage.file)}</td>
							<td>{damage.reason}</td>
						</tr>
					))}
				</tbody>
			</table>
			{damages.length > shown.length ? <p className={classes.explanation}>And {damages.length - shown.length} more; the log has all.</p> : null}
		</Section>
	);
}

/** The time says more than the id; until it is known, and where retention was faster, the id stands there. */
function PointLink({ id }: { readonly id: string }): ReactNode {
	const trpc = useTRPC();
	const { data } = useQuery(trpc.points.get.queryOptions({ point: id }));
	return (
		<Link to={`/restore/point/${encodeURIComponent(id)}`} title={id} className={classes.point ?? ''}>
			{data ? formatDateTime(data.createdAt) : id}
		</Link>
	);
}
