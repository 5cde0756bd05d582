/**
 * What the outside may say to the engine and hear from it: schemas, error codes, the router.
 * A leaf: it imports nothing of ours, so that the renderer can hold it without holding the engine.
 */
export * from './desktop.ts';
export * from './download-query.ts';
export * from './encryption.ts';
export * from './errors.ts';
export * from './health.ts';
export * from './import-report.ts';
export * from './router.ts';
export * from './schemas.ts';
export * from './session-step.ts';
export * from './storage-report.ts';
