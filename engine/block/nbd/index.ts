/**
 * Disks over the network: both sides of the NBD protocol, in the fixed newstyle with structured replies, over unix sockets and TCP, with TLS and
 * without; and a relay that shows another machine what servers of this one do.
 * Guarantees: both sides take what the other sends as hostile: every length is bounded, and what does not keep to the protocol ends the connection.
 * Does not: connect again by itself, or make several clients agree on what they write.
 */
export { NbdSource, type OpenNbdSourceOptions, openNbdSource } from './client/nbd-source.ts';
export { probeNbd } from './probe.ts';
export { allocationFlag, baseAllocation, dirtyBitmapPrefix, dirtyFlag, instantPrefix, type StatusExtent } from './protocol.ts';
export { listenOnFree } from './relay/listen-on-free.ts';
export { type NbdRelay, openNbdRelay, type RelaySetup } from './relay/relay.ts';
export type { NbdDevice, WritableDevice } from './server/device.ts';
export { NbdServer, type NbdServerOptions } from './server/nbd-server.ts';
export { formatNbdUri, isNbdUri, maxSocketPathBytes, type NbdAddress, type NbdTls, type NbdTransport, parseNbdUri } from './uri.ts';
