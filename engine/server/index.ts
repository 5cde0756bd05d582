/**
 * The engine's door to a network: HTTP for the browser console and its downloads, one WebSocket for the contract.
 *
 * Guarantees: listens on loopback only; nobody gets past the door without the data folder's token, nor from a page of
 * another origin or under a foreign host name; a malformed request or frame costs its sender the answer and nobody else.
 * Does not: encrypt, know users, or decide about anything behind the contract.
 */

export { startServer } from './lazy-start.ts';
export { defaultListen, type ListenAddress, parseListen } from './listen.ts';
export type { HostedEngine, RunningServer, ServerOptions } from './start.ts';
export { ensureToken, readToken, tokenPath } from './token.ts';
