/**
 * Managed machines, and which of them does what; devices that are served.
 *
 * Guarantees: a machine belongs to one backup server, with which it was paired by a token that is good once; from then on both sides know each
 * other by certificates that the server makes and renews, and nobody else is answered. A mover keeps nothing but its certificate. The rules by which
 * proxies and gateways are chosen are pure functions of what is known of the machines now; a choice that cannot be made says why.
 * Not here: moving data (mover), for which `acceptData` and `dataAddress` hand over connections; counting tasks (jobs/slots.ts).
 */
export type { Candidate } from './candidate.ts';
export { chooseGateway, type GatewayCandidate, type GatewayRequest, mountServerOf } from './choose-gateway.ts';
export { chooseGuestProxies, type Guest, type GuestCandidate, type GuestProcessing, type GuestProxyRequest } from './choose-guest-proxy.ts';
export { chooseProxies, type ProxyRequest, type ProxyWork } from './choose-proxy.ts';
export { defaultTasks } from './default-tasks.ts';
export { createDevices, type DeviceServing, type Devices } from './devices.ts';
export { listPlaces, requireAbsolute } from './list-places.ts';
export { lookAtSource, requireSource, type SourceFacts } from './look-at-source.ts';
export { createMachines, type DataAddress, type Machines, watchMachines } from './machines.ts';
export { type Membership, type MoverFolder, openMoverFolder } from './mover-folder.ts';
export { type MoverHost, type MoverOptions, startMover } from './mover-host.ts';
export { type MoverHosts, openMoverHosts } from './mover-hosts.ts';
export { openMoverJournal } from './mover-journal.ts';
export { openMoverVolumeSettings } from './mover-volume-settings.ts';
export { type PairingToken, parsePairingToken } from './pairing-token.ts';
export { isInside, realPathOf } from './paths.ts';
export {
	inTurn,
	type OffHostMachine,
	type OffHostProvider,
	type OffHostRequest,
	type OffHostVolume,
	refuseOffHost,
} from './plan-off-host.ts';
