import { type Command, Option } from 'commander';
import { type DiskFormat, diskFormat } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { machineOn, targetOn } from '../restore-target.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type DiskOptions = { readonly disk?: string; readonly on?: string; readonly to: string; readonly format?: DiskFormat; readonly overwrite?: boolean };

export function addRestoreDisk(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('disk')
			.description('Restore a disk to an image file (sparse) or a device. Ctrl+C cancels.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.option('--disk <name>', 'which disk, where the point is one of a virtual machine that has several')
			.requiredOption('--to <file>', 'image file or device to write')
			.option('--on <machine>', 'managed machine to restore on; --to is a file or device there')
			.addOption(new Option('--format <format>', 'of the image file (default: qcow2 where its name ends so, else raw)').choices(diskFormat.options))
			.option('--overwrite', 'write over a file or device that is there'),
		'restore disk Database@latest --to /vm/restored.img',
		'restore disk Database@latest --on Vault --to /dev/vdb --overwrite',
		'restore disk Machines/Lab/web@latest --disk vda --to /vm/restored.qcow2',
	);
	command.action((point: string, options: DiskOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const machineId = await machineOn(client, options.on);
			const to = targetOn(machineId, context.surroundings.workingFolder, options.to);
			const { disk = null, format = null, overwrite = false } = options;
			const code = reportSession(context, await watchSession(context, () => client.restore.disk.mutate({ point, disk, machineId, to, format, overwrite })));
			await waitForOthers(context);
			return code;
		}),
	);
}
