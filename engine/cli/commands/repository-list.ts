import type { Command } from 'commander';
import { locationText } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatSize, formatTable } from '../format.ts';
import { repositoryJson } from '../json.ts';
import { withExample } from './group.ts';

export function addRepositoryList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the repositories.'), 'repository list');
	command.action(() =>
		line.read(command, async ({ client, output }) => {
			const repositories = await (await client()).repositories.list.query();
			output.result(
				() => ({ repositories: repositories.map(repositoryJson) }),
				() =>
					formatTable(
						repositories,
						[
							{ title: 'Name', value: ({ settings, isDefault }) => `${settings.name}${isDefault ? ' (default)' : ''}` },
							{ title: 'State', value: ({ state }) => state },
							{ title: 'Used', value: ({ usedBytes }) => formatSize(usedBytes), alignRight: true },
							{ title: 'Free', value: ({ freeBytes }) => (freeBytes === null ? '–' : formatSize(freeBytes)), alignRight: true },
							{ title: 'Points', value: ({ pointCount }) => String(pointCount), alignRight: true },
							{ title: 'Path', value: locationText },
						],
						'No repositories. Create one with "holdfast repository add NAME --path DIR".',
					),
			);
			return undefined;
		}),
	);
}
