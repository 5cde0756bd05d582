import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import { type Machine, type MachineRole, type MachineSettings, machineRole, machineSettings, maxTasksOfMachine } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { exitCode } from '../exit-code.ts';
import { formatSize, formatTable, isoTime, printable } from '../format.ts';
import { findMachine } from '../lookup.ts';
import { parseCount } from '../parse.ts';
import { withExample } from './group.ts';

/** Machines that are managed from here. */
export function addMachineCommands(group: Command, line: CommandLine): void {
	addToken(group, line);
	addAdd(group, line);
	addList(group, line);
	addShow(group, line);
	addSet(group, line);
	addRescan(group, line);
	addRemove(group, line);
}

const machineJson = ({ id, settings, state, problem, seenAt, status }: Machine) => ({
	id,
	name: settings.name,
	address: addressText(settings),
	roles: settings.roles,
	maxTasks: settings.maxTasks,
	state,
	problem: problem && { code: problem.code, message: problem.message, hint: problem.hint ?? null },
	seenAt: seenAt === null ? null : isoTime(seenAt),
	status: status && { ...status, startedAt: isoTime(status.startedAt), certificateExpiresAt: isoTime(status.certificateExpiresAt) },
});

const addressText = ({ address: { host, port } }: MachineSettings): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

const invalid = (option: string, why: string, hint: string): EngineError => new EngineError('usage.invalid', `${option}: ${why}`, { hint });

/** `HOST:PORT` or `[::1]:PORT`. */
function parseAddress(text: string): MachineSettings['address'] {
	const match = /^(?:\[(?<ip>[0-9a-fA-F:.%]+)\]|(?<host>[^:\s/@]+)):(?<port>\d{1,5})$/.exec(text.trim());
	const port = Number(match?.groups?.port);
	if (!match || port < 1 || port > 65_535)
		throw invalid('--address', `"${text}" is not an address.`, 'Write HOST:PORT, as the data mover there listens, for example 10.0.0.5:9471.');
	return { host: match.groups?.ip ?? match.groups?.host ?? '', port };
}

function parseRoles(text: string): MachineRole[] {
	return text
		.split(',')
		.map((part) => part.trim())
		.filter((part) => part !== '')
		.map((part) => {
			const role = machineRole.safeParse(part);
			if (!role.success) throw invalid('--role', `"${part}" is not a role.`, `Roles are ${machineRole.options.join(', ')}, separated by commas.`);
			return role.data;
		});
}

function parseSettings(settings: object): MachineSettings {
	const parsed = machineSettings.safeParse(settings);
	if (!parsed.success) throw new EngineError('usage.invalid', parsed.error.issues[0]?.message ?? 'The settings cannot be taken.');
	return parsed.data;
}

const stateLines = (machine: Machine): string[] => [
	`Machine "${printable(machine.settings.name)}" at ${addressText(machine.settings)} is ${machine.state}.`,
	...(machine.problem ? [`  ${printable(machine.problem.message)}`, ...(machine.problem.hint ? [`  ${printable(machine.problem.hint)}`] : [])] : []),
];

function addToken(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('token')
			.description('Print a token that pairs one machine, once, within the hour. Start the data mover there with it, then register the machine here with it.'),
		'machine token',
		'--data /var/lib/holdfast-mover mover start --listen 10.0.0.5:9471 --pair hfp_…',
		'machine add Vault --address 10.0.0.5:9471 --token hfp_…',
	);
	command.action(() =>
		line.run(command, async ({ client, output }) => {
			const { token, expiresAt } = await (await client()).machines.offerPairing.mutate();
			output.result(
				() => ({ token, expiresAt: isoTime(expiresAt) }),
				() => [token],
			);
			if (!output.isJson) output.note(`Good for one machine until ${isoTime(expiresAt)}.`);
			return undefined;
		}),
	);
}

function addAdd(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('add')
			.description('Register a machine on which a data mover waits to be paired.')
			.argument('<NAME>', 'name of the machine')
			.requiredOption('--address <host:port>', 'where the data mover listens')
			.requiredOption('--token <token>', 'the token of "machine token" with which it was started')
			.option('--role <roles>', `what it may be used for: ${machineRole.options.join(', ')}`, ''),
		'machine add Vault --address 10.0.0.5:9471 --token hfp_… --role repository,proxy',
	);
	command.action((name: string, { address, token, role }: { address: string; token: string; role: string }) =>
		line.run(command, async ({ client, output }) => {
			const settings = parseSettings({ name, address: parseAddress(address), roles: parseRoles(role) });
			const machine = await (await client()).machines.add.mutate({ settings, token });
			output.result(
				() => ({ machine: machineJson(machine) }),
				() => stateLines(machine),
			);
			return undefined;
		}),
	);
}

