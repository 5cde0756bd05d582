/** For tests only: what other modules' tests need of this one. */

export type { NumberedWriter } from './cow/testing/numbered-writer.ts';
export { age, type Kind, makeFileSystem, run, toolsFor, whileMounted } from './filesystems/testbed.ts';
export { startQemuNbd } from './nbd/testbed.ts';
export const numberedWriterModule = new URL('./cow/testing/numbered-writer.ts', import.meta.url);
