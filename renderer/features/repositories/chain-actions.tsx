import { Button } from '@mantine/core';
import { IconArrowsMinimize, IconShieldCheck, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Chain, Repository } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ConfirmDialog, formatBytes, formatTimeAgo, notifyDone, notifyFailure, plural, useNow } from '../../ui/index.ts';
import { chainSize, compactionCost, pointCount } from './chain-layout.ts';
import classes from './chain-list.module.css';
import { lossesOf, objectText } from './chain-words.ts';

type Props = { readonly chain: Chain; readonly chains: readonly Chain[]; readonly repository: Repository; readonly isCompacting: boolean };

export function ChainActions(props: Props): ReactNode {
	const { chain, isCompacting } = props;
	const trpc = useTRPC();
	const now = useNow();
	const [dialog, setDialog] = useState<'compact' | 'remove' | null>(null);
	const check = useMutation(
		trpc.chains.check.mutationOptions({
			onSuccess: ({ sessionId }) => navigate(`/sessions/${encodeURIComponent(sessionId)}`),
			onError: (error) => notifyFailure(`The chain of ${chain.job} could not be checked`, errorShapeOf(error)),
		}),
	);
	const close = (): void => setDialog(null);
	return (
		<div className={classes.actions}>
			<Button
				variant="default"
				size="compact-sm"
				leftSection={<IconShieldCheck size={14} />}
				loading={check.isPending}
				onClick={() => check.mutate({ id: chain.id, repositoryId: chain.repositoryId })}
				title={`Reads all ${formatBytes(chainSize(chain))} back`}
			>
				Check now
			</Button>
			<Button variant="default" size="compact-sm" leftSection={<IconArrowsMinimize size={14} />} disabled={isCompacting} onClick={() => setDialog('compact')}>
				Compact…
			</Button>
			<Button variant="default" size="compact-sm" leftSection={<IconTrash size={14} />} disabled={isCompacting} onClick={() => setDialog('remove')}>
				Remove…
			</Button>
			<span>{chain.lastCheck === null ? 'Never read back since it was written' : `Last read back ${formatTimeAgo(chain.lastCheck.at, now)}`}</span>
			<CompactDialog {...props} isOpen={dialog === 'compact'} onClose={close} />
			<RemoveDialog {...props} isOpen={dialog === 'remove'} onClose={close} />
		</div>
	);
}

type DialogProps = Props & { readonly isOpen: boolean; readonly onClose: () => void };

function CompactDialog({ chain, repository, isOpen, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const compact = useMutation(
		trpc.chains.compact.mutationOptions({
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.sessions.list.pathFilter());
				onClose();
			},
		}),
	);
	const { bytes, roomBytes } = compactionCost(chain);
	const { freeBytes } = repository;
	const isTight = freeBytes !== null && freeBytes < roomBytes;
	return (
		<ConfirmDialog
			opened={isOpen}
			title={`Compact the chain of “${chain.job}”?`}
			confirmLabel="Compact"
			isHarmless
			isBusy={compact.isPending}
			failure={compact.error ? errorShapeOf(compact.error) : null}
			losses={[
				`Reads ${formatBytes(bytes)} in ${plural(chain.files.length, 'file')}, and writes anew what of it is still needed: at most as much.`,
				`Needs up to ${formatBytes(roomBytes)} of free room meanwhile, for the largest file${freeBytes === null ? '' : `; ${formatBytes(freeBytes)} are free${isTight ? ', which may not be enough' : ''}`}.`,
				'Runs of the job and restores from this chain wait until it has ended. It can be cancelled at any time.',
			]}
			onConfirm={() => compact.mutate({ id: chain.id, repositoryId: chain.repositoryId })}
			onClose={() => {
				onClose();
				compact.reset();
			}}
		>
			Gives back the room that nothing needs any more. Every file stays until its copy has been read back and verified; no restore point is lost.
		</ConfirmDialog>
	);
}

function RemoveDialog({ chain, chains, isOpen, onClose }: DialogProps): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const stale = (): void => {
		for (const filter of [trpc.chains.pathFilter(), trpc.points.pathFilter(), trpc.repositories.pathFilter(), trpc.jobs.list.pathFilter()])
			void queryClient.invalidateQueries(filter);
	};
	const remove = useMutation(
		trpc.chains.remove.mutationOptions({
			onSuccess: (removed) => {
				stale();
				notifyDone(`${plural(removed.pointCount, 'restore point')} of ${objectText(chain.object)} removed, ${formatBytes(removed.freedBytes)} free again`);
				onClose();
			},
			// It may hold more by now than was said: the numbers are asked for again.
			onError: stale,
		}),
	);
	const { lines, isLot } = lossesOf(chain, chains);
	return (
		<ConfirmDialog
			opened={isOpen}
			title={`Remove this chain of “${chain.job}”?`}
			confirmLabel={pointCount(chain) === 0 ? 'Remove the chain' : `Remove ${plural(pointCount(chain), 'restore point')}`}
			{...(isLot && { confirmName: chain.job })}
			isBusy={remove.isPending}
			failure={remove.error ? errorShapeOf(remove.error) : null}
			losses={lines}
			onConfirm={() => remove.mutate({ id: chain.id, repositoryId: chain.repositoryId, pointCount: pointCount(chain) })}
			onClose={() => {
				onClose();
				remove.reset();
			}}
		>
			Its backup files are deleted. This cannot be undone.
		</ConfirmDialog>
	);
}
