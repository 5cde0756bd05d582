import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { waitForOthers, watchSession } from '../watch.ts';
import { reportCheck } from './check-report.ts';
import { withExample } from './group.ts';

export function addChainCheck(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('check').description('Read and verify every stored byte of a chain; writes nothing.').argument('<CHAIN>', 'id of the chain'),
		'chain check 1jq2w3e4r5t6y7u8',
	);
	command.action((id: string) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const code = await reportCheck(context, await watchSession(context, () => client.chains.check.mutate({ id })));
			await waitForOthers(context);
			return code;
		}),
	);
}
