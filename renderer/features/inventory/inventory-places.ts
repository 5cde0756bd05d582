/** Addresses of the inventory, and those that lead from it to a new job. */
export const tabIds = ['volumes', 'devices', 'vms', 'hosts'] as const;
export type TabId = (typeof tabIds)[number];

export const tabTitles: Readonly<Record<TabId, string>> = {
	volumes: 'Volumes',
	devices: 'Devices',
	vms: 'Virtual machines',
	hosts: 'Hypervisor hosts',
};

export const inventoryPlace = (tab: TabId, id?: string): string => `/inventory/${tab}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;

/** The wizard, with these sources chosen already. */
export const protectPlace = (sources: readonly string[]): string => `/jobs/new?${new URLSearchParams(sources.map((source) => ['source', source]))}`;
