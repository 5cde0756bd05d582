import { ActionIcon, Button, Menu, Tabs } from '@mantine/core';
import { IconDots, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Chain, locationText, type Repository } from '../../../engine/contract/index.ts';
import { navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	Bytes,
	ConfirmDialog,
	ErrorPanel,
	formatBytes,
	formatLimit,
	formatNumber,
	notifyDone,
	notifyFailure,
	PageHeader,
	plural,
	StatusBadge,
} from '../../ui/index.ts';
import { UnlockNotice } from '../keys/index.ts';
import { CapacityBar } from './capacity-bar.tsx';
import { ChainList } from './chain-list.tsx';
import { Health } from './health.tsx';
import { ImportDialog } from './import-dialog.tsx';
import classes from './repositories.module.css';
import { Growth, RunsOut } from './repositories-page.tsx';
import { RepositoryDialog } from './repository-dialog.tsx';
import { StorageDialog } from './storage-dialog.tsx';

const back = { title: 'Repositories', href: '#/repositories' };

export function RepositoryPage({ id }: { readonly id: string }): ReactNode {
	const trpc = useTRPC();
	const { data: repository, error, refetch } = useQuery(trpc.repositories.get.queryOptions({ id }));
	if (repository) return <RepositoryView repository={repository} />;
	return (
		<>
			<PageHeader back={back} title={error ? 'Repository' : '…'} />
			{error ? (
				<div className={classes.padded}>
					<ErrorPanel failure={errorShapeOf(error)} onRetry={() => void refetch()} />
				</div>
			) : null}
		</>
	);
}

function RepositoryView({ repository }: { readonly repository: Repository }): ReactNode {
	const trpc = useTRPC();
	const chains = useQuery(trpc.chains.list.queryOptions({ repositoryId: repository.id }));
	const [tab, setTab] = useQueryParam('tab');
	const { settings } = repository;
	const troubled = chains.data ? chains.data.filter(isTroubled).length : 0;
	return (
		<>
			<PageHeader back={back} title={settings.name} detail={locationText(repository)}>
				<RepositoryActions repository={repository} />
			</PageHeader>
			<div className={classes.body}>
				{repository.problem === null ? null : repository.problem.code === 'repository.locked' ? (
					<UnlockNotice repository={repository} />
				) : (
					<ErrorPanel failure={repository.problem} />
				)}
				<section className={classes.summary} aria-label="Capacity">
					<div className={classes.capacity}>
						<CapacityBar {...repository} />
					</div>
					<Fact label="State">
						<StatusBadge status={repository.state} />
					</Fact>
					<Fact label="Backups take">
						<Bytes value={repository.usedBytes} />
					</Fact>
					<Fact label="They give back">
						<Bytes value={repository.sourceBytes} />
						{repository.usedBytes > 0 && repository.sourceBytes > 0 ? (
							<small title="Size of the newest point of every object, for each byte that all points take">
								{' '}
								{(repository.sourceBytes / repository.usedBytes).toFixed(1)} : 1
							</small>
						) : null}
					</Fact>
					<Fact label="Growth, 90 days">
						<Growth repository={repository} width={140} height={22} />
					</Fact>
					<Fact label="Runs out">
						<RunsOut repository={repository} />
					</Fact>
					<Fact label="Holds">
						{plural(repository.pointCount, 'point')} <small>of {plural(repository.jobCount, 'job')}</small>
					</Fact>
					{settings.gateway === 'auto' ? (
						<Fact label="Gateway">
							Automatic <small>per run</small>
						</Fact>
					) : null}
					{settings.mountServerId === null ? null : <Fact label="Mount server">{repository.mountServer}</Fact>}
					<Fact label="Tasks at once">
						{formatNumber(settings.maxTasks)}
						{settings.readLimit !== null || settings.writeLimit !== null ? (
							<small>
								{' '}
								{[
									settings.readLimit !== null && `read ≤ ${formatLimit(settings.readLimit)}`,
									settings.writeLimit !== null && `write ≤ ${formatLimit(settings.writeLimit)}`,
								]
									.filter(Boolean)
									.join(', ')}
							</small>
						) : null}
					</Fact>
				</section>
				<Tabs
					value={tab === 'health' ? 'health' : 'chains'}
					onChange={(value) => setTab(value === 'chains' ? null : value)}
					keepMounted={false}
					className={classes.tabs ?? ''}
				>
					<Tabs.List>
						<Tabs.Tab value="chains">{chains.data ? plural(chains.data.length, 'chain') : 'Chains'}</Tabs.Tab>
						<Tabs.Tab value="health">
							Health
							{troubled > 0 ? <span className={classes.troubled}> · {formatNumber(troubled)} damaged</span> : null}
						</Tabs.Tab>
					</Tabs.List>
					<Tabs.Panel value="chains" className={classes.panel ?? ''}>
						{chains.error ? <ErrorPanel failure={errorShapeOf(chains.error)} onRetry={() => void chains.refetch()} /> : null}
						{chains.data ? <ChainList repository={repository} chains={chains.data} /> : null}
					</Tabs.Panel>
					<Tabs.Panel value="health" className={classes.panel ?? ''}>
						{chains.error ? <ErrorPanel failure={errorShapeOf(chains.error)} onRetry={() => void chains.refetch()} /> : null}
						{chains.data ? <Health repository={repository} chains={chains.data} /> : null}
					</Tabs.Panel>
				</Tabs>
			</div>
		</>
	);
}

