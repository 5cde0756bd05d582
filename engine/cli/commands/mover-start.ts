import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { EngineError } from '../../base/index.ts';
import { parseListen } from '../../server/index.ts';
import type { CommandContext, CommandLine, GlobalOptions } from '../command-line.ts';
import { withExample } from './group.ts';

export function addMoverStart(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('start')
			.description(
				'Be the data mover of this machine, for the backup server that it is paired with, until stopped (Ctrl+C). --data names its own small folder.',
			)
			.requiredOption('--listen <host:port>', 'address to listen on; port 0 takes any free one')
			.option('--pair <token>', 'pair it, once, with the backup server that printed this token ("holdfast machine token")'),
		'--data /var/lib/holdfast-mover mover start --listen 10.0.0.5:9471 --pair hfp_…',
		'--data /var/lib/holdfast-mover mover start --listen 10.0.0.5:9471',
	);
	command.action((options: { listen: string; pair?: string }) =>
		line.run(command, (context) => {
			if (command.optsWithGlobals<GlobalOptions>().data === undefined && context.surroundings.environment.HOLDFAST_DATA === undefined)
				throw new EngineError('usage.invalid', '--data: a data mover needs a folder of its own.', { hint: 'For example --data /var/lib/holdfast-mover.' });
			return moveUntilStopped(context, options);
		}),
	);
}

async function moveUntilStopped(context: CommandContext, { listen: listenText, pair }: { listen: string; pair?: string }): Promise<undefined> {
	const { surroundings, dataFolder, output, interrupts } = context;
	const listen = parseListen(listenText);
	const { parsePairingToken } = await import('../../infra/index.ts'); // most commands do without
	const { openDataMover } = await import('../../data-mover.ts');
	const token = pair === undefined ? null : parsePairingToken(pair);
	const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
	using _stop = interrupts.handle(() => stop());
	const { pino } = await import('pino');
	const log = pino({ level: 'warn' }, surroundings.stderr);
	await using mover = await openDataMover({ folder: dataFolder, listen, token, product: packageJson.version, clock: surroundings.clock, log });
	const { folder } = mover;
	output.result(
		() => ({ mover: { address: mover.address, dataFolder: folder.path, machine: folder.membership?.id ?? null } }),
		() => [
			`The data mover listens on ${mover.address}`,
			folder.membership ? `It belongs to ${folder.membership.serverName}.` : 'It waits to be paired.',
			'Stop with Ctrl+C.',
		],
	);
	if (token !== null) void mover.paired.then(({ serverName }) => output.note(`Paired with ${serverName}.`));
	await Promise.race([stopped, mover.dismissed.then(() => output.note('The backup server has let this machine go.'))]);
	output.note('Stopping…');
	return undefined;
}
