import type { Command } from 'commander';
import type { ChainMapping } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatCount, printable } from '../format.ts';
import { findJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addJobMap(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('map')
			.description('Let a job go on with a chain that another installation, or a job that is gone, made. The chain belongs to the job from then on.')
			.argument('<NAME>', 'name or id of the job')
			.requiredOption('--chain <chain>', 'id of the chain, from "repository import" or "chain list"')
			.option('--dry-run', 'only say what would become of it'),
		'job map Web --chain 1jq2w3e4r5t6y7u8',
	);
	command.action((name: string, { chain: chainId, dryRun = false }: { chain: string; dryRun?: boolean }) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, settings } = await findJob(engine, name);
			const mapping = dryRun ? await engine.jobs.planMapping.query({ id, chainId }) : await engine.jobs.map.mutate({ id, chainId });
			output.result(
				() => ({ mapped: { job: settings.name, chain: chainId, isDryRun: dryRun, ...mapping } }),
				() => mappingLines(settings.name, mapping, dryRun),
			);
			return undefined;
		}),
	);
}

function mappingLines(job: string, { from, objects, pointCount, next, expiringCount, notes }: ChainMapping, isDryRun: boolean): string[] {
	const points = formatCount(pointCount, 'restore point');
	return [
		printable(`"${job}" ${isDryRun ? 'would go' : 'goes'} on with the chain of "${from}": ${points} of ${objects.join(', ')}.`),
		next.mode === 'increment' ? 'Its next run is an increment.' : printable(`Its next run makes a ${next.mode} full: ${next.reason}`),
		...(expiringCount > 0 ? [`Retention of the job removes ${expiringCount} of the ${points} at its next run.`] : []),
		...notes.map(printable),
	];
}
