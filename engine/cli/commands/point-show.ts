import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { formatFields, formatSize, formatTime } from '../format.ts';
import { pointJson } from '../json.ts';
import { withExample } from './group.ts';

export function addPointShow(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('show').description('Show a restore point.').argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…'),
		'point show Web@latest',
		'point show Web@2026-11-21T08:00',
	);
	command.action((wanted: string) =>
		line.read(command, async ({ client, output, surroundings }) => {
			const point = await (await client()).points.get.query({ point: wanted });
			const now = surroundings.clock.now();
			output.result(
				() => ({ point: pointJson(point) }),
				() =>
					formatFields([
						['Id', point.id],
						['Job', point.job],
						['Object', point.object],
						...(point.machine ? ([['Machine', point.machine.name]] as const) : []),
						...(point.snapshot?.proxy ? ([['Read by', `${point.snapshot.proxy.name}, off-host`]] as const) : []),
						['Created', formatTime(point.createdAt, now)],
						['Kind', `${point.kind}${point.mode.reason ? ` (${point.mode.reason})` : ''}`],
						['Consistency', point.consistency],
						['Size', `${formatSize(point.sourceBytes)} in ${point.itemCount} items, ${formatSize(point.storedBytes)} stored`],
						['File', point.file],
						['Warnings', String(point.warningCount)],
						['Restorable', point.restorable ? 'yes' : `no: ${point.problem ?? 'unknown reason'}`],
						['Verified', formatTime(point.verifiedAt, now)],
					]),
			);
			return undefined;
		}),
	);
}
