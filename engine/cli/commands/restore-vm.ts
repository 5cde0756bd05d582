import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { MachinePlan } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatSize, printable } from '../format.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type VmOptions = {
	readonly host?: string;
	readonly name?: string;
	readonly to?: string;
	readonly overwrite?: boolean;
	readonly powerOn?: boolean;
	readonly dryRun?: boolean;
};

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
			.option('--power-on', 'start it')
			.option('--dry-run', 'only say what it would become, and which files would be written and replaced'),
		'restore vm Machines/Lab/web@latest',
		'restore vm Machines/Lab/web@latest --name web-test --to /srv/images --power-on',
	);
	command.action((point: string, options: VmOptions) =>
		line.run(command, async (context) => {
			const client = await context.client();
			const { host = null, name = null, overwrite = false, powerOn = false } = options;
			const to = options.to === undefined ? null : resolve(context.surroundings.workingFolder, options.to);
			const input = { point, host, name, to, overwrite, powerOn };
			if (options.dryRun) {
				const plan = await client.restore.planVm.query(input);
				context.output.result(
					() => ({ plan }),
					() => planLines(plan),
				);
				return undefined;
			}
			const code = reportSession(context, await watchSession(context, () => client.restore.vm.mutate(input)));
			await waitForOthers(context);
			return code;
		}),
	);
}

const stateLines = {
	resumed: ['It goes on from its saved state when it is started.'],
	lost: ['The saved state in the point is not used: it starts from its disks, as after a power cut.'],
	none: [],
};

function planLines({ host, name, formerName, isCopy, disks, nvram, savedState, missingDisks, folders }: MachinePlan): string[] {
	const files = [...disks, ...(nvram === null ? [] : [{ ...nvram, name: 'firmware', sizeBytes: null }])];
	return [
		`Would register “${printable(name)}” on ${printable(host)}${isCopy ? `, as a copy of “${printable(formerName)}” with an id and network addresses of its own` : ' again'}.`,
		...files.map(
			({ name: what, to, sizeBytes, isReplaced }) =>
				`  ${what}: ${printable(to)}${sizeBytes === null ? '' : ` (${formatSize(sizeBytes)}, sparse)`}${isReplaced ? ', replaces the file that is there' : ''}`,
		),
		...stateLines[savedState],
		...(missingDisks.length === 0
			? []
			: [`Not in the point: ${missingDisks.join(', ')}; ${isCopy ? 'left out unless both machines may use it' : 'attached as it was defined'}.`]),
		...folders.flatMap(({ path, freeBytes }) => (freeBytes === null ? [] : [`${formatSize(freeBytes)} are free in ${printable(path)}.`])),
	];
}
