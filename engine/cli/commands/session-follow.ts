import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { createProgress } from '../progress.ts';
import { followSession, reportSession } from '../watch.ts';
import { withExample } from './group.ts';

export function addSessionFollow(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('follow')
			.description('Show the progress of a session until it ends. Ctrl+C stops watching, not the session.')
			.argument('<ID>', 'id of the session'),
		'session follow 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string) =>
		line.read(command, async (context) => {
			const client = await context.client();
			await client.sessions.get.query({ id }); // an unknown one is refused before anything is watched
			using progress = await createProgress(context.output, context.surroundings.clock);
			const session = await followSession(client, id, (state) => progress.update(state));
			progress[Symbol.dispose]();
			return reportSession(context, session);
		}),
	);
}
