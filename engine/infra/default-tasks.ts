import type { Medium } from '../platform/index.ts';

/**
 * How many tasks a storage serves well at a time, where nobody has said it: the head of a rotating disk goes to and fro between two files that grow, so that
 * two tasks are slower than one after the other; flash and what is behind a network have several at work.
 */
const tasks: Readonly<Record<Medium, number>> = { rotating: 1, flash: 6, network: 4, unknown: 4 };

export const defaultTasks = (medium: Medium): number => tasks[medium];
