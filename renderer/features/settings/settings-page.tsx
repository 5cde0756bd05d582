import { SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { useTRPC } from '../../client.ts';
import { Facts, formatBytes, PageHeader, plural, Section, TimeAgo } from '../../ui/index.ts';
import { KeysSection } from '../keys/index.ts';
import classes from './settings-page.module.css';

export function SettingsPage(_props: PageProps): ReactNode {
	const trpc = useTRPC();
	const info = useQuery(trpc.system.info.queryOptions());
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	return (
		<>
			<PageHeader title="Settings" />
			<div className={classes.page}>
				<Section title="Appearance">
					<SegmentedControl
						aria-label="Appearance"
						value={colorScheme}
						onChange={(value) => setColorScheme(value as typeof colorScheme)}
						data={[
							{ value: 'auto', label: 'As the system' },
							{ value: 'light', label: 'Light' },
							{ value: 'dark', label: 'Dark' },
						]}
					/>
					<div className={classes.note}>Kept in this browser.</div>
				</Section>
				<KeysSection />
				<Section title="About this server">
					<Loaded query={info}>
						{(data) => (
							<>
								<Facts
									rows={[
										['Product', `${data.product} ${data.version}`],
										['Machine', `${data.hostName} (${data.platform}, ${plural(data.processors, 'processor')}, ${formatBytes(data.memoryBytes)})`],
										['Running since', <TimeAgo key="since" at={data.startedAt} />],
										['Time zone', data.timeZone],
										['Data folder', <code key="folder">{data.dataFolder}</code>],
										['Node', data.node],
									]}
								/>
								{data.limits.length > 0 && (
									<div className={classes.limits}>
										What this machine cannot do:
										<ul>
											{data.limits.map((limit) => (
												<li key={limit}>{limit}</li>
											))}
										</ul>
									</div>
								)}
							</>
						)}
					</Loaded>
				</Section>
			</div>
		</>
	);
}
