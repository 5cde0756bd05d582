import { Button } from '@mantine/core';
import { IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Overview } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { navigate } from '../../app/router.tsx';
import { useTRPC } from '../../client.ts';
import { EmptyState, Section } from '../../ui/index.ts';
import { Answers } from './answers.tsx';
import { Attention } from './attention.tsx';
import { Capacity } from './capacity.tsx';
import { HeatMap } from './heat-map.tsx';
import classes from './home-page.module.css';
import { Objects } from './objects.tsx';
import { RunningNow } from './running-now.tsx';
import { Upcoming } from './upcoming.tsx';

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function HomePage(_props: PageProps): ReactNode {
	const trpc = useTRPC();
	const overview = useQuery(trpc.system.overview.queryOptions({ timeZone }));
	return <Loaded query={overview}>{(data) => (data.heatMap.length === 0 ? <Nothing /> : <Site overview={data} />)}</Loaded>;
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

const Nothing = (): ReactNode => (
	<div className={classes.nothing}>
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
			proven restorable, and what needs you.
		</EmptyState>
	</div>
);
