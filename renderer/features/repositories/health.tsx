import { Button } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { Chain, Repository } from '../../../engine/contract/index.ts';
import { Link, navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	Bytes,
	ConfirmDialog,
	EmptyState,
	formatBytes,
	formatDateTime,
	notifyFailure,
	plural,
	StatusBadge,
	type TableColumn,
	TimeAgo,
	VirtualTable,
} from '../../ui/index.ts';
import { displayPath } from '../restore/path-text.ts';
import { chainSize } from './chain-layout.ts';
import classes from './health.module.css';

/** Per chain: when all of it was last read back, and what was found. Damaged and unreadable are not the same and are never added up. */
export function Health({ repository, chains }: { readonly repository: Repository; readonly chains: readonly Chain[] }): ReactNode {
	const [isAsking, setAsking] = useState(false);
	const checkAll = useCheckAll(() => setAsking(false));
	const columns = useMemo<readonly TableColumn<Chain>[]>(
		() => [
			{
				id: 'chain',
				header: 'Chain',
				width: 'minmax(220px, 2fr)',
				cell: (chain) => (
					<span title={displayPath(chain.object)}>
						<strong className={classes.job}>{chain.job}</strong> <span className={classes.dim}>{displayPath(chain.object)}</span>
					</span>
				),
				sortBy: (chain) => `${chain.job} ${chain.object}`,
				text: (chain) => `${chain.job} ${chain.object}`,
			},
			{
				id: 'begun',
				header: 'Begun',
				width: '176px',
				cell: (chain) => (chain.files[0] ? formatDateTime(chain.files[0].createdAt) : '–'),
				sortBy: (chain) => chain.files[0]?.createdAt ?? null,
			},
			{ id: 'size', header: 'Size', width: '90px', align: 'end', cell: (chain) => <Bytes value={chainSize(chain)} />, sortBy: chainSize },
			{
				id: 'last',
				header: 'Last check',
				width: '116px',
				cell: (chain) => <TimeAgo at={chain.lastCheck?.at} none="never" />,
				sortBy: (chain) => chain.lastCheck?.at ?? 0,
			},
			{ id: 'result', header: 'Found', width: 'minmax(150px, 1fr)', cell: (chain) => <Found chain={chain} />, sortBy: (chain) => trouble(chain) },
			{ id: 'check', header: '', width: '112px', align: 'end', cell: (chain) => <CheckButton chain={chain} /> },
		],
		[],
	);
	const bytes = chains.reduce((sum, chain) => sum + chainSize(chain), 0);
	const unchecked = chains.filter((chain) => chain.lastCheck === null).length;
	return (
		<>
			<div className={classes.tools}>
				<span>
					{chains.length === 0
						? ''
						: unchecked === 0
							? 'Every chain has been read back at least once.'
							: `${plural(unchecked, 'chain')} of ${chains.length} never read back since ${unchecked === 1 ? 'it was' : 'they were'} written.`}
				</span>
				<Button variant="default" leftSection={<IconShieldCheck size={15} />} disabled={chains.length === 0} onClick={() => setAsking(true)}>
					Check all…
				</Button>
			</div>
			<Affected repository={repository} chains={chains} />
			<div className={classes.table}>
				<VirtualTable
					label="Health of the chains"
					rows={chains}
					columns={columns}
					rowId={(chain) => chain.id}
					defaultSort={{ id: 'result', descending: true }}
					empty={<EmptyState title="There is nothing to check">Chains appear here once a job has stored something.</EmptyState>}
				/>
			</div>
			<ConfirmDialog
				opened={isAsking}
				title={`Check all of “${repository.settings.name}”?`}
				confirmLabel={`Check ${plural(chains.length, 'chain')}`}
				isHarmless
				isBusy={checkAll.isPending}
				failure={checkAll.error ? errorShapeOf(checkAll.error) : null}
				onConfirm={() => checkAll.mutate(chains)}
				onClose={() => setAsking(false)}
			>
				{plural(chains.length, 'session')} will read {formatBytes(bytes)} back. Nothing is changed; backups that run meanwhile may take longer.
			</ConfirmDialog>
		</>
	);
}

