/**
 * The `holdfast` command: the contract, for people at a terminal and for their scripts.
 *
 * Guarantees: names, options, JSON keys and exit codes stay; with `--json` standard output carries exactly one document.
 * Does not: know how an engine is made (it is given one), or decide anything that the contract decides.
 */
export type { Surroundings } from './command-line.ts';
export type { OpenEngine, OpenedEngine } from './connection.ts';
export type { ExitCode } from './exit-code.ts';
export { runCommandLine } from './main.ts';