export const isTroubled = (chain: Chain): boolean =>
	chain.files.some((file) => file.problem !== null) || (chain.lastCheck !== null && chain.lastCheck.damagedCount + chain.lastCheck.unreadableCount > 0);

const Fact = ({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode => (
	<div className={classes.fact}>
		<span>{label}</span>
		<strong>{children}</strong>
	</div>
);

function RepositoryActions({ repository }: { readonly repository: Repository }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [dialog, setDialog] = useState<'edit' | 'prepare' | 'remove' | 'storage' | null>(null);
	const [importing, setImporting] = useQueryParam('import');
	const rescan = useMutation(
		trpc.repositories.rescan.mutationOptions({
			onSuccess: (fresh) => {
				queryClient.setQueryData(trpc.repositories.get.queryKey({ id: fresh.id }), fresh);
				void queryClient.invalidateQueries(trpc.chains.pathFilter());
				void queryClient.invalidateQueries(trpc.points.pathFilter());
				notifyDone(`“${fresh.settings.name}” was read again: ${plural(fresh.chainCount, 'chain')}, ${plural(fresh.pointCount, 'restore point')}`);
			},
			onError: (error) => {
				notifyFailure(`“${repository.settings.name}” was not read`, errorShapeOf(error));
			},
		}),
	);
	const prepare = useMutation(
		trpc.repositories.prepare.mutationOptions({
			onSuccess: (fresh) => {
				queryClient.setQueryData(trpc.repositories.get.queryKey({ id: fresh.id }), fresh);
				setDialog(null);
				notifyDone(`“${fresh.settings.name}” begins anew in ${locationText(fresh)}`);
			},
		}),
	);
	const remove = useMutation(
		trpc.repositories.remove.mutationOptions({
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.repositories.list.pathFilter());
				navigate('/repositories');
			},
		}),
	);
	const { settings, pointCount, chainCount, usedBytes } = repository;
	return (
		<>
			<Button
				variant="default"
				leftSection={<IconRefresh size={15} />}
				loading={rescan.isPending}
				onClick={() => rescan.mutate({ id: repository.id })}
				title="Reads the folder again"
			>
				Rescan
			</Button>
			<Button variant="default" leftSection={<IconPencil size={15} />} onClick={() => setDialog('edit')}>
				Edit…
			</Button>
			<Menu position="bottom-end">
				<Menu.Target>
					<ActionIcon variant="default" size={30} aria-label="More actions">
						<IconDots size={16} />
					</ActionIcon>
				</Menu.Target>
				<Menu.Dropdown>
					<Menu.Item onClick={() => setImporting('1')}>Import backups of other installations…</Menu.Item>
					<Menu.Item onClick={() => setDialog('storage')}>Try out the storage…</Menu.Item>
					{repository.problem?.data?.isUnmarked === true ? <Menu.Item onClick={() => setDialog('prepare')}>Begin anew in this folder…</Menu.Item> : null}
					<Menu.Divider />
					<Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => setDialog('remove')}>
						Remove…
					</Menu.Item>
				</Menu.Dropdown>
			</Menu>
			{importing === null ? null : <ImportDialog repository={repository} isQuiet={importing === 'new'} onClose={() => setImporting(null)} />}
			{dialog === 'storage' ? <StorageDialog repository={repository} onClose={() => setDialog(null)} /> : null}
			{dialog === 'edit' ? <RepositoryDialog repository={repository} onClose={() => setDialog(null)} onSaved={() => setDialog(null)} /> : null}
			<ConfirmDialog
				opened={dialog === 'prepare'}
				title={`Begin “${settings.name}” anew?`}
				confirmLabel="Begin anew"
				isBusy={prepare.isPending}
				failure={prepare.error ? errorShapeOf(prepare.error) : null}
				losses={
					pointCount > 0 ? [`${plural(pointCount, 'restore point')} that the repository held are forgotten, unless their disk comes back to this place.`] : []
				}
				onConfirm={() => prepare.mutate({ id: repository.id })}
				onClose={() => {
					setDialog(null);
					prepare.reset();
				}}
			>
				Only if the disk was replaced or emptied. If it is merely not mounted at {locationText(repository)}, mount it and rescan instead. No file is deleted.
			</ConfirmDialog>
			<ConfirmDialog
				opened={dialog === 'remove'}
				title={`Remove “${settings.name}”?`}
				confirmLabel="Remove"
				{...(pointCount > 0 && { confirmName: settings.name })}
				isBusy={remove.isPending}
				failure={remove.error ? errorShapeOf(remove.error) : null}
				losses={
					pointCount > 0
						? [
								`${plural(pointCount, 'restore point')} in ${plural(chainCount, 'chain')} can no longer be restored from this console.`,
								`Their files, ${formatBytes(usedBytes)}, stay in ${locationText(repository)}. Adding that folder again brings them back.`,
							]
						: [`It holds no restore points. The folder ${locationText(repository)} stays.`]
				}
				onConfirm={() => remove.mutate({ id: repository.id, revision: repository.revision })}
				onClose={() => {
					setDialog(null);
					remove.reset();
				}}
			>
				Holdfast forgets the repository. No file is deleted.
			</ConfirmDialog>
		</>
	);
}
