import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { Volume } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import type { Client } from '../connection.ts';
import { formatFields, formatSize, formatTable, isoTime } from '../format.ts';
import { findMachine } from '../lookup.ts';
import { parseCount, parseSnapshotMode } from '../parse.ts';
import { withExample } from './group.ts';

/** Volumes, and who makes snapshots of them. */
export function addVolumeCommands(group: Command, line: CommandLine): void {
	addList(group, line);
	addSet(group, line);
	addRescan(group, line);
}

type OnMachine = { readonly on?: string };
const onMachine = ['--on <machine>', 'managed machine whose volumes are meant (default: the machine of the backup server)'] as const;
const machineIdOf = async (client: Client, on: string | undefined): Promise<string | null> => (on === undefined ? null : (await findMachine(client, on)).id);

const volumeJson = ({ scannedAt, ...volume }: Volume) => ({ ...volume, scannedAt: isoTime(scannedAt) });

const takenText = ({ choice, provider }: Volume): string => `${provider ?? 'live'}${choice === 'auto' ? '' : ' (chosen)'}`;

const listLines = (volumes: readonly Volume[]): string[] =>
	formatTable(
		volumes,
		[
			{ title: 'Volume', value: ({ id }) => id },
			{ title: 'File system', value: ({ fileSystem }) => fileSystem ?? '' },
			{ title: 'Device', value: ({ device }) => device ?? '' },
			{ title: 'Size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatSize(sizeBytes)), alignRight: true },
			{ title: 'Free', value: ({ freeBytes }) => (freeBytes === null ? '' : formatSize(freeBytes)), alignRight: true },
			{ title: 'Read from', value: takenText },
			{ title: 'Providers', value: ({ providers }) => providers.flatMap(({ name, reason }) => (reason === null ? name : [])).join(', ') },
			{ title: 'At a time', value: ({ maxSnapshots }) => String(maxSnapshots), alignRight: true },
		],
		'This system does not tell what is mounted: sources are read live.',
	);

function addList(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('list')
			.description('List the volumes of this machine, or of a managed one, with what snapshots are made by. With --json also why a provider cannot.'),
		'volume list',
		'volume list --on Vault',
	).option(...onMachine);
	command.action(({ on }: OnMachine) =>
		line.read(command, async ({ client, output }) => {
			const engine = await client();
			const volumes = await engine.volumes.list.query({ rescan: false, machineId: await machineIdOf(engine, on) });
			output.result(
				() => ({ volumes: volumes.map(volumeJson) }),
				() => listLines(volumes),
			);
			return undefined;
		}),
	);
}

function addRescan(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('rescan')
			.description('Look at all volumes and providers now, and not only every four hours. Those of managed machines are looked at by every list.'),
		'volume rescan',
	).option(...onMachine);
	command.action(({ on }: OnMachine) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const volumes = await engine.volumes.list.query({ rescan: true, machineId: await machineIdOf(engine, on) });
			output.result(
				() => ({ volumes: volumes.map(volumeJson) }),
				() => listLines(volumes),
			);
			return undefined;
		}),
	);
}

function addSet(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('set')
			.description('Choose who makes snapshots of a volume for jobs that read by "auto", and how many at a time.')
			.argument('<VOLUME>', 'as "volume list" names it')
			.option(...onMachine)
			.option('--provider <name>', 'a provider, auto, or none to read it live')
			.option('--max-snapshots <n>', 'snapshots at a time, 1 to 64'),
		'volume set /data --provider btrfs',
		'volume set /data --provider auto --max-snapshots 8',
		'volume set /srv --on Vault --provider btrfs',
	);
	command.action((id: string, { on, provider, maxSnapshots }: OnMachine & { readonly provider?: string; readonly maxSnapshots?: string }) =>
		line.run(command, async ({ client, output }) => {
			if (provider === undefined && maxSnapshots === undefined)
				throw new EngineError('usage.invalid', 'Nothing was said to change.', { hint: 'Give --provider or --max-snapshots.', data: { field: '--provider' } });
			const engine = await client();
			const volume = await engine.volumes.change.mutate({
				id,
				machineId: await machineIdOf(engine, on),
				...(provider !== undefined && { provider: parseSnapshotMode(provider, '--provider') }),
				...(maxSnapshots !== undefined && { maxSnapshots: parseCount('--max-snapshots', maxSnapshots, { min: 1, max: 64 }) }),
			});
			output.result(
				() => ({ volume: volumeJson(volume) }),
				() =>
					formatFields([
						['Volume', volume.id],
						['Read from', takenText(volume)],
						['Snapshots at a time', String(volume.maxSnapshots)],
						...volume.providers.map(({ name, reason }, i) => [i === 0 ? 'Providers' : '', reason === null ? name : `${name}: ${reason}`] as const),
					]),
			);
			return undefined;
		}),
	);
}
