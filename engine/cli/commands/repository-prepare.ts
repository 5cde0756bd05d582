import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { repositoryJson } from '../json.ts';
import { findRepository } from '../lookup.ts';
import { withExample } from './group.ts';
import { repositoryLines } from './repository-show.ts';

export function addRepositoryPrepare(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('prepare')
			.description('Let a repository begin anew in its folder, when its disk was replaced or emptied. Nothing is deleted.')
			.argument('<NAME>', 'name or id'),
		'repository prepare Main',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id } = await findRepository(engine, name);
			const repository = await engine.repositories.prepare.mutate({ id });
			output.result(
				() => ({ repository: repositoryJson(repository) }),
				() => repositoryLines(repository),
			);
			return undefined;
		}),
	);
}
