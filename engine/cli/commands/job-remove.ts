import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { findJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addJobRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('remove').description('Remove a job. Its restore points stay and can be restored. Refused while it runs.').argument('<NAME>', 'name or id'),
		'job remove Old',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings, pointCount } = await findJob(engine, name);
			await engine.jobs.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name } }),
				() => [`Job "${settings.name}" is removed. Its ${pointCount} restore points stay.`],
			);
			return undefined;
		}),
	);
}
