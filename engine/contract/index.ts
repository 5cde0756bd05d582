/**
 * What the outside may say to the engine and hear from it: schemas by area, error codes, the router.
 * A leaf: it imports nothing of ours, so that the renderer can hold it without holding the engine.
 *
 * Times are epoch milliseconds, sizes are bytes, rates are bytes per second, durations are milliseconds.
 * Paths are strings in which a byte that is not UTF-8 appears as the lone surrogate U+DC80 + (byte − 0x80), so that
 * every name of every file system survives JSON (the "surrogateescape" convention of PEP 383).
 */
export * from './address-range.ts';
export * from './bottleneck.ts';
export * from './databases.ts';
export * from './desktop.ts';
export * from './devices.ts';
export * from './download-query.ts';
export * from './encryption.ts';
export * from './errors.ts';
export * from './health.ts';
export * from './hosts.ts';
export * from './import-report.ts';
export * from './jobs.ts';
export * from './machine-path.ts';
export * from './machines.ts';
export * from './overview.ts';
export * from './points.ts';
export * from './repositories.ts';
export * from './router.ts';
export * from './server-settings.ts';
export * from './session-step.ts';
export * from './sessions.ts';
export * from './snapshots.ts';
export * from './storage-report.ts';
export * from './throttle.ts';
export * from './throttle-window.ts';
export * from './values.ts';
