import type { Command } from 'commander';
import type { Point } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatSize, formatTable, formatTime, originMarks } from '../format.ts';
import { pointJson } from '../json.ts';
import { noteUnread, ofJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addPointList(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('list').description('List restore points, newest first.').option('--job <name>', 'only those of this job, even if it was removed'),
		'point list --job Web',
	);
	command.action((options: { job?: string }) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const points = await ofJob(engine, await engine.points.list.query({}), options.job);
			output.result(
				() => ({ points: points.map(pointJson) }),
				() => pointTable(points, surroundings.clock.now()),
			);
			await noteUnread(engine, output);
			return undefined;
		}),
	);
}

export const pointTable = (points: readonly Point[], nowMs: number): string[] =>
	formatTable(
		points,
		[
			{ title: 'Id', value: ({ id }) => id },
			{ title: 'Job', value: ({ job, origin }) => `${job}${originMarks[origin]}` },
			{ title: 'Object', value: ({ object }) => object },
			{ title: 'Created', value: ({ createdAt }) => formatTime(createdAt, nowMs) },
			{ title: 'Kind', value: ({ kind, isAdHoc }) => (isAdHoc ? `ad-hoc ${kind}` : kind) },
			{ title: 'Size', value: ({ sourceBytes }) => formatSize(sourceBytes), alignRight: true },
			{ title: 'Stored', value: ({ storedBytes }) => formatSize(storedBytes), alignRight: true },
			{ title: 'Restorable', value: ({ restorable, problem }) => (restorable ? 'yes' : `no: ${problem ?? 'unknown reason'}`) },
		],
		'No restore points.',
	);
