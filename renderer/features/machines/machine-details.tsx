import { ActionIcon, Button, Group } from '@mantine/core';
import { IconPencil, IconRefresh, IconTrash, IconX } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Machine, Repository } from '../../../engine/contract/index.ts';
import { Link, navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { Bytes, ConfirmDialog, ErrorPanel, Facts, formatBytes, notifyDone, notifyFailure, Section, TimeAgo } from '../../ui/index.ts';
import { EditMachineDialog } from './machine-dialogs.tsx';
import { MachineState } from './machine-state.tsx';
import { addressText, rolesText } from './machine-words.ts';
import classes from './machines.module.css';

const close = (): void => navigate('/infrastructure/machines', { replace: true });

export function MachineDetails({ machine }: { readonly machine: Machine }): ReactNode {
	const { settings, status, problem } = machine;
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const repositories = useQuery(trpc.repositories.list.queryOptions());
	const linked = (by: 'machineId' | 'mountServerId') => (repositories.data ?? []).filter((repository) => repository.settings[by] === machine.id);
	const [dialog, setDialog] = useState<'edit' | 'remove' | null>(null);
	const stale = (): void => void queryClient.invalidateQueries(trpc.machines.pathFilter());
	const rescan = useMutation(
		trpc.machines.rescan.mutationOptions({
			onSuccess: stale,
			onError: (error) => notifyFailure(`“${settings.name}” was not asked`, errorShapeOf(error)),
		}),
	);
	const remove = useMutation(
		trpc.machines.remove.mutationOptions({
			onSuccess: ({ isTold }) => {
				stale();
				notifyDone(isTold ? `“${settings.name}” is removed` : `“${settings.name}” is removed. It does not know yet: remove the folder of its data mover`);
				close();
			},
		}),
	);
	return (
		<div className={classes.pane}>
			<div className={classes.head}>
				<div>
					<h2>{settings.name}</h2>
					<MachineState machine={machine} />
				</div>
				<ActionIcon variant="subtle" color="gray" onClick={close} aria-label="Close the details">
					<IconX size={16} />
				</ActionIcon>
			</div>
			<Group gap="xs" className={classes.actions ?? ''}>
				<Button leftSection={<IconRefresh size={15} />} loading={rescan.isPending} onClick={() => rescan.mutate({ id: machine.id })}>
					Rescan
				</Button>
				<Button variant="default" leftSection={<IconPencil size={15} />} onClick={() => setDialog('edit')}>
					Edit…
				</Button>
				<Button variant="default" color="red" leftSection={<IconTrash size={15} />} onClick={() => setDialog('remove')}>
					Remove…
				</Button>
			</Group>
			<div className={classes.body}>
				{problem ? <ErrorPanel title="It could not be reached" failure={problem} /> : null}
				<Section title="Machine">
					<Facts
						rows={[
							['Address', addressText(settings.address)],
							['Roles', rolesText(settings.roles)],
							['Seen', <TimeAgo key="seen" at={machine.seenAt} none="never" />],
							...(status
								? ([
										['Host name', status.hostName],
										['System', `${status.platform}, ${status.processors} processors, ${formatBytes(status.memoryBytes)} memory`],
										['Holdfast', status.version],
										['Started', <TimeAgo key="started" at={status.startedAt} />],
										['Certificate ends', <TimeAgo key="certificate" at={status.certificateExpiresAt} />],
									] as const)
								: []),
						]}
					/>
				</Section>
				<RepositoryLinks title="Repositories" repositories={linked('machineId')} />
				<RepositoryLinks title="Mount server of" repositories={linked('mountServerId')} />
				{status && status.volumes.length > 0 ? (
					<Section title="Volumes">
						<ul className={classes.volumes}>
							{status.volumes.map(({ path, freeBytes, sizeBytes }) => (
								<li key={path}>
									<code>{path}</code>
									<span>
										<Bytes value={freeBytes} /> of <Bytes value={sizeBytes} /> free
									</span>
								</li>
							))}
						</ul>
					</Section>
				) : null}
			</div>
			{dialog === 'edit' ? <EditMachineDialog machine={machine} onClose={() => setDialog(null)} /> : null}
			<ConfirmDialog
				opened={dialog === 'remove'}
				title={`Remove “${settings.name}”?`}
				confirmLabel="Remove it"
				isBusy={remove.isPending}
				failure={remove.error ? errorShapeOf(remove.error) : null}
				losses={[
					'Nothing is deleted there. To manage it again it must be paired with a new token.',
					...(machine.state === 'offline' ? ['It is offline, and will not know: remove the folder of its data mover there.'] : []),
				]}
				onConfirm={() => remove.mutate({ id: machine.id, revision: machine.revision })}
				onClose={() => {
					setDialog(null);
					remove.reset();
				}}
			>
				Its data mover belongs to nobody then, and ends.
			</ConfirmDialog>
		</div>
	);
}

function RepositoryLinks({ title, repositories }: { readonly title: string; readonly repositories: readonly Repository[] }): ReactNode {
	if (repositories.length === 0) return null;
	return (
		<Section title={title}>
			<ul className={classes.volumes}>
				{repositories.map(({ id, settings: { name, path } }) => (
					<li key={id}>
						<Link to={`/repositories/${encodeURIComponent(id)}`}>{name}</Link>
						<code>{path}</code>
					</li>
				))}
			</ul>
		</Section>
	);
}
