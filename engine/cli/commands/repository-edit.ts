import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { repositoryJson } from '../json.ts';
import { findRepository } from '../lookup.ts';
import { saveWithEncryption } from './encryption-options.ts';
import { withExample } from './group.ts';
import { addRepositoryOptions, locationChange, mountServerChange, type RepositoryOptions, repositoryChanges } from './repository-options.ts';
import { repositoryLines } from './repository-show.ts';

export function addRepositoryEdit(group: Command, line: CommandLine): void {
	const command = addRepositoryOptions(
		withExample(
			group
				.command('edit')
				.description('Change settings of a repository; what is not named stays.')
				.argument('<NAME>', 'name or id')
				.option('--name <new>', 'a new name')
				.option('--path <dir>', 'where the folder lies now; its files are not moved')
				.option('--no-on', 'the machine of the backup server holds the folder now')
				.option('--no-single-file', 'one chain per object')
				.option('--no-encrypt', 'chains of jobs without a key of their own are not encrypted from now on'),
			'repository edit Main --max-tasks 8 --write-limit 0',
		),
	);
	command.action((name: string, options: RepositoryOptions & { name?: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const { id, revision, settings } = await findRepository(engine, name);
			const { workingFolder } = surroundings;
			const changes = {
				...(await locationChange(engine, options, { workingFolder, present: settings })),
				...(await mountServerChange(engine, options)),
				...repositoryChanges(options),
				...(options.name !== undefined && { name: options.name }),
			};
			const { saved: repository, recoveryKey } = await saveWithEncryption(options, { engine, output, workingFolder }, (encryption) =>
				engine.repositories.update.mutate({ id, revision, settings: { ...settings, ...changes, ...encryption } }),
			);
			output.result(
				() => ({ repository: repositoryJson(repository), ...(recoveryKey !== null && { recoveryKey }) }),
				() => repositoryLines(repository),
			);
			if (repository.settings.singleFile !== settings.singleFile && repository.chainCount > 0)
				output.note(
					`The next run of each job with several objects begins ${repository.settings.singleFile ? 'a new chain' : 'new chains'} with a full; what is stored stays until retention removes it.`,
				);
			return undefined;
		}),
	);
}
