import { Button, NumberInput, Select } from '@mantine/core';
import { IconDatabase, IconRefresh, IconShieldPlus } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import type { JobSummary, Volume } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import { Link, navigate, useQueryParam } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import {
	Bytes,
	EmptyState,
	ErrorPanel,
	Facts,
	notifyFailure,
	plural,
	Section,
	SplitView,
	StatusBadge,
	type TableColumn,
	TimeAgo,
	Unknown,
	VirtualTable,
} from '../../ui/index.ts';
import { DetailsPane } from './details-pane.tsx';
import { FilterField } from './filter-field.tsx';
import classes from './inventory.module.css';
import type { TabProps } from './inventory-page.tsx';
import { inventoryPlace, protectPlace } from './inventory-places.ts';
import { instantWords, type PlacedSource, providerTitle, sourcesByVolume, takenText } from './inventory-words.ts';

const noJobs: readonly JobSummary[] = [];
const noVolumes: readonly Volume[] = [];
const idOf = ({ id }: Volume): string => id;

function useVolumes() {
	return useQuery(useTRPC().volumes.list.queryOptions({ rescan: false }));
}

export function VolumeHeadline(): ReactNode {
	const { data } = useVolumes();
	const first = data?.[0];
	if (!first) return null;
	return (
		<>
			{plural(data.length, 'volume')} · looked at <TimeAgo at={first.scannedAt} />
		</>
	);
}

export function VolumeActions(): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const rescan = useMutation({
		mutationFn: () => queryClient.fetchQuery(trpc.volumes.list.queryOptions({ rescan: true }, { staleTime: 0, gcTime: 0 })),
		onSuccess: (volumes) => queryClient.setQueryData(trpc.volumes.list.queryKey({ rescan: false }), volumes),
		onError: (error) => notifyFailure('The volumes were not looked at', errorShapeOf(error)),
	});
	return (
		<>
			<FilterField label="Filter volumes" placeholder="Filter" />
			<Button variant="default" leftSection={<IconRefresh size={15} />} loading={rescan.isPending} onClick={() => rescan.mutate()}>
				Rescan
			</Button>
		</>
	);
}

const columnsWith = (sources: ReadonlyMap<string, readonly PlacedSource[]>): readonly TableColumn<Volume>[] => [
	{
		id: 'name',
		header: 'Volume',
		width: 'minmax(150px, 2fr)',
		cell: ({ id, device }) => (
			<span className={classes.nameCell} title={id}>
				<Link to={inventoryPlace('volumes', id)} tabIndex={-1} className={classes.rowLink ?? ''}>
					{id}
				</Link>
				<span className={classes.dim}>{device}</span>
			</span>
		),
		sortBy: idOf,
		text: ({ id, device }) => `${id} ${device ?? ''}`,
	},
	{
		id: 'fileSystem',
		header: 'File system',
		width: '100px',
		cell: ({ fileSystem, isReadOnly }) => `${fileSystem ?? '–'}${isReadOnly ? ', read-only' : ''}`,
		sortBy: ({ fileSystem }) => fileSystem,
		text: ({ fileSystem }) => fileSystem ?? '',
	},
	{
		id: 'size',
		header: 'Size',
		width: '84px',
		align: 'end',
		dropBelow: 560,
		cell: ({ sizeBytes }) => <Bytes value={sizeBytes} />,
		sortBy: ({ sizeBytes }) => sizeBytes,
	},
	{
		id: 'free',
		header: 'Free',
		width: '84px',
		align: 'end',
		dropBelow: 640,
		cell: ({ freeBytes }) => <Bytes value={freeBytes} />,
		sortBy: ({ freeBytes }) => freeBytes,
	},
	{
		id: 'taken',
		header: 'Jobs read from',
		width: 'minmax(150px, 1.4fr)',
		cell: (volume) => <Taken volume={volume} />,
		sortBy: takenText,
		text: takenText,
	},
	{
		id: 'max',
		header: 'Snapshots at a time',
		width: '136px',
		align: 'end',
		dropBelow: 700,
		cell: ({ maxSnapshots }) => maxSnapshots,
		sortBy: ({ maxSnapshots }) => maxSnapshots,
	},
	{
		id: 'jobs',
		header: 'Protected by',
		width: 'minmax(110px, 1.2fr)',
		dropBelow: 560,
		cell: ({ id }) => {
			const names = [...new Set((sources.get(id) ?? []).map(({ job }) => job))].join(', ');
			return names === '' ? <Unknown title="No job has a source on it" /> : <span title={names}>{names}</span>;
		},
		sortBy: ({ id }) => sources.get(id)?.length ?? 0,
		text: ({ id }) => (sources.get(id) ?? []).map(({ job }) => job).join(' '),
	},
];

const Taken = ({ volume }: { readonly volume: Volume }): ReactNode =>
	volume.provider === null ? <StatusBadge status="never">{takenText(volume)}</StatusBadge> : <StatusBadge status="ready">{takenText(volume)}</StatusBadge>;

