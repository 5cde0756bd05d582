import type { Command } from 'commander';
import type { BrowseEntry, BrowsePage } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import type { Client } from '../connection.ts';
import { formatSize, formatTable, isoTime, isoTimeOrNull } from '../format.ts';
import { withExample } from './group.ts';

export function addPointBrowse(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('browse')
			.description('List a folder of a restore point.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.argument('[PATH]', 'folder in the backup', '/'),
		'point browse Web@latest /nginx',
	);
	command.action((point: string, path: string) =>
		line.read(command, async ({ client, output }) => {
			const { entries, ...page } = await browseAll(await client(), point, path);
			output.result(
				() => ({ ...page, entries: entries.map(({ modifiedAt, ...entry }) => ({ ...entry, modifiedAt: isoTimeOrNull(modifiedAt) })) }),
				() => entryTable(entries),
			);
			return undefined;
		}),
	);
}

const entryTable = (entries: readonly BrowseEntry[]): string[] =>
	formatTable(
		entries,
		[
			{ title: 'Mode', value: ({ mode }) => (mode & 0o7777).toString(8).padStart(4, '0') },
			{ title: 'Owner', value: ({ owner }) => owner },
			{ title: 'Size', value: ({ type, sizeBytes }) => (type === 'directory' ? '' : formatSize(sizeBytes)), alignRight: true },
			{ title: 'Modified', value: ({ modifiedAt }) => (modifiedAt === null ? '' : isoTime(modifiedAt).slice(0, 16).replace('T', ' ')) },
			{ title: 'Name', value: ({ name, type, target }) => `${name}${type === 'directory' ? '/' : ''}${target === null ? '' : ` -> ${target}`}` },
		],
		'This folder is empty.',
	);

async function browseAll(client: Client, point: string, path: string): Promise<BrowsePage> {
	const entries: BrowseEntry[] = [];
	for (;;) {
		const page = await client.points.browse.query({ point, path, offset: entries.length, limit: 5000 });
		entries.push(...page.entries);
		if (entries.length >= page.total || page.entries.length === 0) return { ...page, entries };
	}
}
