import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { waitForOthers, watchSession } from '../watch.ts';
import { type ChainOptions, chainReference, ofRepository } from './chain-reference.ts';
import { reportCheck } from './check-report.ts';
import { withExample } from './group.ts';

export function addChainRepair(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('repair')
			.description(
				'Mend what checks of a chain found damaged: from other copies in the repository, then by a run of the job that reads it from the source again.',
			)
			.argument('<CHAIN>', 'id of the chain')
			.option(...ofRepository),
		'chain repair 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string, { repository }: ChainOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const reference = await chainReference(client, id, repository);
			const code = await reportCheck(context, await watchSession(context, () => client.chains.repair.mutate(reference)));
			await waitForOthers(context);
			return code;
		}),
	);
}
