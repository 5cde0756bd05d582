/** Where snapshots are shown to proxies, one port for each task: few enough to be let through a firewall, and none that another service is known for. */
const first = 9480;
const count = 100;
export const exportPorts: readonly number[] = Array.from({ length: count }, (_, i) => first + i);
