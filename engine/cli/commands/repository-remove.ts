import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { findRepository } from '../lookup.ts';
import { withExample } from './group.ts';

export function addRepositoryRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('remove')
			.description('Forget a repository. Its backup files stay where they are. Refused while a job uses it.')
			.argument('<NAME>', 'name or id'),
		'repository remove Old',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findRepository(engine, name);
			await engine.repositories.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name } }),
				() => [`Repository "${settings.name}" is forgotten. Its files in ${settings.path} were not touched.`],
			);
			return undefined;
		}),
	);
}
