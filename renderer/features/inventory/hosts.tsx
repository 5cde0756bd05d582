import { Button } from '@mantine/core';
import { IconPlus, IconRefresh, IconServerBolt, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Host, parseMachinePath } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	ConfirmDialog,
	EmptyState,
	ErrorPanel,
	Facts,
	formatBytes,
	formatNumber,
	notifyDone,
	notifyFailure,
	plural,
	Section,
	SplitView,
	StatusBadge,
	type TableColumn,
	VirtualTable,
} from '../../ui/index.ts';
import { DetailsPane } from './details-pane.tsx';
import { FilterField } from './filter-field.tsx';
import { AddHostDialog } from './host-dialog.tsx';
import classes from './inventory.module.css';
import type { TabProps } from './inventory-page.tsx';
import { inventoryPlace, protectPlace } from './inventory-places.ts';

const idOf = ({ id }: Host): string => id;

export function HostHeadline(): ReactNode {
	const { data = [] } = useQuery(useTRPC().hosts.list.queryOptions());
	const offline = data.filter(({ state }) => state === 'offline').length;
	return data.length === 0 ? null : `${plural(data.length, 'host')}${offline > 0 ? ` · ${formatNumber(offline)} offline` : ''}`;
}

export function HostActions(): ReactNode {
	const [, ask] = useQueryParam('add');
	return (
		<>
			<FilterField label="Filter hosts" placeholder="Filter" />
			<Button leftSection={<IconPlus size={15} />} onClick={() => ask('host')}>
				Add host
			</Button>
		</>
	);
}

export const HostState = ({ host }: { readonly host: Host }): ReactNode => (
	<StatusBadge status={host.state === 'online' ? 'ready' : 'unreachable'} {...(host.problem && { title: host.problem.message })}>
		{host.state === 'online' ? 'Online' : 'Offline'}
	</StatusBadge>
);