export function Volumes({ activeId }: TabProps): ReactNode {
	const trpc = useTRPC();
	const volumes = useVolumes();
	const jobs = useQuery(trpc.jobs.list.queryOptions());
	const [filter] = useQueryParam('filter');
	const sources = useMemo(() => sourcesByVolume(jobs.data ?? noJobs, volumes.data ?? noVolumes), [jobs.data, volumes.data]);
	const columns = useMemo(() => columnsWith(sources), [sources]);
	return (
		<Loaded query={volumes}>
			{(data) => {
				const shown = data.find(({ id }) => id === activeId);
				return data.length === 0 ? (
					<EmptyState icon={<IconDatabase size={36} stroke={1.4} />} title="This system does not tell what is mounted">
						Volumes are the mounted file systems of the machine that Holdfast runs on. Without them no snapshot can be made: jobs read their sources live.
					</EmptyState>
				) : (
					<SplitView id="inventory" details={shown ? <VolumeDetails key={shown.id} volume={shown} sources={sources.get(shown.id) ?? []} /> : null}>
						<VirtualTable
							label="Volumes"
							rows={data}
							columns={columns}
							rowId={idOf}
							rowHeight={48}
							filter={filter ?? ''}
							defaultSort={{ id: 'name', descending: false }}
							activeId={activeId}
							onActivate={({ id }) =>
								navigate(`${inventoryPlace('volumes', id)}${filter ? `?${new URLSearchParams({ filter })}` : ''}`, { replace: activeId !== null })
							}
							empty={<EmptyState title="No volume matches">Nothing has all of “{filter}” in its path, its device, its file system or its jobs.</EmptyState>}
						/>
					</SplitView>
				);
			}}
		</Loaded>
	);
}

function VolumeDetails({ volume, sources }: { readonly volume: Volume; readonly sources: readonly PlacedSource[] }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [max, setMax] = useState<number | string>(volume.maxSnapshots);
	const change = useMutation(
		trpc.volumes.change.mutationOptions({
			onSuccess: ({ maxSnapshots }) => {
				setMax(maxSnapshots);
				void queryClient.invalidateQueries(trpc.volumes.pathFilter());
			},
		}),
	);
	const best = volume.providers.find(({ reason }) => reason === null)?.name ?? null;
	const can = volume.providers.filter(({ reason }) => reason === null).map(({ name }) => ({ value: name, label: providerTitle(name) }));
	const stale = volume.choice === 'auto' || volume.choice === 'none' || can.some(({ value }) => value === volume.choice) ? [] : [volume.choice];
	const isValid = typeof max === 'number' && Number.isInteger(max) && max >= 1 && max <= 64;
	return (
		<DetailsPane
			title={volume.id}
			state={<Taken volume={volume} />}
			onClose={() => navigate(inventoryPlace('volumes'), { replace: true })}
			actions={
				<Button variant="default" leftSection={<IconShieldPlus size={15} />} onClick={() => navigate(protectPlace([`folder:${volume.id}`]))}>
					Protect it…
				</Button>
			}
		>
			<Section title="Snapshots">
				<div className={classes.form}>
					<Select
						label="Jobs that read by “automatic” read it from"
						description="A job can name a provider itself, or read live."
						data={[
							{ value: 'auto', label: `Automatic (${best === null ? 'live: nobody can make snapshots of it' : providerTitle(best)})` },
							...can,
							...stale.map((name) => ({ value: name, label: `${providerTitle(name)} (cannot any more)`, disabled: true })),
							{ value: 'none', label: 'Live, without a snapshot' },
						]}
						value={volume.choice}
						allowDeselect={false}
						disabled={change.isPending}
						onChange={(provider) => provider && provider !== volume.choice && change.mutate({ id: volume.id, provider })}
					/>
					<form
						onSubmit={(event) => {
							event.preventDefault();
							if (isValid) change.mutate({ id: volume.id, maxSnapshots: max });
						}}
					>
						<NumberInput
							label="Snapshots at a time"
							description="Further jobs wait until one is released."
							w={220}
							min={1}
							max={64}
							clampBehavior="none"
							value={max}
							onChange={setMax}
							error={isValid ? null : 'A number from 1 to 64.'}
							rightSectionWidth={70}
							rightSection={
								max === volume.maxSnapshots ? null : (
									<Button type="submit" size="compact-xs" disabled={!isValid} loading={change.isPending}>
										Save
									</Button>
								)
							}
						/>
					</form>
					{change.error ? <ErrorPanel title="It was not changed" failure={errorShapeOf(change.error)} /> : null}
				</div>
			</Section>
			<Section title="Providers, best first">
				<ul className={classes.lines}>
					{volume.providers.map(({ name, reason, instant, isHardware, isTransportable }) => (
						<li key={name}>
							<span>{providerTitle(name)}</span>
							<StatusBadge status={reason === null ? 'ready' : 'never'}>{reason === null ? 'Can' : 'Cannot'}</StatusBadge>
							<small>
								{reason ??
									[`Shows ${instantWords[instant]}`, isHardware && 'made by the storage', isTransportable && 'can be read from another machine']
										.filter(Boolean)
										.join('; ')}
							</small>
						</li>
					))}
				</ul>
			</Section>
			<Section title="Volume">
				<Facts
					rows={[
						['Device', volume.device ?? 'not known'],
						['File system', `${volume.fileSystem ?? 'not known'}${volume.isReadOnly ? ', mounted read-only' : ''}`],
						['Size', <Bytes key="size" value={volume.sizeBytes} />],
						['Free', <Bytes key="free" value={volume.freeBytes} />],
						['Looked at', <TimeAgo key="scanned" at={volume.scannedAt} />],
					]}
				/>
			</Section>
			<Section title="Sources on it">
				{sources.length === 0 ? (
					<p className={classes.text}>No job has a source on it.</p>
				) : (
					<ul className={classes.lines}>
						{sources.map(({ jobId, job, kind, path }) => (
							<li key={`${jobId} ${kind}:${path}`}>
								<code>{path}</code>
								<Link to={`/jobs/${encodeURIComponent(jobId)}`}>{job}</Link>
							</li>
						))}
					</ul>
				)}
			</Section>
		</DetailsPane>
	);
}
