/**
 * Limits of what is moved: the rules that choose them, their division among what is under way, and the limiter that keeps to a share.
 * Decisions (`rules.ts`, `share-out.ts`) are pure. `Bandwidth` lives in the thread of the engine, limiters in the threads that move bytes; between them
 * is a share, a piece of memory. A connection joins with the addresses of its two ends and takes from a limiter before it sends.
 */
export { type Allowance, Bandwidth, type Direction, localTraffic, type NamedLimit, type RepositoryLimits, type Traffic } from './bandwidth.ts';
export { noShares, StorageGate, type TaskShares } from './gate.ts';
export { createShare, RateLimiter, rateOf, type Share, setShare } from './rate-limiter.ts';
export { isActiveAt, type Link, loopback, matchesLink, rulesFor } from './rules.ts';
export { shareOut } from './share-out.ts';
export { type LimitedWork, underLimits } from './under-limits.ts';
