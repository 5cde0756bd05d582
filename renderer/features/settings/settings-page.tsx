import { SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Processing } from '../../../engine/contract/index.ts';
import { Loaded } from '../../app/loaded.tsx';
import type { PageProps } from '../../app/pages.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, Facts, formatBytes, PageHeader, plural, Section, TimeAgo } from '../../ui/index.ts';
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
				<ProcessingSection />
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

const processingNotes: Readonly<Record<Processing, string>> = {
	parallel: 'As many at a time as repositories and machines allow. Snapshots are held for a shorter time.',
	sequential: 'The objects of a job wait for each other. Different jobs still run side by side.',
};

function ProcessingSection(): ReactNode {
	const trpc = useTRPC();
	const current = useQuery(trpc.system.settings.queryOptions());
	const change = useMutation(trpc.system.configure.mutationOptions({ onSettled: () => current.refetch() }));
	return (
		<Section title="Objects of a job">
			<Loaded query={current}>
				{({ revision, settings }) => (
					<>
						<SegmentedControl
							aria-label="Objects of a job"
							value={settings.processing}
							disabled={change.isPending}
							onChange={(value) => change.mutate({ revision, settings: { ...settings, processing: value as Processing } })}
							data={[
								{ value: 'parallel', label: 'Side by side' },
								{ value: 'sequential', label: 'One after the other' },
							]}
						/>
						<div className={classes.note}>{processingNotes[settings.processing]} Sessions that run already go on as they began.</div>
						{change.error ? <ErrorPanel failure={errorShapeOf(change.error)} /> : null}
					</>
				)}
			</Loaded>
		</Section>
	);
}
