import { Button } from '@mantine/core';
import { IconDeviceSdCard, IconPlus, IconShieldPlus, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { Device, JobSummary } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	Bytes,
	ConfirmDialog,
	EmptyState,
	ErrorPanel,
	Facts,
	formatBytes,
	formatNumber,
	notifyDone,
	plural,
	Section,
	SplitView,
	StatusBadge,
	type TableColumn,
	Unknown,
	VirtualTable,
} from '../../ui/index.ts';
import { CopyIcon } from './copy-button.tsx';
import { DetailsPane } from './details-pane.tsx';
import { AddDeviceDialog } from './device-dialog.tsx';
import { FilterField } from './filter-field.tsx';
import classes from './inventory.module.css';
import type { TabProps } from './inventory-page.tsx';
import { inventoryPlace, protectPlace } from './inventory-places.ts';
import { cachedBytes, deviceState } from './inventory-words.ts';

/** Connections and caches change without any event; thousands of devices are not asked for every few seconds. */
const lookAgainMs = (count: number): number => Math.max(4000, count * 10);
const noJobs: readonly JobSummary[] = [];
const idOf = ({ id }: Device): string => id;

function useDevices() {
	return useQuery(useTRPC().devices.list.queryOptions(undefined, { refetchInterval: ({ state }) => lookAgainMs(state.data?.length ?? 0) }));
}

export function DeviceHeadline(): ReactNode {
	const { data = [] } = useDevices();
	const troubled = data.filter(({ problem }) => problem !== null).length;
	return data.length === 0 ? null : `${plural(data.length, 'device')}${troubled > 0 ? ` · ${formatNumber(troubled)} not served` : ''}`;
}

export function DeviceActions(): ReactNode {
	const [, ask] = useQueryParam('add');
	return (
		<>
			<FilterField label="Filter devices" placeholder="Filter" />
			<Button leftSection={<IconPlus size={15} />} onClick={() => ask('device')}>
				Add device
			</Button>
		</>
	);
}

const DeviceState = ({ device }: { readonly device: Device }): ReactNode => {
	const { status, word } = deviceState(device);
	return (
		<StatusBadge status={status} {...(device.problem && { title: device.problem.message })}>
			{word}
		</StatusBadge>
	);
};

