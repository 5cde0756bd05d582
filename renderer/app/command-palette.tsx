import { Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { sections } from './pages.tsx';
import { navigate } from './router.tsx';

export function CommandPalette(): ReactNode {
	const actions: SpotlightActionData[] = [
		...sections.map(({ id, title, path, Icon }) => ({ id, label: title, leftSection: <Icon size={17} />, onClick: () => navigate(path) })),
		{ id: 'new-job', label: 'New job', leftSection: <IconPlus size={17} />, onClick: () => navigate('/jobs/new') },
	];
	return <Spotlight actions={actions} shortcut="mod + K" searchProps={{ leftSection: <IconSearch size={17} />, placeholder: 'Search' }} />;
}
