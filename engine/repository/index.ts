/**
 * Chains of backup files on storage: writing, reading, listing, removing.
 * Guarantees: a commit is all or nothing and durable; bytes that come back were verified against their names; what a dead session left is found and removed.
 * Not here: when to run and what to keep (jobs), how content is cut and packed (mover).
 */
export * from './backup-file.ts';
export { type ChainHandle, ChainReader, type ChunkReader } from './chain-reader.ts';
export * from './chain-run.ts';
export * from './chain-store.ts';
export * from './clean-up.ts';
export * from './health/index.ts';
export * from './import.ts';
export * from './load-chain.ts';
export { findMarker, markerName, markRepository, requireIdentity } from './marker.ts';
export { OpenChain, type StoredFile } from './open-chain.ts';
export * from './read-record.ts';
export { readLocks, relockChain } from './relock.ts';
export type * from './step-options.ts';
export * from './steps.ts';
export { checkStorage, type StorageFinding } from './storage/check-storage.ts';
export * from './storage/local-folder.ts';
export * from './storage/open-storage.ts';
export type * from './storage/storage.ts';
export { writeTemporary } from './storage/write-temporary.ts';
