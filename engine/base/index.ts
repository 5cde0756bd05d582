/** What everything may lean on: errors, bytes, ids, time. No I/O of its own. */
export * from './bytes.ts';
export * from './clock.ts';
export * from './early-sync.ts';
export * from './errors.ts';
export * from './exclusions.ts';
export * from './ids.ts';
export * from './log.ts';
export * from './sealed-bytes.ts';
export * from './thread.ts';