function addList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the machines, as they were when they were asked last.'), 'machine list');
	command.action(() =>
		line.read(command, async ({ client, output }) => {
			const machines = await (await client()).machines.list.query();
			output.result(
				() => ({ machines: machines.map(machineJson) }),
				() =>
					formatTable(
						machines,
						[
							{ title: 'Name', value: ({ settings }) => settings.name },
							{ title: 'State', value: ({ state }) => state },
							{ title: 'Roles', value: ({ settings }) => settings.roles.join(', ') || '–' },
							{ title: 'Version', value: ({ status }) => status?.version ?? '–' },
							{ title: 'Seen', value: ({ seenAt }) => (seenAt === null ? 'never' : isoTime(seenAt)) },
							{ title: 'Address', value: ({ settings }) => addressText(settings) },
						],
						'No machines. Begin with "holdfast machine token".',
					),
			);
			return undefined;
		}),
	);
}

function addShow(group: Command, line: CommandLine): void {
	const command = withExample(group.command('show').description('Show a machine.').argument('<NAME>', 'name or id'), 'machine show Vault');
	command.action((name: string) =>
		line.read(command, async ({ client, output }) => {
			const machine = await findMachine(await client(), name);
			const { status, settings, seenAt } = machine;
			output.result(
				() => ({ machine: machineJson(machine) }),
				() => [
					...stateLines(machine),
					`Roles        ${settings.roles.join(', ') || 'none'}`,
					`Tasks        ${settings.maxTasks ?? 'one per processor'}`,
					`Seen         ${seenAt === null ? 'never' : isoTime(seenAt)}`,
					...(status
						? [
								`Host name    ${printable(status.hostName)}`,
								`System       ${printable(status.platform)}, ${status.processors} processors, ${formatSize(status.memoryBytes)} memory`,
								`Holdfast     ${printable(status.version)}`,
								`Certificate  until ${isoTime(status.certificateExpiresAt)}`,
								...status.volumes.map(
									({ path, freeBytes, sizeBytes }) => `Volume       ${printable(path)}, ${formatSize(freeBytes)} of ${formatSize(sizeBytes)} free`,
								),
							]
						: []),
				],
			);
			return undefined;
		}),
	);
}

function addSet(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('set')
			.description('Change a machine. What is not named stays.')
			.argument('<NAME>', 'name or id')
			.option('--name <name>', 'another name')
			.option('--address <host:port>', 'where its data mover listens now')
			.option('--role <roles>', `what it may be used for: ${machineRole.options.join(', ')}; "" for nothing`)
			.option('--max-tasks <n>', 'tasks that may read there or give back at the same time (1 to 32); 0 for one per processor'),
		'machine set Vault --role repository,gateway',
	);
	command.action((name: string, changes: { name?: string; address?: string; role?: string; maxTasks?: string }) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findMachine(engine, name);
			const next = parseSettings({
				name: changes.name ?? settings.name,
				address: changes.address === undefined ? settings.address : parseAddress(changes.address),
				roles: changes.role === undefined ? settings.roles : parseRoles(changes.role),
				maxTasks: changes.maxTasks === undefined ? settings.maxTasks : parseCount('--max-tasks', changes.maxTasks, { min: 0, max: maxTasksOfMachine }) || null,
			});
			const machine = await engine.machines.update.mutate({ id, revision, settings: next });
			output.result(
				() => ({ machine: machineJson(machine) }),
				() => stateLines(machine),
			);
			return undefined;
		}),
	);
}

function addRescan(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('rescan').description('Ask a machine how it is, and renew its certificate when that is due.').argument('<NAME>', 'name or id'),
		'machine rescan Vault',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const machine = await engine.machines.rescan.mutate({ id: (await findMachine(engine, name)).id });
			output.result(
				() => ({ machine: machineJson(machine) }),
				() => stateLines(machine),
			);
			return machine.state === 'online' ? exitCode.success : exitCode.failed;
		}),
	);
}

function addRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('remove').description('Let a machine go. Nothing is deleted there; its data mover belongs to nobody then.').argument('<NAME>', 'name or id'),
		'machine remove Vault',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findMachine(engine, name);
			const { isTold } = await engine.machines.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name, told: isTold } }),
				() => [
					`Machine "${printable(settings.name)}" is removed.`,
					...(isTold ? [] : ['It could not be reached. Remove the folder of its data mover there before it is paired again.']),
				],
			);
			return undefined;
		}),
	);
}
