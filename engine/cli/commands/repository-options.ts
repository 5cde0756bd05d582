import { isAbsolute, resolve, win32 } from 'node:path';
import { type Command, Option } from 'commander';
import { EngineError } from '../../base/index.ts';
import { gatewayChoice, isShareAddress, mountIt, type RepositorySettings } from '../../contract/index.ts';
import type { Client } from '../connection.ts';
import { findMachine } from '../lookup.ts';
import { parseCount, parseRate } from '../parse.ts';
import { addEncryptionOptions, type EncryptionOptions } from './encryption-options.ts';

export type RepositoryOptions = EncryptionOptions & {
	readonly path?: string;
	/** False when an edit brings it back to the machine of the backup server. */
	readonly on?: string | false;
	readonly gateway?: RepositorySettings['gateway'];
	readonly mountServer?: string;
	readonly singleFile?: boolean;
	readonly maxTasks?: string;
	readonly readLimit?: string;
	readonly writeLimit?: string;
	readonly check?: string;
	readonly checkDays?: string;
};

/** The settings of a repository, the same for adding and editing. */
export function addRepositoryOptions(command: Command): Command {
	command
		.option('--on <machine>', 'managed machine that holds the folder, or has the share mounted that it lies on (default: the machine of the backup server)')
		.addOption(
			new Option(
				'--gateway <choice>',
				'of a folder on a share that several machines have mounted at the same path: auto, backups and restores go through the machine that works on them; fixed, all goes through --on (default: fixed)',
			).choices(gatewayChoice.options),
		)
		.option(
			'--mount-server <machine>',
			'managed machine that reads what is restored to other machines, and verifies; it sees the repository at the same path. auto: the machine that the repository lies on (default: auto)',
		)
		.option('--single-file', 'one chain for all objects of a job instead of one per object')
		.option('--max-tasks <n>', 'tasks that may write at the same time, 1 to 64 (if nothing is said when it is added: 1 on a rotating disk, 6 on flash, else 4)')
		.option('--read-limit <MB/s>', 'read at most this much from it; 0 removes the limit')
		.option('--write-limit <MB/s>', 'write at most this much to it; 0 removes the limit');
	command
		.option('--check <cron>', 'when to read back a share of what is stored: five cron fields, or "off" (default: "0 6 * * *")')
		.option('--check-days <n>', 'read every stored byte back within so many days (default: 30)');
	addEncryptionOptions(command);
	return command;
}

/** What `--mount-server` says. */
export async function mountServerChange(client: Client, { mountServer }: RepositoryOptions): Promise<Partial<Pick<RepositorySettings, 'mountServerId'>>> {
	if (mountServer === undefined) return {};
	return { mountServerId: mountServer === 'auto' ? null : (await findMachine(client, mountServer)).id };
}

/** What `--path` and `--on` say. The path is of the machine that holds the folder, which is the present one if none is named. */
export async function locationChange(
	client: Client,
	{ path, on }: RepositoryOptions,
	{ workingFolder, present }: { workingFolder: string; present?: RepositorySettings },
): Promise<Partial<Pick<RepositorySettings, 'path' | 'machineId'>>> {
	const machineId = on === undefined ? (present?.machineId ?? null) : on === false ? null : (await findMachine(client, on)).id;
	if (path !== undefined && isShareAddress(path)) throw new EngineError('usage.invalid', `--path: "${path}" is no folder.`, { hint: mountIt });
	if (path !== undefined && machineId !== null && !isAbsolute(path) && !win32.isAbsolute(path))
		throw new EngineError('usage.invalid', `--path: "${path}" is not an absolute path.`, { hint: 'Write the path from the root of that machine.' });
	return {
		...(on !== undefined && { machineId }),
		...(path !== undefined && { path: machineId === null ? resolve(workingFolder, path) : path }),
	};
}

export const repositoryChanges = (options: RepositoryOptions): Partial<RepositorySettings> => ({
	...(options.gateway !== undefined && { gateway: options.gateway }),
	...(options.singleFile !== undefined && { singleFile: options.singleFile }),
	...(options.maxTasks !== undefined && { maxTasks: parseCount('--max-tasks', options.maxTasks, { min: 1, max: 64 }) }),
	...(options.readLimit !== undefined && { readLimit: parseRate('--read-limit', options.readLimit) }),
	...(options.writeLimit !== undefined && { writeLimit: parseRate('--write-limit', options.writeLimit) }),
	...(options.check !== undefined && {
		checkSchedule: options.check === 'off' ? null : { cron: options.check, timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone },
	}),
	...(options.checkDays !== undefined && { checkDays: parseCount('--check-days', options.checkDays, { min: 1, max: 3650 }) }),
});
