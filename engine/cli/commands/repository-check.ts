import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { exitCode } from '../exit-code.ts';
import { errorJson, repositoryJson } from '../json.ts';
import { addLaterOptions } from '../later.ts';
import { findRepository } from '../lookup.ts';
import { withExample } from './group.ts';
import { repositoryLines } from './repository-show.ts';

export function addRepositoryCheck(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('check')
			.description('Try a repository out and read its folder again. To verify stored data, see "chain check".')
			.argument('<NAME>', 'name or id'),
		'repository check Main',
	);
	addLaterOptions(command, ['--storage']);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id } = await findRepository(engine, name);
			const repository = await engine.repositories.rescan.mutate({ id });
			const { problem } = repository;
			output.result(
				() => ({ repository: repositoryJson(repository), ...(problem && { error: errorJson(problem) }) }),
				() => repositoryLines(repository),
			);
			if (problem?.hint) output.note(problem.hint);
			return problem === null ? exitCode.success : exitCode.failed;
		}),
	);
}