type Covering = ReadonlyMap<string, readonly JobSummary[]>;
const columnsWith = (jobsOf: Covering): readonly TableColumn<Device>[] => [
	{
		id: 'name',
		header: 'Device',
		width: 'minmax(150px, 2fr)',
		cell: ({ id, settings }) => (
			<span className={classes.nameCell} title={settings.path}>
				<Link to={inventoryPlace('devices', id)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{settings.name}
				</Link>
				<span className={classes.dim}>{settings.path}</span>
			</span>
		),
		sortBy: ({ settings }) => settings.name,
		text: ({ settings }) => `${settings.name} ${settings.path}`,
	},
	{ id: 'state', header: 'State', width: '126px', cell: (device) => <DeviceState device={device} />, sortBy: (device) => deviceState(device).word },
	{
		id: 'size',
		header: 'Size',
		width: '84px',
		align: 'end',
		dropBelow: 520,
		cell: ({ sizeBytes }) => <Bytes value={sizeBytes} />,
		sortBy: ({ sizeBytes }) => sizeBytes,
	},
	{ id: 'clients', header: 'Connections', width: '96px', align: 'end', cell: ({ clients }) => formatNumber(clients), sortBy: ({ clients }) => clients },
	{
		id: 'cache',
		header: 'In the cache',
		width: '104px',
		align: 'end',
		dropBelow: 600,
		cell: (device) => (device.snapshots.length === 0 ? <Unknown title="No snapshot is held" /> : <Bytes value={cachedBytes(device)} />),
		sortBy: cachedBytes,
	},
	{
		id: 'jobs',
		header: 'Protected by',
		width: 'minmax(110px, 1.2fr)',
		cell: ({ settings }) => {
			const names = (jobsOf.get(settings.path) ?? []).map((job) => job.settings.name).join(', ');
			return names === '' ? <Unknown title="No job protects it" /> : <span title={names}>{names}</span>;
		},
		sortBy: ({ settings }) => jobsOf.get(settings.path)?.length ?? 0,
		text: ({ settings }) => (jobsOf.get(settings.path) ?? []).map((job) => job.settings.name).join(' '),
	},
];

function jobsByDisk(jobs: readonly JobSummary[]): Covering {
	const found = new Map<string, JobSummary[]>();
	for (const job of jobs)
		for (const { kind, path } of job.settings.sources)
			if (kind === 'disk' && job.settings.machineId === null) found.set(path, [...(found.get(path) ?? []), job]);
	return found;
}

export function Devices({ activeId }: TabProps): ReactNode {
	const trpc = useTRPC();
	const devices = useDevices();
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const [filter] = useQueryParam('filter');
	const [asked, ask] = useQueryParam('add');
	const jobsOf = useMemo(() => jobsByDisk(jobs.data ?? noJobs), [jobs.data]);
	const columns = useMemo(() => columnsWith(jobsOf), [jobsOf]);
	return (
		<>
			<Loaded query={devices}>
				{(data) => {
					const shown = data.find(({ id }) => id === activeId);
					return data.length === 0 ? (
						<EmptyState
							icon={<IconDeviceSdCard size={36} stroke={1.4} />}
							title="No device is written through Holdfast"
							action={<Button onClick={() => ask('device')}>Add device</Button>}
						>
							Holdfast makes snapshots of a raw image or a block device itself, and knows what has changed since the last point, if whatever writes to it goes
							through an address that Holdfast serves (NBD). That needs no file system that can make snapshots.
						</EmptyState>
					) : (
						<SplitView id="inventory" details={shown ? <DeviceDetails key={shown.id} device={shown} jobs={jobsOf.get(shown.settings.path) ?? noJobs} /> : null}>
							<VirtualTable
								label="Devices"
								rows={data}
								columns={columns}
								rowId={idOf}
								rowHeight={48}
								filter={filter ?? ''}
								defaultSort={{ id: 'name', descending: false }}
								activeId={activeId}
								onActivate={({ id }) =>
									navigate(`${inventoryPlace('devices', id)}${filter ? `?${new URLSearchParams({ filter })}` : ''}`, { replace: activeId !== null })
								}
								empty={<EmptyState title="No device matches">Nothing has all of “{filter}” in its name, its path or its jobs.</EmptyState>}
							/>
						</SplitView>
					);
				}}
			</Loaded>
			{asked === 'device' ? <AddDeviceDialog onClose={() => ask(null)} onAdded={({ id }) => navigate(inventoryPlace('devices', id))} /> : null}
		</>
	);
}

function DeviceDetails({ device, jobs }: { readonly device: Device; readonly jobs: readonly JobSummary[] }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [isRemoving, setRemoving] = useState(false);
	const { settings, clients, snapshots } = device;
	const close = (): void => navigate(inventoryPlace('devices'), { replace: true });
	const remove = useMutation(
		trpc.devices.remove.mutationOptions({
			onSuccess: () => {
				void queryClient.invalidateQueries(trpc.devices.pathFilter());
				notifyDone(`“${settings.name}” is served no longer`);
				close();
			},
		}),
	);
	return (
		<DetailsPane
			title={settings.name}
			state={<DeviceState device={device} />}
			onClose={close}
			actions={
				<>
					<Button variant="default" leftSection={<IconShieldPlus size={15} />} onClick={() => navigate(protectPlace([`disk:${settings.path}`]))}>
						Protect it…
					</Button>
					<Button variant="default" color="red" leftSection={<IconTrash size={15} />} onClick={() => setRemoving(true)}>
						Remove…
					</Button>
				</>
			}
		>
			{device.problem ? <ErrorPanel title="It is not served" failure={device.problem} /> : null}
			<Section title="Its users reach it at">
				{device.uri === null ? (
					<p className={classes.text}>It has an address while it is served.</p>
				) : (
					<div className={classes.address}>
						<code>{device.uri}</code>
						<CopyIcon value={device.uri} label="Copy the address" />
					</div>
				)}
			</Section>
			<Section title="Device">
				<Facts
					rows={[
						['Path', <code key="path">{settings.path}</code>],
						['Size', <Bytes key="size" value={device.sizeBytes} />],
						['Connections', formatNumber(clients)],
						['Cache in', settings.cacheFolder === null ? 'the data folder' : <code key="cache">{settings.cacheFolder}</code>],
						['At most', `${settings.cacheLimitBytes === null ? 'a fifth of the device' : formatBytes(settings.cacheLimitBytes)}, for each snapshot`],
					]}
				/>
			</Section>
			<Section title="Snapshots held now">
				{snapshots.length === 0 ? (
					<p className={classes.text}>None: no job reads it.</p>
				) : (
					<ul className={classes.lines}>
						{snapshots.map(({ cachedBytes, problem }, i) => (
							// biome-ignore lint/suspicious/noArrayIndexKey: they have no name, and nothing of their own
							<li key={i}>
								<span>
									<Bytes value={cachedBytes} /> overwritten since, in the cache
								</span>
								{problem ? <StatusBadge status="failed">Lost</StatusBadge> : <StatusBadge status="busy">Being read</StatusBadge>}
								{problem ? <small data-tone="warn">{problem.message}</small> : null}
							</li>
						))}
					</ul>
				)}
			</Section>
			<Section title="Protected by">
				{jobs.length === 0 ? (
					<p className={classes.text}>No job protects it.</p>
				) : (
					<ul className={classes.lines}>
						{jobs.map((job) => (
							<li key={job.id}>
								<Link to={`/jobs/${encodeURIComponent(job.id)}`}>{job.settings.name}</Link>
							</li>
						))}
					</ul>
				)}
			</Section>
			<ConfirmDialog
				opened={isRemoving}
				title={`Remove the device “${settings.name}”?`}
				confirmLabel="Serve it no longer"
				isBusy={remove.isPending}
				failure={remove.error ? errorShapeOf(remove.error) : null}
				losses={[
					...(clients > 0 ? [`${plural(clients, 'connection')} of its users ${clients === 1 ? 'is' : 'are'} cut: what writes through it fails`] : []),
					...(jobs.length > 0
						? [
								`${jobs.map((job) => `“${job.settings.name}”`).join(', ')} will read it live, or fail where a snapshot is required, and read all of it at the next run`,
							]
						: []),
				]}
				onConfirm={() => remove.mutate({ id: device.id, revision: device.revision })}
				onClose={() => {
					setRemoving(false);
					remove.reset();
				}}
			>
				What lies at {settings.path} stays as it is. What has changed in it since the last point is forgotten.
			</ConfirmDialog>
		</DetailsPane>
	);
}
