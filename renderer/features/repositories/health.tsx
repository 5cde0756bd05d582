import { Button } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { Chain, Repository } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
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
import { describeSchedule } from '../jobs/schedule-words.ts';
import { watchSession } from '../jobs/use-job-actions.ts';
import { displayPath } from '../restore/path-text.ts';
import { Affected, RepairButton } from './affected.tsx';
import { chainSize } from './chain-layout.ts';
import classes from './health.module.css';

/** Per chain: when all of it was last read back, and what was found. Damaged and unreadable are not the same and are never added up. */
export function Health({ repository, chains }: { readonly repository: Repository; readonly chains: readonly Chain[] }): ReactNode {
	const [isAsking, setAsking] = useState(false);
	const checkAll = useCheckAll();
	const columns = useMemo<readonly TableColumn<Chain>[]>(
		() => [
			{
				id: 'chain',
				header: 'Chain',
				width: 'minmax(170px, 2fr)',
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
				width: '150px',
				cell: (chain) => (chain.files[0] ? formatDateTime(chain.files[0].createdAt) : '–'),
				sortBy: (chain) => chain.files[0]?.createdAt ?? null,
			},
			{ id: 'size', header: 'Size', width: '80px', align: 'end', cell: (chain) => <Bytes value={chainSize(chain)} />, sortBy: chainSize },
			{
				id: 'last',
				header: 'Last check',
				width: '108px',
				cell: (chain) => <TimeAgo at={chain.lastCheck?.at} none="never" />,
				sortBy: (chain) => chain.lastCheck?.at ?? 0,
			},
			{
				id: 'proven',
				header: 'All read since',
				width: '112px',
				cell: (chain) => <TimeAgo at={chain.provenAt ?? undefined} none={chain.lastCheck ? 'not yet' : 'never'} />,
				sortBy: (chain) => chain.provenAt ?? 0,
			},
			{ id: 'result', header: 'Found', width: 'minmax(124px, 1fr)', cell: (chain) => <Found chain={chain} />, sortBy: (chain) => trouble(chain) },
			{
				id: 'check',
				header: '',
				width: '100px',
				align: 'end',
				cell: (chain) => ((chain.lastCheck?.damagedCount ?? 0) > 0 ? <RepairButton chain={chain} /> : <CheckButton chain={chain} />),
			},
		],
		[],
	);
	const bytes = chains.reduce((sum, chain) => sum + chainSize(chain), 0);
	const { checkSchedule, checkDays } = repository.settings;
	return (
		<>
			<div className={classes.tools}>
				<span>
					{checkSchedule === null
						? 'Checked by hand only: the settings of the repository have a schedule for it.'
						: `Checked by schedule (${describeSchedule(checkSchedule)}): every byte is read back within ${plural(checkDays, 'day')}.`}
				</span>
				<Button variant="default" leftSection={<IconShieldCheck size={15} />} disabled={chains.length === 0} onClick={() => setAsking(true)}>
					Check all…
				</Button>
			</div>
			<Affected chains={chains} />
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
				onConfirm={() => checkAll.mutate({ id: repository.id, isWhole: true })}
				onClose={() => setAsking(false)}
			>
				One session reads {formatBytes(bytes)} back, chain by chain. Nothing is changed; backups that run meanwhile may take longer.
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

function useCheckAll() {
	const trpc = useTRPC();
	return useMutation(trpc.repositories.check.mutationOptions({ onSuccess: watchSession }));
}
