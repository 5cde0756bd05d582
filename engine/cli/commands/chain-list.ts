import type { Command } from 'commander';
import type { CommandLine } from '../command-line.ts';
import { formatSize, formatTable, formatTime, printable } from '../format.ts';
import { chainJson } from '../json.ts';
import { ofJob } from '../lookup.ts';
import { withExample } from './group.ts';

export function addChainList(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('list').description('List chains with their backup files.').option('--job <name>', 'only those of this job, even if it was removed'),
		'chain list --job Web',
	);
	command.action((options: { job?: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const chains = await ofJob(engine, await engine.chains.list.query({}), options.job);
			const now = surroundings.clock.now();
			output.result(
				() => ({ chains: chains.map(chainJson) }),
				() =>
					chains.length === 0
						? ['No chains.']
						: chains.flatMap(({ id, job, object, repository, method, isCurrent, files }, index) => [
								...(index > 0 ? [''] : []),
								`${id}  ${printable(`${job} · ${object} · ${repository}`)} · ${method}${isCurrent ? ' · current' : ''}`,
								...formatTable(
									files,
									[
										{ title: 'File', value: ({ path }) => path },
										{ title: 'Kind', value: ({ kind }) => kind },
										{ title: 'Size', value: ({ sizeBytes }) => formatSize(sizeBytes), alignRight: true },
										{ title: 'Created', value: ({ createdAt }) => formatTime(createdAt, now) },
										{ title: 'Problem', value: ({ problem }) => problem ?? '' },
									],
									'No files.',
								).map((text) => `  ${text}`),
							]),
			);
			return undefined;
		}),
	);
}
