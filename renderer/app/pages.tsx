/** Every page and the section of the rail that it belongs to. The first pattern that matches wins. */
import { IconActivity, IconArchive, IconDatabase, IconHistory, IconHome, IconServer2, IconSettings, IconStack2 } from '@tabler/icons-react';
import { type ComponentType, lazy } from 'react';
import { ActivityPage } from '../features/activity/activity-page.tsx';
import { SessionPage } from '../features/activity/session-page.tsx';
import { HomePage } from '../features/home/home-page.tsx';
import { InfrastructurePage } from '../features/infrastructure/infrastructure-page.tsx';
import { InventoryPage } from '../features/inventory/inventory-page.tsx';
import { JobsPage } from '../features/jobs/jobs-page.tsx';
import { MachinesPage } from '../features/machines/machines-page.tsx';
import { RepositoriesPage } from '../features/repositories/repositories-page.tsx';
import { RestorePage } from '../features/restore/restore-page.tsx';
import { SettingsPage } from '../features/settings/settings-page.tsx';

// The wizard is not needed to look at things.
const JobWizard = lazy(async () => ({ default: (await import('../features/jobs/wizard/job-wizard.tsx')).JobWizard }));

/** `params` are those of the pattern; what comes after `?` is read with `useQueryParam`. */
export type PageProps = { readonly params: Readonly<Record<string, string>> };
export type SectionId = 'home' | 'jobs' | 'inventory' | 'restore' | 'repositories' | 'infrastructure' | 'activity' | 'settings';

export const sections: readonly { id: SectionId; title: string; path: string; Icon: typeof IconHome }[] = [
	{ id: 'home', title: 'Home', path: '/', Icon: IconHome },
	{ id: 'jobs', title: 'Jobs', path: '/jobs', Icon: IconArchive },
	{ id: 'inventory', title: 'Inventory', path: '/inventory', Icon: IconStack2 },
	{ id: 'restore', title: 'Restore', path: '/restore', Icon: IconHistory },
	{ id: 'repositories', title: 'Repositories', path: '/repositories', Icon: IconDatabase },
	{ id: 'infrastructure', title: 'Infrastructure', path: '/infrastructure', Icon: IconServer2 },
	{ id: 'activity', title: 'Activity', path: '/activity', Icon: IconActivity },
	{ id: 'settings', title: 'Settings', path: '/settings', Icon: IconSettings },
];

export const pages: readonly { pattern: string; section: SectionId; Page: ComponentType<PageProps> }[] = [
	{ pattern: '/', section: 'home', Page: HomePage },
	{ pattern: '/jobs', section: 'jobs', Page: JobsPage },
	{ pattern: '/jobs/new', section: 'jobs', Page: JobWizard },
	{ pattern: '/jobs/:id', section: 'jobs', Page: JobsPage },
	{ pattern: '/jobs/:id/edit', section: 'jobs', Page: JobWizard },
	{ pattern: '/inventory', section: 'inventory', Page: InventoryPage },
	{ pattern: '/inventory/:tab', section: 'inventory', Page: InventoryPage },
	{ pattern: '/inventory/:tab/:id', section: 'inventory', Page: InventoryPage },
	{ pattern: '/restore/*', section: 'restore', Page: RestorePage },
	{ pattern: '/restore', section: 'restore', Page: RestorePage },
	{ pattern: '/repositories/*', section: 'repositories', Page: RepositoriesPage },
	{ pattern: '/repositories', section: 'repositories', Page: RepositoriesPage },
	{ pattern: '/infrastructure/machines', section: 'infrastructure', Page: MachinesPage },
	{ pattern: '/infrastructure/machines/:id', section: 'infrastructure', Page: MachinesPage },
	{ pattern: '/infrastructure', section: 'infrastructure', Page: InfrastructurePage },
	{ pattern: '/activity', section: 'activity', Page: ActivityPage },
	{ pattern: '/sessions/:id', section: 'activity', Page: SessionPage },
	{ pattern: '/settings', section: 'settings', Page: SettingsPage },
];