const trouble = (chain: Chain): number =>
	(chain.lastCheck?.damagedCount ?? 0) * 1000 + (chain.lastCheck?.unreadableCount ?? 0) + chain.files.filter((file) => file.problem !== null).length;

function Found({ chain }: { readonly chain: Chain }): ReactNode {
	const { lastCheck } = chain;
	const broken = chain.files.filter((file) => file.problem !== null).length;
	const parts = [
		lastCheck && lastCheck.damagedCount > 0 ? `${lastCheck.damagedCount} damaged` : broken > 0 ? `${plural(broken, 'file')} damaged` : null,
		lastCheck && lastCheck.unreadableCount > 0 ? `${lastCheck.unreadableCount} unreadable` : null,
	].filter((part) => part !== null);
	if (parts.length > 0) return <StatusBadge status={parts[0]?.includes('damaged') ? 'damaged' : 'unreachable'}>{parts.join(', ')}</StatusBadge>;
	if (lastCheck === null) return <span className={classes.dim}>not known</span>;
	return <StatusBadge status="success">all as written</StatusBadge>;
}

function CheckButton({ chain }: { readonly chain: Chain }): ReactNode {
	const trpc = useTRPC();
	const check = useMutation(
		trpc.chains.check.mutationOptions({
			onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`),
			onError: (error) => {
				notifyFailure(`The chain of ${chain.job} could not be checked`, errorShapeOf(error));
			},
		}),
	);
	return (
		<Button
			size="compact-xs"
			variant="default"
			loading={check.isPending}
			onClick={() => check.mutate({ id: chain.id, repositoryId: chain.repositoryId })}
			title={`Reads ${formatBytes(chainSize(chain))} back and compares`}
		>
			Check now
		</Button>
	);
}

function useCheckAll(onDone: () => void) {
	const trpc = useTRPC();
	const check = useMutation(trpc.chains.check.mutationOptions());
	return useMutation({
		mutationFn: async (chains: readonly Chain[]) => {
			for (const chain of chains) await check.mutateAsync({ id: chain.id, repositoryId: chain.repositoryId });
		},
		onSuccess: () => {
			onDone();
			navigate('/activity?kind=check');
		},
	});
}

/** What damage means for a restore: the points and files that are hurt, each with a way to look at it. */
function Affected({ repository, chains }: { readonly repository: Repository; readonly chains: readonly Chain[] }): ReactNode {
	const trpc = useTRPC();
	const points = useQuery(trpc.points.list.queryOptions({ repositoryId: repository.id }));
	const hurt = (points.data ?? []).filter((point) => !point.restorable || point.problem !== null);
	const files = chains.flatMap((chain) => chain.files.filter((file) => file.problem !== null));
	if (hurt.length === 0 && files.length === 0) return null;
	return (
		<section className={classes.affected} aria-label="Affected restore points and files">
			<strong>
				{plural(hurt.length, 'restore point')} and {plural(files.length, 'backup file')} affected
			</strong>
			<p>The next run stores what is damaged again if the source still has it. An active full of the job begins a chain that needs none of these files.</p>
			<ul>
				{hurt.slice(0, 50).map((point) => (
					<li key={point.id}>
						<Link to={`/restore/point/${encodeURIComponent(point.id)}`}>
							{point.job}, {formatDateTime(point.createdAt)}
						</Link>{' '}
						<span className={classes.dim}>{displayPath(point.object)}</span> {point.problem ?? (point.restorable ? '' : 'cannot be restored')}
					</li>
				))}
			</ul>
			{hurt.length > 50 ? <p>And {hurt.length - 50} more points.</p> : null}
		</section>
	);
}
