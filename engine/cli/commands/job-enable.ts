import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { jobJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { withExample } from './group.ts';

/** `job enable` and `job disable`: one switch, two positions. */
export function addJobSwitch(group: Command, line: CommandLine, enabled: boolean): void {
	const verb = enabled ? 'enable' : 'disable';
	const command = withExample(
		group
			.command(verb)
			.description(enabled ? 'Let the schedule of a job run again.' : 'Keep a job from running by its schedule; by hand it still runs.')
			.argument('<NAME>', 'name or id'),
		`job ${verb} Web`,
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id } = await findJob(engine, name);
			await engine.jobs.setEnabled.mutate({ ids: [id], enabled });
			const job = await engine.jobs.get.query({ id });
			output.result(
				() => ({ job: jobJson(job) }),
				() => [`Job "${job.settings.name}" is ${verb}d.`],
			);
			return undefined;
		}),
	);
}
