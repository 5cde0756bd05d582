import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { repositoryJson } from '../json.ts';
import { saveWithEncryption } from './encryption-options.ts';
import { withExample } from './group.ts';
import { importExitCode, importJson, importLines } from './repository-import.ts';
import { addRepositoryOptions, locationChange, mountServerChange, type RepositoryOptions, repositoryChanges } from './repository-options.ts';
import { repositoryLines } from './repository-show.ts';

export function addRepositoryAdd(group: Command, line: CommandLine): void {
	const command = addRepositoryOptions(
		withExample(
			group
				.command('add')
				.description(
					'Make a folder known as a place for backup files. It is created if its parent exists, and tried out. Chains that it holds already are imported.',
				)
				.argument('<NAME>', 'name of the repository')
				.requiredOption('--path <dir>', 'the folder'),
			'repository add Main --path /mnt/backup --max-tasks 2 --write-limit 80',
			'repository add Vault --path /srv/backup --on Vault',
			'repository add Share --path /mnt/nas/backup --gateway auto',
			'repository add Branch --path /mnt/branch/backup --mount-server Branch',
		),
	);
	command.action((name: string, options: RepositoryOptions & { path: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const { workingFolder } = surroundings;
			const location = await locationChange(engine, options, { workingFolder });
			const settings = { name, path: options.path, ...location, ...(await mountServerChange(engine, options)), ...repositoryChanges(options) };
			const { saved, recoveryKey } = await saveWithEncryption(options, { engine, output, workingFolder }, (encryption) =>
				engine.repositories.add.mutate({ ...settings, ...encryption }),
			);
			const { id } = saved;
			const report = await engine.repositories.import.mutate({ id });
			const repository = await engine.repositories.get.query({ id });
			const isEmpty = report.chains.length + report.problems.length === 0;
			output.result(
				() => ({
					repository: repositoryJson(repository),
					...(recoveryKey !== null && { recoveryKey }),
					...(!isEmpty && { import: importJson(repository, report) }),
				}),
				() => [...repositoryLines(repository), ...(isEmpty ? [] : ['', ...importLines(repository, report, surroundings.clock.now())])],
			);
			return importExitCode(report);
		}),
	);
}
