import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { waitForOthers, watchSession } from '../watch.ts';
import { type ChainOptions, chainReference, ofRepository } from './chain-reference.ts';
import { reportCheck } from './check-report.ts';
import { withExample } from './group.ts';

export function addChainCheck(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('check')
			.description('Read and verify every stored byte of a chain; writes nothing.')
			.argument('<CHAIN>', 'id of the chain')
			.option(...ofRepository),
		'chain check 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string, { repository }: ChainOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const reference = await chainReference(client, id, repository);
			const code = await reportCheck(context, await watchSession(context, () => client.chains.check.mutate(reference)));
			await waitForOthers(context);
			return code;
		}),
	);
}
