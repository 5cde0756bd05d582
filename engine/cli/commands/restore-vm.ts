import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type VmOptions = { readonly host?: string; readonly name?: string; readonly to?: string; readonly overwrite?: boolean; readonly powerOn?: boolean };

export function addRestoreVm(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('vm')
			.description(
				'Restore a virtual machine: its disks, its firmware variables, and its definition on a host. One that is there is never overwritten. Ctrl+C cancels.',
			)
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.option('--host <name>', 'hypervisor host to register it on (default: the one that it was on)')
			.option('--name <new>', 'its new name: then it becomes a copy, with an id and network addresses of its own')
			.option('--to <folder>', 'folder for its images (default: where they were)')
			.option('--overwrite', 'replace image files that are there and belong to no virtual machine')
			.option('--power-on', 'start it'),
		'restore vm Machines/Lab/web@latest',
		'restore vm Machines/Lab/web@latest --name web-test --to /srv/images --power-on',
	);
	command.action((point: string, options: VmOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const { host = null, name = null, overwrite = false, powerOn = false } = options;
			const to = options.to === undefined ? null : resolve(context.surroundings.workingFolder, options.to);
			const code = reportSession(context, await watchSession(context, () => client.restore.vm.mutate({ point, host, name, to, overwrite, powerOn })));
			await waitForOthers(context);
			return code;
		}),
	);
}
