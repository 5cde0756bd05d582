import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { formatTable, formatTime } from '../format.ts';
import { jobJson } from '../json.ts';
import { stateWords } from '../output.ts';
import { withExample } from './group.ts';

export function addJobList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the jobs with their last result and next run.'), 'job list');
	command.action(() =>
		line.read(command, async ({ client, output, surroundings }) => {
			const jobs = await (await client()).jobs.list.query();
			const now = surroundings.clock.now();
			output.result(
				() => ({ jobs: jobs.map(jobJson) }),
				() =>
					formatTable(
						jobs,
						[
							{ title: 'Name', value: ({ settings }) => settings.name },
							{
								title: 'Last result',
								value: ({ activeSessionId, lastSession }) =>
									activeSessionId !== null ? 'running' : lastSession === null ? 'never ran' : stateWords[lastSession.state],
							},
							{ title: 'Last point', value: ({ lastPointAt }) => formatTime(lastPointAt, now) },
							{
								title: 'Next run',
								value: ({ settings, nextRunAt }) => (!settings.enabled ? 'disabled' : nextRunAt === null ? 'by hand' : formatTime(nextRunAt, now)),
							},
							{ title: 'Points', value: ({ pointCount }) => String(pointCount), alignRight: true },
							{ title: 'Repository', value: ({ repositoryName }) => repositoryName },
							{ title: 'Sources', value: ({ settings }) => settings.sources.map(({ kind, path }) => `${kind}:${path}`).join(', ') },
						],
						'No jobs. Create one with "holdfast job add NAME --source folder:/path --repository NAME".',
					),
			);
			return undefined;
		}),
	);
}
