import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { type ChainOptions, chainReference, ofRepository } from './chain-reference.ts';
import { withExample } from './group.ts';

export function addChainCompact(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('compact')
			.description('Write the files of a chain anew without the room that nothing needs any more. Each old file stays until the new one is verified.')
			.argument('<CHAIN>', 'id of the chain')
			.option(...ofRepository),
		'chain compact 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string, { repository }: ChainOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const reference = await chainReference(client, id, repository);
			const code = reportSession(context, await watchSession(context, () => client.chains.compact.mutate(reference)));
			await waitForOthers(context);
			return code;
		}),
	);
}