const columns: readonly TableColumn<Host>[] = [
	{
		id: 'name',
		header: 'Host',
		width: 'minmax(170px, 1.4fr)',
		cell: ({ id, settings, machineName }) => (
			<span className={classes.nameCell} title={settings.uri}>
				<Link to={inventoryPlace('hosts', id)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{settings.name}
				</Link>
				<span className={classes.dim}>
					{settings.uri}
					{machineName === null ? '' : ` on ${machineName}`}
				</span>
			</span>
		),
		sortBy: ({ settings }) => settings.name,
		text: ({ settings, machineName, facts }) => `${settings.name} ${settings.uri} ${machineName ?? ''} ${facts?.hostName ?? ''}`,
	},
	{ id: 'state', header: 'State', width: '110px', cell: (host) => <HostState host={host} />, sortBy: ({ state }) => state },
	{
		id: 'product',
		header: 'Hypervisor',
		width: 'minmax(110px, 1fr)',
		cell: ({ facts, problem }) => facts?.product ?? <span className={classes.dim}>{problem?.message}</span>,
		sortBy: ({ facts }) => facts?.product ?? null,
		text: ({ facts }) => facts?.product ?? '',
	},
	{
		id: 'processors',
		header: 'Processors',
		width: '92px',
		align: 'end',
		dropBelow: 620,
		cell: ({ facts }) => (facts ? formatNumber(facts.processors) : null),
		sortBy: ({ facts }) => facts?.processors ?? null,
	},
	{
		id: 'memory',
		header: 'Memory',
		width: '84px',
		align: 'end',
		dropBelow: 620,
		cell: ({ facts }) => (facts ? formatBytes(facts.memoryBytes) : null),
		sortBy: ({ facts }) => facts?.memoryBytes ?? null,
	},
];

export function Hosts({ activeId }: TabProps): ReactNode {
	const trpc = useTRPC();
	const hosts = useQuery(trpc.hosts.list.queryOptions());
	const [filter] = useQueryParam('filter');
	const [asked, ask] = useQueryParam('add');
	return (
		<>
			<Loaded query={hosts}>
				{(data) => {
					const shown = data.find(({ id }) => id === activeId);
					return data.length === 0 ? (
						<NoHosts />
					) : (
						<SplitView id="inventory" details={shown ? <HostDetails key={shown.id} host={shown} /> : null}>
							<VirtualTable
								label="Hypervisor hosts"
								rows={data}
								columns={columns}
								rowId={idOf}
								rowHeight={48}
								filter={filter ?? ''}
								defaultSort={{ id: 'name', descending: false }}
								activeId={activeId}
								onActivate={({ id }) =>
									navigate(`${inventoryPlace('hosts', id)}${filter ? `?${new URLSearchParams({ filter })}` : ''}`, { replace: activeId !== null })
								}
								empty={<EmptyState title="No host matches">Nothing has all of “{filter}” in its name, its address or its hypervisor.</EmptyState>}
							/>
						</SplitView>
					);
				}}
			</Loaded>
			{asked === 'host' ? <AddHostDialog onClose={() => ask(null)} onAdded={({ id }) => navigate(inventoryPlace('hosts', id))} /> : null}
		</>
	);
}

/** Also where virtual machines would be. */
export const NoHosts = (): ReactNode => (
	<EmptyState
		icon={<IconServerBolt size={36} stroke={1.4} />}
		title="No hypervisor host is known"
		action={<Button onClick={() => navigate(`${inventoryPlace('hosts')}?add=host`)}>Add host</Button>}
	>
		Virtual machines are protected from outside, through the host that they run on (libvirt with QEMU): nothing is installed in them. When a host is known, its
		machines are listed here, and jobs can protect them by name, by pattern or by tag.
	</EmptyState>
);

function HostDetails({ host }: { readonly host: Host }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [isRemoving, setRemoving] = useState(false);
	const { settings, machineName, facts, problem } = host;
	const machines = useQuery(trpc.hosts.machines.queryOptions({ id: host.id }, { enabled: host.state === 'online' }));
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const needing = (jobs.data ?? []).filter((job) =>
		job.settings.sources.some(({ kind, path }) => kind === 'vm' && parseMachinePath(path).host === settings.name),
	);
	const close = (): void => navigate(inventoryPlace('hosts'), { replace: true });
	const rescan = useMutation(
		trpc.hosts.rescan.mutationOptions({
			onSuccess: (found) => {
				queryClient.setQueryData(trpc.hosts.list.queryKey(), (old) => old?.map((each) => (each.id === found.id ? found : each)));
				void queryClient.invalidateQueries(trpc.hosts.machines.queryFilter({ id: host.id }));
				if (found.problem) notifyFailure(`“${settings.name}” does not answer`, found.problem);
			},
			onError: (error) => notifyFailure(`“${settings.name}” was not asked`, errorShapeOf(error)),
		}),
	);
	const remove = useMutation(
		trpc.hosts.remove.mutationOptions({
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.hosts.pathFilter());
				notifyDone(`“${settings.name}” is removed`);
				close();
			},
		}),
	);
	return (
		<DetailsPane
			title={settings.name}
			state={<HostState host={host} />}
			onClose={close}
			actions={
				<>
					<Button leftSection={<IconRefresh size={15} />} loading={rescan.isPending} onClick={() => rescan.mutate({ id: host.id })}>
						Rescan
					</Button>
					<Button variant="default" onClick={() => navigate(protectPlace([`vm:${settings.name}/*`]))}>
						Protect all its machines…
					</Button>
					<Button variant="default" color="red" leftSection={<IconTrash size={15} />} onClick={() => setRemoving(true)}>
						Remove…
					</Button>
				</>
			}
		>
			{problem ? <ErrorPanel title="It could not be reached" failure={problem} /> : null}
			<Section title="Host">
				<Facts
					rows={[
						['Address', <code key="uri">{settings.uri}</code>],
						[
							'Reached through',
							machineName === null ? null : (
								<Link key="machine" to={`/infrastructure/machines/${encodeURIComponent(settings.machineId ?? '')}`}>
									{machineName}
								</Link>
							),
						],
						['Host name', facts?.hostName],
						['Hypervisor', facts?.product],
						['Processors', facts ? formatNumber(facts.processors) : null],
						['Memory', facts ? formatBytes(facts.memoryBytes) : null],
						['Scratch files in', <code key="scratch">{settings.scratchFolder}</code>],
					]}
				/>
			</Section>
			{host.state === 'online' ? (
				<Section title="Virtual machines" aside={<Link to={`${inventoryPlace('vms')}?${new URLSearchParams({ host: settings.name })}`}>Show them</Link>}>
					<Loaded query={machines} lines={1}>
						{(data) => (
							<p className={classes.text}>
								{data.length === 0
									? 'It knows none.'
									: `${plural(data.length, 'machine')}, ${formatNumber(data.filter(({ state }) => state === 'running').length)} of them running`}
							</p>
						)}
					</Loaded>
				</Section>
			) : null}
			<Section title="Needed by">
				{needing.length === 0 ? (
					<p className={classes.text}>No job protects its machines.</p>
				) : (
					<ul className={classes.lines}>
						{needing.map((job) => (
							<li key={job.id}>
								<Link to={`/jobs/${encodeURIComponent(job.id)}`}>{job.settings.name}</Link>
								<code>
									{job.settings.sources
										.filter(({ kind, path }) => kind === 'vm' && parseMachinePath(path).host === settings.name)
										.map(({ path }) => parseMachinePath(path).name)
										.join(', ')}
								</code>
							</li>
						))}
					</ul>
				)}
			</Section>
			<ConfirmDialog
				opened={isRemoving}
				title={`Remove the host “${settings.name}”?`}
				confirmLabel="Remove it"
				isBusy={remove.isPending}
				failure={remove.error ? errorShapeOf(remove.error) : null}
				losses={
					needing.length > 0
						? [
								`${needing.map((job) => `“${job.settings.name}”`).join(', ')} ${needing.length === 1 ? 'protects' : 'protect'} its machines: take them out first`,
							]
						: []
				}
				onConfirm={() => remove.mutate({ id: host.id, revision: host.revision })}
				onClose={() => {
					setRemoving(false);
					remove.reset();
				}}
			>
				Nothing changes on it, and the restore points of its machines stay.
			</ConfirmDialog>
		</DetailsPane>
	);
}
