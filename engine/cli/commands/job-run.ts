import { type Command, Option } from 'commander';
import { startInBackground } from '../background.ts';
import type { CommandContext, CommandLine } from '../command-line.ts';
import { sessionJson } from '../json.ts';
import { addLaterOptions } from '../later.ts';
import { findJob } from '../lookup.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type RunOptions = { readonly full?: 'active' | 'synthetic'; readonly wait: boolean };

export function addJobRun(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('run')
			.description('Run a job now, show its progress and wait for its end. Ctrl+C cancels it.')
			.argument('<NAME>', 'name or id')
			.addOption(new Option('--full <kind>', 'begin a new chain with a full').choices(['active', 'synthetic']))
			.option('--no-wait', 'start it and return; follow it with "session follow"'),
		'job run Web',
		'job run Web --full active --no-wait',
	);
	addLaterOptions(command, ['--ad-hoc-full', '--keep-until <date>']);
	command.action((name: string, options: RunOptions) =>
		line.run(command, async (context) => {
			const { client, isEmbedded } = await context.connect();
			const { id } = await findJob(client, name);
			if (!options.wait && isEmbedded) {
				const sessionId = await startInBackground(context, ['job', 'run', id, ...(options.full ? ['--full', options.full] : [])]);
				return reportStart(context, sessionId);
			}
			const start = () => client.jobs.run.mutate({ id, full: options.full ?? null });
			if (!options.wait) return reportStart(context, (await start()).sessionId);
			const code = reportSession(context, await watchSession(context, start));
			await waitForOthers(context);
			return code;
		}),
	);
}

async function reportStart({ client, output, surroundings }: CommandContext, sessionId: string): Promise<undefined> {
	const session = await (await client()).sessions.get.query({ id: sessionId });
	output.result(
		() => ({ session: sessionJson(session, surroundings.clock.now()) }),
		() => [`Started as session ${sessionId}. Follow it with "holdfast session follow ${sessionId}".`],
	);
	return undefined;
}
