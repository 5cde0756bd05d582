import { useMantineColorScheme } from '@mantine/core';
import { createSpotlight, Spotlight, type SpotlightActionGroupData, useSpotlight } from '@mantine/spotlight';
import { IconArchive, IconMoon, IconPencil, IconPlayerPlay, IconPlayerStop, IconPlus, IconRefresh, IconSearch, IconSun } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { useTRPC } from '../client.ts';
import { sourcesText } from '../features/jobs/job-words.ts';
import { useJobActions } from '../features/jobs/use-job-actions.ts';
import classes from './command-palette.module.css';
import { sections } from './pages.tsx';
import { navigate } from './router.tsx';

const [store, palette] = createSpotlight();
export const openPalette = (): void => palette.open();

/** Pages, jobs and what can be done to them, found by a few letters. */
export function CommandPalette(): ReactNode {
	const { opened } = useSpotlight(store);
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { setColorScheme } = useMantineColorScheme();
	const { run, cancel } = useJobActions();
	const jobs = useQuery(trpc.jobs.list.queryOptions(undefined, { enabled: opened }));
	const groups = useMemo(
		(): SpotlightActionGroupData[] => [
			{
				group: 'Pages',
				actions: sections.map(({ id, title, path, Icon }) => ({
					id,
					label: title,
					leftSection: <Icon size={17} stroke={1.6} />,
					onClick: () => navigate(path),
				})),
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
		],
		[jobs.data, queryClient, setColorScheme, run, cancel],
	);
	return (
		<Spotlight
			store={store}
			actions={groups}
			shortcut="mod + K"
			limit={14}
			scrollable
			maxHeight={420}
			radius={8}
			nothingFound="Nothing found"
			highlightQuery
			searchProps={{ leftSection: <IconSearch size={17} />, placeholder: 'A page, a job, or what to do' }}
			overlayProps={{ backgroundOpacity: 0.3, blur: 0 }}
			classNames={{ action: classes.action as string }}
		/>
	);
}
