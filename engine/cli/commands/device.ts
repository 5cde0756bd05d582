import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Device } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatFields, formatSize, formatTable } from '../format.ts';
import { findDevice } from '../lookup.ts';
import { parseCount } from '../parse.ts';
import { withExample } from './group.ts';

/** Raw images and block devices that are written through Holdfast. */
export function addDeviceCommands(group: Command, line: CommandLine): void {
	addAdd(group, line);
	addList(group, line);
	addRemove(group, line);
}

const deviceJson = ({ id, settings, state, problem, uri, sizeBytes, clients, snapshots }: Device) => ({
	id,
	...settings,
	state,
	problem,
	uri,
	sizeBytes,
	clients,
	snapshots,
});

const stateText = ({ state, problem }: Device): string => (problem ? problem.message : state === 'served' ? 'served' : 'not served: no server runs');

const deviceLines = (device: Device): string[] =>
	formatFields([
		['Name', device.settings.name],
		['Path', device.settings.path],
		['Size', device.sizeBytes === null ? '' : formatSize(device.sizeBytes)],
		['Its users reach it at', device.uri ?? ''],
	]);

type AddOptions = { readonly path: string; readonly cache?: string; readonly cacheLimit?: string };

function addAdd(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('add')
			.description(
				'Serve a raw image or block device over NBD while a server or the desktop console runs. Whatever writes to it goes through that address, and jobs that protect its path read it from snapshots of one instant.',
			)
			.argument('<NAME>', 'name of the device and of its export')
			.requiredOption('--path <path>', 'the image or device; nothing else may use it meanwhile')
			.option('--cache <dir>', 'where what is overwritten during a backup is kept (default: the data folder)')
			.option('--cache-limit <MiB>', 'how much of it, for each snapshot (default: a fifth of the device)'),
		'device add Database --path /vm/db.img',
	);
	command.action((name: string, { path, cache, cacheLimit }: AddOptions) =>
		line.run(command, async ({ client, output, surroundings: { workingFolder } }) => {
			const device = await (await client()).devices.add.mutate({
				name,
				path: resolve(workingFolder, path),
				cacheFolder: cache === undefined ? null : resolve(workingFolder, cache),
				cacheLimitBytes: cacheLimit === undefined ? null : parseCount('--cache-limit', cacheLimit, { min: 1, max: 2 ** 30 }) * 2 ** 20,
			});
			output.result(
				() => ({ device: deviceJson(device) }),
				() => deviceLines(device),
			);
			return undefined;
		}),
	);
}

function addList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the devices that are served, with how they are now.'), 'device list');
	command.action(() =>
		line.read(command, async ({ client, output }) => {
			const devices = await (await client()).devices.list.query();
			output.result(
				() => ({ devices: devices.map(deviceJson) }),
				() =>
					formatTable(
						devices,
						[
							{ title: 'Name', value: ({ settings }) => settings.name },
							{ title: 'Path', value: ({ settings }) => settings.path },
							{ title: 'State', value: stateText },
							{ title: 'Clients', value: ({ clients }) => String(clients), alignRight: true },
							{ title: 'Snapshots', value: ({ snapshots }) => String(snapshots.length), alignRight: true },
							{ title: 'Address', value: ({ uri }) => uri ?? '' },
						],
						'No devices are served. See "holdfast device add --help".',
					),
			);
			return undefined;
		}),
	);
}

function addRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('remove').description('Serve a device no longer. What lies at its path stays.').argument('<NAME>', 'name or id'),
		'device remove Database',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findDevice(engine, name);
			await engine.devices.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name } }),
				() => [`The device "${settings.name}" is served no longer.`],
			);
			return undefined;
		}),
	);
}
