import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type DiskOptions = { readonly disk?: string; readonly to: string; readonly overwrite?: boolean };

export function addRestoreDisk(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('disk')
			.description('Restore a disk to an image file (sparse) or a device. Ctrl+C cancels.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.option('--disk <name>', 'which disk, where the point has several')
			.requiredOption('--to <file>', 'image file or device to write')
			.option('--overwrite', 'write over a file or device that is there'),
		'restore disk Database@latest --to /vm/restored.img',
	);
	command.action((point: string, options: DiskOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const to = resolve(context.surroundings.workingFolder, options.to);
			const code = reportSession(
				context,
				await watchSession(context, () => client.restore.disk.mutate({ point, disk: options.disk ?? null, to, overwrite: options.overwrite ?? false })),
			);
			await waitForOthers(context);
			return code;
		}),
	);
}
