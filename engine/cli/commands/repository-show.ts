import type { Command } from 'commander';
import type { Repository } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatCount, formatFields, formatSize, isoTime } from '../format.ts';
import { repositoryJson } from '../json.ts';
import { findRepository } from '../lookup.ts';
import { withExample } from './group.ts';

export function addRepositoryShow(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('show').description('Show settings, state and room of a repository.').argument('<NAME>', 'name or id'),
		'repository show Main',
	);
	command.action((name: string) =>
		line.read(command, async ({ client, output }) => {
			const repository = await findRepository(await client(), name);
			output.result(
				() => ({ repository: repositoryJson(repository) }),
				() => repositoryLines(repository),
			);
			return undefined;
		}),
	);
}

const mediumWords: Readonly<Record<Repository['medium'], string>> = {
	rotating: 'rotating disk',
	flash: 'flash',
	network: 'network share',
	unknown: 'unknown',
};

/** As it is written on the command line. */
const limit = (bytesPerSec: number | null): string => (bytesPerSec === null ? 'none' : `${bytesPerSec / 1e6} MB/s`);

export function repositoryLines({
	settings,
	machine,
	mountServer,
	medium,
	state,
	problem,
	isDefault,
	capacityBytes,
	freeBytes,
	usedBytes,
	sourceBytes,
	jobCount,
	chainCount,
	pointCount,
	fullAt,
}: Repository): string[] {
	return formatFields([
		['Name', `${settings.name}${isDefault ? ' (default)' : ''}`],
		['Path', settings.path],
		...(machine === null ? [] : ([['Machine', machine]] as const)),
		...(settings.gateway === 'fixed' ? [] : ([['Gateway', 'whoever works on the objects, where the share is mounted']] as const)),
		['Mount server', `${mountServer ?? 'the backup server'}${settings.mountServerId === null ? ' (auto)' : ''}`],
		['State', problem === null ? state : `${state}: ${problem.message}`],
		['Storage', mediumWords[medium]],
		['Room', capacityBytes === null || freeBytes === null ? 'unknown' : `${formatSize(freeBytes)} free of ${formatSize(capacityBytes)}`],
		['Used', `${formatSize(usedBytes)} for ${formatSize(sourceBytes)} of protected data`],
		['Holds', [formatCount(chainCount, 'chain'), formatCount(pointCount, 'restore point'), `used by ${formatCount(jobCount, 'job')}`].join(', ')],
		['Chains', settings.singleFile ? 'one per job' : 'one per object'],
		...(settings.encryptionKeyId === null ? [] : ([['Encryption', `key ${settings.encryptionKeyId}, for jobs without one of their own`]] as const)),
		['Tasks', `${settings.maxTasks} at the same time`],
		[
			'Checks',
			settings.checkSchedule === null
				? 'by hand only'
				: `${settings.checkSchedule.cron} (${settings.checkSchedule.timeZone}), every byte within ${formatCount(settings.checkDays, 'day')}`,
		],
		['Read limit', limit(settings.readLimit)],
		['Write limit', limit(settings.writeLimit)],
		...(fullAt === null ? [] : ([['Full by', isoTime(fullAt).slice(0, 10)]] as const)),
	]);
}
