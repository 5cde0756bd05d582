/**
 * Where repositories are, and how one gets there: a folder of this machine, or one that the data mover of a managed machine holds.
 * Guarantees: whatever can be done with a repository can be done with both. What only looks at stored bytes or moves them between files is done on the
 * machine that holds them; source and restored bytes go straight between here and there, within the limits and rules for the two ends.
 * Not here: what is done (jobs say it, mover, restore and repository do it), who may be spoken to (infra).
 */
export { createChainStore } from './chain-store.ts';
export { createDataPlane } from './data-plane.ts';
export { createGateways, type Gateways } from './gateways.ts';
export { type HostedData, type HostedDataOptions, hostData } from './hosted-data.ts';
export { createJobMachines, createJobSnapshots } from './machines-of-jobs.ts';
export { createOffHost, type OffHostParts } from './off-host.ts';
export { createPlaces, type Places } from './places.ts';
