import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type DiskFormat, diskFormat } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type DiskOptions = { readonly disk?: string; readonly to: string; readonly format?: DiskFormat; readonly overwrite?: boolean };

export function addRestoreDisk(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('disk')
			.description('Restore a disk to an image file (sparse) or a device. Ctrl+C cancels.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.option('--disk <name>', 'which disk, where the point is one of a virtual machine that has several')
			.requiredOption('--to <file>', 'image file or device to write')
			.addOption(new Option('--format <format>', 'of the image file (default: qcow2 where its name ends so, else raw)').choices(diskFormat.options))
			.option('--overwrite', 'write over a file or device that is there'),
		'restore disk Database@latest --to /vm/restored.img',
		'restore disk Machines/Lab/web@latest --disk vda --to /vm/restored.qcow2',
	);
	command.action((point: string, options: DiskOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const to = resolve(context.surroundings.workingFolder, options.to);
			const { disk = null, format = null, overwrite = false } = options;
			const code = reportSession(context, await watchSession(context, () => client.restore.disk.mutate({ point, disk, to, format, overwrite })));
			await waitForOthers(context);
			return code;
		}),
	);
}
