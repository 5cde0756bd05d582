import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where repositories lie whose storage only pretends to lose power or room: in memory if there is such a place, so that syncing costs nothing. */
export const memoryFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
