import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { waitForOthers, watchSession } from '../watch.ts';
import { reportCheck } from './check-report.ts';
import { withExample } from './group.ts';

export function addPointVerify(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('verify')
			.description('Read and verify everything that a restore of this point needs; writes nothing.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…'),
		'point verify Web@latest',
	);
	command.action((point: string) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const code = await reportCheck(context, await watchSession(context, () => client.points.verify.mutate({ point })));
			await waitForOthers(context);
			return code;
		}),
	);
}
