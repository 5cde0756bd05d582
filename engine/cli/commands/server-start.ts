import type { Command } from 'commander';
import { defaultListen, parseListen, startServer } from '../../server/index.ts';
import type { CommandContext, CommandLine } from '../command-line.ts';
import { withExample } from './group.ts';

export function addServerStart(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('start')
			.description('Serve the browser console and the API for this machine, and run jobs by their schedules, until it is stopped (Ctrl+C).')
			.option('--listen <host:port>', 'loopback address to listen on; port 0 takes any free one', `${defaultListen.host}:${defaultListen.port}`),
		'server start',
		'--data /srv/holdfast server start --listen 127.0.0.1:9000',
	);
	command.action((options: { listen: string }) => line.run(command, (context) => serveUntilStopped(context, options.listen)));
}

async function serveUntilStopped({ surroundings, dataFolder, output, interrupts }: CommandContext, listenText: string): Promise<undefined> {
	const listen = parseListen(listenText);
	const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
	using _stop = interrupts.handle(() => stop());
	await using engine = await surroundings.openEngine({ dataFolder, runSchedules: true });
	const { pino } = await import('pino');
	await using server = await startServer({ engine, listen, rendererFolder: surroundings.rendererFolder, log: pino({ level: 'warn' }, surroundings.stderr) });
	output.result(
		() => ({ server: { address: server.address, url: server.url, tokenFile: server.tokenFile, dataFolder: engine.dataFolder } }),
		() => [`Holdfast serves ${engine.dataFolder}`, `Open  ${server.url}`, `Token ${server.tokenFile}`, 'Stop with Ctrl+C.'],
	);
	await stopped;
	output.note('Stopping…');
	return undefined;
}
