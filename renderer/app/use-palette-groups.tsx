import { useMantineColorScheme } from '@mantine/core';
import type { SpotlightActionGroupData } from '@mantine/spotlight';
import {
	IconArchive,
	IconDatabase,
	IconDeviceSdCard,
	IconDisc,
	IconHistory,
	IconMoon,
	IconPencil,
	IconPlayerPlay,
	IconPlayerStop,
	IconPlus,
	IconRefresh,
	IconServer2,
	IconServerBolt,
	IconStack2,
	IconSun,
} from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { locationText } from '../../engine/contract/index.ts';
import { useTRPC } from '../client.ts';
import { inventoryPlace, tabIds, tabTitles, useMachines } from '../features/inventory/index.ts';
import { sourcesText } from '../features/jobs/job-words.ts';
import { useJobActions } from '../features/jobs/use-job-actions.ts';
import { displayPath } from '../features/restore/path-text.ts';
import { newestPlace, objectPath } from '../features/restore/restore-places.ts';
import { sections } from './pages.tsx';
import { navigate } from './router.tsx';

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** All that the palette offers. `enabled`: it is open. */
export function usePaletteGroups(enabled: boolean): SpotlightActionGroupData[] {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { setColorScheme } = useMantineColorScheme();
	const { run, cancel } = useJobActions();
	const jobs = useQuery(trpc.jobs.list.queryOptions(undefined, { enabled }));
	const overview = useQuery(trpc.system.overview.queryOptions({ timeZone }, { enabled }));
	const repositories = useQuery(trpc.repositories.list.queryOptions(undefined, { enabled }));
	const volumes = useQuery(trpc.volumes.list.queryOptions({ rescan: false }, { enabled }));
	const devices = useQuery(trpc.devices.list.queryOptions(undefined, { enabled }));
	const { hosts, rows: machines } = useMachines({ enabled });
	// By itself: tens of thousands are not made anew when a job begins to run.
	const inventory = useMemo(
		(): SpotlightActionGroupData => ({
			group: 'Inventory',
			actions: [
				...machines.map(({ id, host, machine }) => ({
					id: `vm ${id}`,
					label: machine.name,
					description: `Virtual machine on ${host.settings.name}`,
					leftSection: <IconServer2 size={17} stroke={1.6} />,
					onClick: () => navigate(inventoryPlace('vms', id)),
				})),
				...(hosts.data ?? []).map(({ id, settings }) => ({
					id: `host ${id}`,
					label: settings.name,
					description: `Hypervisor host, ${settings.uri}`,
					leftSection: <IconServerBolt size={17} stroke={1.6} />,
					onClick: () => navigate(inventoryPlace('hosts', id)),
				})),
				...(volumes.data ?? []).map(({ id, device }) => ({
					id: `volume ${id}`,
					label: id,
					description: `Volume${device === null ? '' : ` on ${device}`}`,
					leftSection: <IconDisc size={17} stroke={1.6} />,
					onClick: () => navigate(inventoryPlace('volumes', id)),
				})),
				...(devices.data ?? []).map(({ id, settings }) => ({
					id: `device ${id}`,
					label: settings.name,
					description: `Device, ${settings.path}`,
					leftSection: <IconDeviceSdCard size={17} stroke={1.6} />,
					onClick: () => navigate(inventoryPlace('devices', id)),
				})),
			],
		}),
		[machines, hosts.data, volumes.data, devices.data],
	);
	return useMemo(
		(): SpotlightActionGroupData[] => [
			{
				group: 'Pages',
				actions: [
					...sections.map(({ id, title, path, Icon }) => ({
						id,
						label: title,
						leftSection: <Icon size={17} stroke={1.6} />,
						onClick: () => navigate(path),
					})),
					...tabIds.map((tab) => ({
						id: `inventory ${tab}`,
						label: tabTitles[tab],
						description: 'Inventory',
						leftSection: <IconStack2 size={17} stroke={1.6} />,
						onClick: () => navigate(inventoryPlace(tab)),
					})),
				],
			},
			{
				group: 'Actions',
				actions: [
					{ id: 'new-job', label: 'New job', leftSection: <IconPlus size={17} stroke={1.6} />, onClick: () => navigate('/jobs/new') },
					{
						id: 'refresh',
						label: 'Ask the server for everything again',
						leftSection: <IconRefresh size={17} stroke={1.6} />,
						onClick: () => void queryClient.invalidateQueries(),
					},
					{ id: 'new-repository', label: 'Add repository', leftSection: <IconPlus size={17} stroke={1.6} />, onClick: () => navigate('/repositories?new') },
					{
						id: 'new-host',
						label: 'Add hypervisor host',
						leftSection: <IconPlus size={17} stroke={1.6} />,
						onClick: () => navigate(`${inventoryPlace('hosts')}?add=host`),
					},
					{
						id: 'new-device',
						label: 'Add device',
						leftSection: <IconPlus size={17} stroke={1.6} />,
						onClick: () => navigate(`${inventoryPlace('devices')}?add=device`),
					},
					{ id: 'light', label: 'Appearance: light', leftSection: <IconSun size={17} stroke={1.6} />, onClick: () => setColorScheme('light') },
					{ id: 'dark', label: 'Appearance: dark', leftSection: <IconMoon size={17} stroke={1.6} />, onClick: () => setColorScheme('dark') },
				],
			},
			{
				group: 'Jobs',
				actions: (jobs.data ?? []).flatMap(({ id, settings, activeSessionId }) => [
					{
						id: `job ${id}`,
						label: settings.name,
						description: sourcesText(settings.sources),
						leftSection: <IconArchive size={17} stroke={1.6} />,
						onClick: () => navigate(`/jobs/${encodeURIComponent(id)}`),
					},
					activeSessionId === null
						? {
								id: `run ${id}`,
								label: `Run ${settings.name}`,
								leftSection: <IconPlayerPlay size={17} stroke={1.6} />,
								onClick: () => run([{ id, name: settings.name }]),
							}
						: { id: `cancel ${id}`, label: `Cancel ${settings.name}`, leftSection: <IconPlayerStop size={17} stroke={1.6} />, onClick: () => cancel(id) },
					{
						id: `edit ${id}`,
						label: `Edit ${settings.name}`,
						leftSection: <IconPencil size={17} stroke={1.6} />,
						onClick: () => navigate(`/jobs/${encodeURIComponent(id)}/edit`),
					},
				]),
			},
			{
				group: 'Restore',
				actions: (overview.data?.objects ?? [])
					.filter(({ lastPointAt }) => lastPointAt !== null)
					.map(({ object, jobId, job }) => ({
						id: `object ${jobId} ${object}`,
						label: `Restore ${displayPath(objectPath(object))}`,
						description: job,
						leftSection: <IconHistory size={17} stroke={1.6} />,
						onClick: () => navigate(newestPlace(object, jobId)),
					})),
			},
			{
				group: 'Repositories',
				actions: (repositories.data ?? []).map(({ id, settings, machine }) => ({
					id: `repository ${id}`,
					label: settings.name,
					description: locationText({ settings, machine }),
					leftSection: <IconDatabase size={17} stroke={1.6} />,
					onClick: () => navigate(`/repositories/${encodeURIComponent(id)}`),
				})),
			},
			inventory,
		],
		[inventory, jobs.data, overview.data, repositories.data, queryClient, setColorScheme, run, cancel],
	);
}
