import { Button } from '@mantine/core';
import { IconTool } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import type { Chain, Damage, Point } from '../../../engine/contract/index.ts';
import { Link } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { formatDateTime, notifyFailure, plural } from '../../ui/index.ts';
import { watchSession } from '../jobs/use-job-actions.ts';
import { displayPath } from '../restore/path-text.ts';
import classes from './affected.module.css';

/** Named one by one; what is more is in the log of the check. */
const mostShown = 100;

/** Mends what the repository can mend itself, and reads the rest from the source again. */
export function RepairButton({ chain, isLarge = false }: { readonly chain: Chain; readonly isLarge?: boolean }): ReactNode {
	const trpc = useTRPC();
	const repair = useMutation(
		trpc.chains.repair.mutationOptions({
			onSuccess: watchSession,
			onError: (error) => notifyFailure(`The chain of ${chain.job} was not repaired`, errorShapeOf(error)),
		}),
	);
	return (
		<Button
			size={isLarge ? 'compact-sm' : 'compact-xs'}
			leftSection={<IconTool size={isLarge ? 15 : 13} />}
			loading={repair.isPending}
			onClick={() => repair.mutate({ id: chain.id, repositoryId: chain.repositoryId })}
			title={
				chain.isCurrent
					? 'Takes good copies from the repository; what has none is read from the source again by a run of the job, which also makes a restore point'
					: 'Takes good copies from the repository'
			}
		>
			Repair
		</Button>
	);
}

/** What damage means for a restore, chain by chain: the points and paths that are hurt, and the button that mends them. */
export function Affected({ chains }: { readonly chains: readonly Chain[] }): ReactNode {
	const broken = chains.filter(
		({ lastCheck, files }) => (lastCheck?.damagedCount ?? 0) + (lastCheck?.unreadableCount ?? 0) > 0 || files.some(({ problem }) => problem !== null),
	);
	if (broken.length === 0) return null;
	return (
		<section className={classes.affected} aria-label="What is hurt">
			{broken.map((chain) => (
				<BrokenChain key={`${chain.repositoryId} ${chain.id}`} chain={chain} />
			))}
		</section>
	);
}

function BrokenChain({ chain }: { readonly chain: Chain }): ReactNode {
	const trpc = useTRPC();
	const { data: health } = useQuery(trpc.chains.health.queryOptions({ id: chain.id, repositoryId: chain.repositoryId }));
	const { data: points } = useQuery(trpc.points.list.queryOptions({ repositoryId: chain.repositoryId }));
	const byId = useMemo(() => new Map((points ?? []).map((point) => [point.id, point])), [points]);
	if (!health) return null;
	const { damaged, unreadable } = health;
	const places = new Set(damaged.map(({ file, offset, chunk }) => `${file} ${offset} ${chunk}`)).size;
	const hurt = new Set(damaged.flatMap(({ point }) => point ?? [])).size;
	const missing = damaged.length + unreadable.length === 0 ? chain.files.filter(({ problem }) => problem !== null) : [];
	return (
		<article>
			<header>
				<strong>{chain.job}</strong> <span className={classes.dim}>{displayPath(chain.object)}</span>
				<span className={classes.count}>
					{[
						places > 0 && `${plural(places, 'damaged place')}, ${hurt === 0 ? 'no restore point hurt' : `${plural(hurt, 'restore point')} hurt`}`,
						unreadable.length > 0 && `${plural(unreadable.length, 'place')} could not be read`,
						missing.length > 0 && `${plural(missing.length, 'file')} missing or cut short`,
					]
						.filter(Boolean)
						.join(' · ')}
				</span>
				{places > 0 ? <RepairButton chain={chain} isLarge /> : null}
			</header>
			{unreadable.length > 0 ? (
				<p>
					The storage gave an error where it could not be read. What lies there may be whole: nothing is changed. Look at the disk or the share, then check
					again.
				</p>
			) : null}
			<ul>
				{damaged.slice(0, mostShown).map((each) => (
					<Hurt key={`${each.file} ${each.offset} ${each.chunk} ${each.point} ${each.path}`} damage={each} points={byId} />
				))}
				{missing.map(({ path, problem }) => (
					<li key={path}>
						<span className={classes.path}>{displayPath(path)}</span> <span className={classes.dim}>{problem}</span>
					</li>
				))}
			</ul>
			{damaged.length > mostShown ? <p>And {damaged.length - mostShown} more.</p> : null}
		</article>
	);
}

function Hurt({
	damage: { path, point, file, reason, isHarmless },
	points,
}: {
	readonly damage: Damage;
	readonly points: ReadonlyMap<string, Point>;
}): ReactNode {
	const of = point === null ? undefined : points.get(point);
	return (
		<li title={`${displayPath(file)}: ${reason}`}>
			<span className={classes.path}>{isHarmless ? displayPath(file) : path === null ? 'everything' : displayPath(path)}</span>{' '}
			{point === null ? (
				<span className={classes.dim}>{isHarmless ? `${reason} No restore point is hurt.` : reason}</span>
			) : (
				<>
					in <Link to={`/restore/point/${encodeURIComponent(point)}`}>{of ? formatDateTime(of.createdAt) : point}</Link>
				</>
			)}
		</li>
	);
}
