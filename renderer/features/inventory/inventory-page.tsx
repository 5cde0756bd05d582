import { Tabs } from '@mantine/core';
import type { ComponentType, ReactNode } from 'react';
import type { PageProps } from '../../app/pages.tsx';
import { navigate } from '../../app/router.tsx';
import { PageHeader } from '../../ui/index.ts';
import { DeviceActions, DeviceHeadline, Devices } from './devices.tsx';
import { HostActions, HostHeadline, Hosts } from './hosts.tsx';
import classes from './inventory.module.css';
import { inventoryPlace, type TabId, tabIds, tabTitles } from './inventory-places.ts';
import { MachineActions, MachineHeadline, Machines } from './machines.tsx';
import { VolumeActions, VolumeHeadline, Volumes } from './volumes.tsx';

export type TabProps = { readonly activeId: string | null };
type Tab = { readonly Headline: ComponentType; readonly Actions: ComponentType; readonly Content: ComponentType<TabProps> };

const tabs: Readonly<Record<TabId, Tab>> = {
	volumes: { Headline: VolumeHeadline, Actions: VolumeActions, Content: Volumes },
	devices: { Headline: DeviceHeadline, Actions: DeviceActions, Content: Devices },
	vms: { Headline: MachineHeadline, Actions: MachineActions, Content: Machines },
	hosts: { Headline: HostHeadline, Actions: HostActions, Content: Hosts },
};

/** What there is to protect, by what holds it, and which job protects it. */
export function InventoryPage({ params }: PageProps): ReactNode {
	const id = tabIds.find((each) => each === params.tab) ?? 'volumes';
	const { Headline, Actions, Content } = tabs[id];
	return (
		<>
			<PageHeader title="Inventory" detail={<Headline />}>
				<Actions />
			</PageHeader>
			<Tabs value={id} onChange={(next) => next && navigate(inventoryPlace(next as TabId))} className={classes.tabs ?? ''}>
				<Tabs.List className={classes.tabList ?? ''} aria-label="Kinds of what can be protected">
					{tabIds.map((each) => (
						<Tabs.Tab key={each} value={each}>
							{tabTitles[each]}
						</Tabs.Tab>
					))}
				</Tabs.List>
			</Tabs>
			<div className={classes.content}>
				<Content key={id} activeId={params.id ?? null} />
			</div>
		</>
	);
}
