/**
 * Holdfast's own copy-on-write snapshots of raw images and block devices, for writers that go through its NBD export.
 * Guarantees: a snapshot is one instant between two writes, or fails; what happens to a snapshot never hurts the device; a crash leaves no cache; a log of
 * changes that could be behind is not believed.
 * Does not: notice who writes beside it; keep snapshots across a restart.
 */
export { CowDevice } from './cow-device.ts';
export { CowSnapshot } from './cow-snapshot.ts';
