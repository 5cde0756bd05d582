/** For tests only: what other modules' tests need of this one. */

export { age, type Kind, makeFileSystem, run, toolsFor, whileMounted } from './filesystems/testbed.ts';
export { startQemuNbd } from './nbd/testbed.ts';
