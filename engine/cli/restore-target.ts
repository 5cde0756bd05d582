/** Where a restore writes: here, relative to the working folder, or on a managed machine, whose paths only it knows. */
import { resolve } from 'node:path';
import type { Client } from './connection.ts';
import { findMachine } from './lookup.ts';

/** @throws `not-found.machine` */
export const machineOn = async (client: Client, name: string | undefined): Promise<string | undefined> =>
	name === undefined ? undefined : (await findMachine(client, name)).id;

export const targetOn = (machineId: string | undefined, workingFolder: string, to: string): string =>
	machineId === undefined ? resolve(workingFolder, to) : to;
