/**
 * File systems as far as a backup needs them: which parts of a disk hold nothing that anybody wants back.
 * Guarantees: hostile bytes end in "used", with bounded memory and time; only what a whole, cleanly unmounted file system itself marks free is named.
 * Does not: read files, or repair. Unknown here (and so stored): LVM, RAID, LUKS, btrfs, ZFS, FAT, and what a mounted file system keeps in memory.
 */
export { findBitLocker } from './bitlocker.ts';
export { type Blank, type BlankExtent, type BlankKind, findBlank } from './find-blank.ts';
