import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import { type Host, hostType, type VirtualDisk, type VirtualMachine } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatFields, formatSize, formatTable } from '../format.ts';
import { findHost, findMachine } from '../lookup.ts';
import { withExample } from './group.ts';

/** Hypervisor hosts and their virtual machines. */
export function addHostCommands(group: Command, line: CommandLine): void {
	addAdd(group, line);
	addList(group, line);
	addRemove(group, line);
	addRescan(group, line);
	addVms(group, line);
}

const hostJson = ({ id, settings, machineName, state, problem, facts }: Host) => ({ id, ...settings, machine: machineName, state, ...facts, problem });

const hostLines = ({ settings, machineName, state, problem, facts }: Host): string[] =>
	formatFields([
		['Name', settings.name],
		['Address', settings.uri],
		...(machineName === null ? [] : [['On', machineName] as const]),
		['State', problem ? `${state}: ${problem.message}` : state],
		['Host', facts?.hostName ?? ''],
		['Hypervisor', facts?.product ?? ''],
		['Processors', facts ? String(facts.processors) : ''],
		['Memory', facts ? formatSize(facts.memoryBytes) : ''],
	]);

function addAdd(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('add')
			.description('Get to know a hypervisor host, whose virtual machines can then be looked at. It has to answer.')
			.argument('<NAME>', 'name of the host')
			.requiredOption('--type <type>', `its kind: ${hostType.options.join(', ')}`)
			.requiredOption('--uri <uri>', 'how libvirt reaches it: qemu:///system, qemu+ssh://root@host/system')
			.option('--on <machine>', 'managed machine that the host is on: its data mover asks it, reads its machines and gives them back')
			.option('--scratch <folder>', 'where the host keeps aside what machines overwrite during a backup (default: /var/tmp)'),
		'host add Lab --type libvirt --uri qemu:///system',
	);
	type Options = { readonly type: string; readonly uri: string; readonly on?: string; readonly scratch?: string };
	command.action((name: string, { type, uri, on, scratch }: Options) =>
		line.run(command, async ({ client, output }) => {
			const kind = hostType.safeParse(type);
			if (!kind.success)
				throw new EngineError('usage.invalid', `--type: “${type}” is no kind of host.`, {
					hint: `There is: ${hostType.options.join(', ')}.`,
					data: { field: '--type' },
				});
			const engine = await client();
			const machineId = on === undefined ? null : (await findMachine(engine, on)).id;
			const host = await engine.hosts.add.mutate({ name, type: kind.data, uri, machineId, ...(scratch !== undefined && { scratchFolder: scratch }) });
			output.result(
				() => ({ host: hostJson(host) }),
				() => hostLines(host),
			);
			return undefined;
		}),
	);
}

function addList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the hypervisor hosts, with how they are now.'), 'host list');
	command.action(() =>
		line.read(command, async ({ client, output }) => {
			const hosts = await (await client()).hosts.list.query();
			output.result(
				() => ({ hosts: hosts.map(hostJson) }),
				() =>
					formatTable(
						hosts,
						[
							{ title: 'Name', value: ({ settings }) => settings.name },
							{ title: 'State', value: ({ state }) => state },
							{ title: 'Address', value: ({ settings }) => settings.uri },
							...(hosts.some(({ machineName }) => machineName !== null) ? [{ title: 'On', value: ({ machineName }: Host) => machineName ?? '' }] : []),
							{ title: 'Hypervisor', value: ({ facts, problem }) => facts?.product ?? problem?.message ?? '' },
						],
						'No hypervisor hosts. See "holdfast host add --help".',
					),
			);
			return undefined;
		}),
	);
}

function addRemove(group: Command, line: CommandLine): void {
	const command = withExample(group.command('remove').description('Forget a host. Nothing changes on it.').argument('<NAME>', 'name or id'), 'host remove Lab');
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findHost(engine, name);
			await engine.hosts.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name } }),
				() => [`The host "${settings.name}" is removed.`],
			);
			return undefined;
		}),
	);
}

function addRescan(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('rescan').description('Ask a host how it is. Ends with 1 when it does not answer.').argument('<NAME>', 'name or id'),
		'host rescan Lab',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const host = await engine.hosts.rescan.mutate({ id: (await findHost(engine, name)).id });
			if (host.problem) throw EngineError.from(host.problem);
			output.result(
				() => ({ host: hostJson(host) }),
				() => hostLines(host),
			);
			return undefined;
		}),
	);
}

const diskText = ({ name, capacityBytes, unsupported }: VirtualDisk): string =>
	`${name}${capacityBytes === null ? '' : ` ${formatSize(capacityBytes)}`}${unsupported === null ? '' : ' (cannot be protected)'}`;

function addVms(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('vms').description('List the virtual machines of a host, running or not, with their disks.').argument('<NAME>', 'name or id'),
		'host vms Lab',
	);
	command.action((name: string) =>
		line.read(command, async ({ client, output }) => {
			const engine = await client();
			const host = await findHost(engine, name);
			const machines = await engine.hosts.machines.query({ id: host.id });
			output.result(
				() => ({ vms: machines }),
				() =>
					formatTable<VirtualMachine>(
						machines,
						[
							{ title: 'Name', value: (vm) => vm.name },
							{ title: 'State', value: ({ state }) => state },
							{ title: 'Disks', value: ({ disks }) => disks.map(diskText).join(', ') },
							{ title: 'Guest agent', value: ({ guestAgent }) => guestAgent },
							{ title: 'Tags', value: ({ tags }) => tags.join(', ') },
						],
						`The host "${host.settings.name}" knows no virtual machines.`,
					),
			);
			return undefined;
		}),
	);
}
