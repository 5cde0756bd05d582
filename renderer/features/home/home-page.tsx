import { Button, Group } from '@mantine/core';
import { IconHistory, IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { navigate } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { EmptyState, plural, Section } from '../../ui/index.ts';
import { Answers } from './answers.tsx';
import { Attention } from './attention.tsx';
import { Capacity } from './capacity.tsx';
import { HeatMap } from './heat-map.tsx';
import classes from './home-page.module.css';
import importedClasses from './imported.module.css';
import { Imported, ImportedList } from './imported.tsx';
import { Objects } from './objects.tsx';
import { RunningNow } from './running-now.tsx';
import { Upcoming } from './upcoming.tsx';

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function HomePage(_props: PageProps): ReactNode {
	const trpc = useTRPC();
	const overview = useQuery(trpc.system.overview.queryOptions({ timeZone }));
	return <Loaded query={overview}>{(data) => (data.heatMap.length === 0 ? <Nothing imported={data.imported} /> : <Site overview={data} />)}</Loaded>;
}

function Site({ overview }: { readonly overview: Overview }): ReactNode {
	return (
		<div className={classes.page}>
			<h1 className={classes.hidden}>Home</h1>
			<Answers overview={overview} />
			<div className={classes.columns}>
				<div className={classes.main}>
					<Attention items={overview.attention} />
					<Objects objects={overview.objects} />
					<Imported jobs={overview.imported} />
					<HeatMap rows={overview.heatMap} />
				</div>
				<div className={classes.side}>
					<RunningNow />
					<Section title="Next 24 hours">
						<Upcoming runs={overview.upcoming} />
					</Section>
					<Section title="Room">
						<Capacity repositories={overview.repositories} />
					</Section>
				</div>
			</div>
		</div>
	);
}

const Nothing = ({ imported }: { readonly imported: Overview['imported'] }): ReactNode => (imported.length > 0 ? <Rescued imported={imported} /> : <Empty />);

/** A fresh installation that was given a repository with backups: what brought somebody here is most likely a disaster. */
const Rescued = ({ imported }: { readonly imported: Overview['imported'] }): ReactNode => (
	<div className={classes.nothing}>
		<h1 className={classes.hidden}>Home</h1>
		<div>
			<EmptyState
				icon={<IconHistory size={40} stroke={1.2} />}
				title={`${plural(
					imported.reduce((sum, { pointCount }) => sum + pointCount, 0),
					'restore point',
				)} can be restored`}
				action={
					<Group gap="xs" justify="center">
						<Button size="sm" leftSection={<IconHistory size={16} />} onClick={() => navigate('/restore')}>
							Restore…
						</Button>
						<Button size="sm" variant="default" leftSection={<IconPlus size={16} />} onClick={() => navigate('/jobs/new')}>
							New job
						</Button>
					</Group>
				}
			>
				Found in a repository; nothing else is needed to bring them back. Nothing new is protected until there is a job. To let one go on with a chain that is
				there, open the repository and choose “Import backups” among its actions.
			</EmptyState>
			<div className={importedClasses.found}>
				<ImportedList jobs={imported} />
			</div>
		</div>
	</div>
);

const Empty = (): ReactNode => (
	<div className={classes.nothing}>
		<h1 className={classes.hidden}>Home</h1>
		<EmptyState
			icon={<IconShieldCheck size={40} stroke={1.2} />}
			title="Nothing is protected yet"
			action={
				<Button size="sm" leftSection={<IconPlus size={16} />} onClick={() => navigate('/jobs/new')}>
					New job
				</Button>
			}
		>
			A job says what to protect, where to keep it, and when to run. After its first run this page tells whether everything is protected, when it was last
			proven restorable, and what needs you. If backups of another installation are to be restored, add their folder as a repository.
		</EmptyState>
	</div>
);
