import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { jobJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { saveWithEncryption } from './encryption-options.ts';
import { withExample } from './group.ts';
import { addJobOptions, type JobOptions, jobChanges } from './job-options.ts';
import { jobLines } from './job-show.ts';

export function addJobEdit(group: Command, line: CommandLine): void {
	const command = addJobOptions(
		withExample(
			group
				.command('edit')
				.description('Change settings of a job; what is not named stays. Lists (--source, --exclude) are replaced.')
				.argument('<NAME>', 'name or id')
				.option('--name <new>', 'a new name')
				.option('--source <spec...>', 'what to protect: folder:/path, disk:/path or disk:nbd://host/export')
				.option('--repository <name>', 'where its backup files go from now on'),
			'job edit Web --retain 60 --no-schedule',
		),
	)
		.option('--no-on', 'the sources lie on the machine of the backup server')
		.option('--no-exclude', 'leave nothing out')
		.option('--no-writer', 'no applications hold still')
		.option('--no-guest-writer', 'nothing is run in guests')
		.option('--no-database', 'databases as usual, with a warning')
		.option('--no-require-consistent', 'take what can be had')
		.option('--no-schedule', 'run only by hand')
		.option('--no-active-full', 'no active fulls by schedule')
		.option('--no-synthetic-full', 'no synthetic fulls by schedule')
		.option('--no-store-unused', 'leave out what the file systems on a disk mark free, and swap')
		.option('--no-differential', 'increments build on each other')
		.option('--no-retain-days', 'the number of points alone decides')
		.option('--no-gfs', 'no archive fulls')
		.option('--no-encrypt', 'no key of its own: encrypted like its repository, or not at all');
	command.action((name: string, options: JobOptions) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const { id, revision, settings } = await findJob(engine, name);
			const changes = await jobChanges(engine, options, { workingFolder: surroundings.workingFolder, present: settings });
			const { workingFolder } = surroundings;
			const { saved: job, recoveryKey } = await saveWithEncryption(options, { engine, output, workingFolder }, (encryption) =>
				engine.jobs.update.mutate({ id, revision, settings: { ...settings, ...changes, ...encryption } }),
			);
			output.result(
				() => ({ job: jobJson(job), ...(recoveryKey !== null && { recoveryKey }) }),
				() => jobLines(job, surroundings.clock.now()),
			);
			return undefined;
		}),
	);
}
