/**
 * What can be protected, and how it is read: folders and their files, disks.
 * Guarantees: one name's trouble never stops the rest; what is read is checked for having held still.
 * Not here: cutting into chunks and storing (mover), point-in-time views (snapshot).
 */

export type { MachineDisk, MachineSnapshot } from '../snapshot/index.ts';
export * from './disk/blocks.ts';
export * from './disk/change-tracker.ts';
export * from './disk/leave-out.ts';
export * from './disk/nbd-change-tracker.ts';
export * from './disk/stamp.ts';
export * from './folder/databases.ts';
export * from './folder/entry.ts';
export * from './folder/file.ts';
export * from './folder/measure.ts';
export * from './folder/reading.ts';
export * from './folder/scan.ts';
export { refuseOtherGuestWriter, sampleGuestWriter } from './vm/guest-writers.ts';
export type * from './vm/hypervisor.ts';
export * from './vm/machine-files.ts';
export { createMachineSite, isOnSite, type MachineSiteParts, onSiteHint } from './vm/machine-site.ts';
