/**
 * What data movers say to each other: docs/protocol.md.
 * A session is several connections that stand for one: each message is delivered exactly once, whatever becomes of single connections, as long as one of them
 * comes back within five minutes. `WireHost` with a `RepositoryHost` answers; `RemoteRun` and `RemoteRepository` ask.
 * Not here: who is who. Transports come authenticated, with the id of the peer.
 */
export type { Connect } from './client.ts';
export type { Transport } from './connection.ts';
export { dial } from './dial.ts';
export { protocolVersion } from './frame.ts';
export { type GiveBack, giveBack } from './give-back.ts';
export type { GiveBackWords, GivenBack } from './give-back-words.ts';
export { type HostOptions, type Peer, WireHost } from './host.ts';
export { isRemotePlace, type MoverAddress, type RemotePlace } from './place.ts';
export type { OpenedReading, ProtectWords, ReadingWish, ThirdMachine } from './protect-words.ts';
export { RemoteReading } from './remote-reading.ts';
export { type ReachOptions, RemoteRepository, RemoteStorage } from './remote-repository.ts';
export { RemoteRun } from './remote-run.ts';
export { type HostOutcome, type HostWork, workOnHost } from './remote-work.ts';
export { type HeldReading, type HostedMachine, RepositoryHost, type RepositoryHostOptions } from './repository-host.ts';
export { passOn } from './target-port.ts';
