import { type Command, Option } from 'commander';
import { type OverwriteRule, overwriteRule, type RestorePlan } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatCount, formatSize, printable } from '../format.ts';
import { machineOn, targetOn } from '../restore-target.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type FilesOptions = { readonly to?: string; readonly original?: boolean; readonly on?: string; readonly overwrite: OverwriteRule; readonly dryRun?: boolean };

export function addRestoreFiles(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('files')
			.description('Restore files and folders with their metadata. Ctrl+C cancels.')
			.argument('<POINT>', 'id, JOB@latest, JOB@TIME or JOB/OBJECT@…')
			.argument('<PATH...>', 'paths in the backup; / is everything')
			.addOption(new Option('--to <dir>', 'folder to restore into').conflicts('original'))
			.option('--original', 'restore to where it came from')
			.option('--on <machine>', 'managed machine to restore on; --to is a folder there')
			.addOption(new Option('--overwrite <rule>', 'what to do with files that exist there').choices(overwriteRule.options).default('never'))
			.option('--dry-run', 'only say what would be written and overwritten'),
		'restore files Web@latest / --to /tmp/restored',
		'restore files Web@2026-11-21T08:00 /nginx/nginx.conf --original --overwrite always --dry-run',
		'restore files Web@latest /nginx --on Vault --to /srv/restored',
	);
	command.action((point: string, paths: string[], options: FilesOptions) =>
		line.run(command, async (context) => {
			if (options.to === undefined && !options.original) command.error("required option '--to <dir>' not specified (or --original)");
			const client = await context.client();
			const machineId = await machineOn(client, options.on);
			const to = options.to === undefined ? null : targetOn(machineId, context.surroundings.workingFolder, options.to);
			const input = { point, paths, machineId, to, overwrite: options.overwrite };
			if (options.dryRun) {
				const plan = await client.restore.plan.query(input);
				context.output.result(
					() => ({ plan }),
					() => planLines(plan),
				);
				return undefined;
			}
			const code = reportSession(context, await watchSession(context, () => client.restore.files.mutate(input)));
			await waitForOthers(context);
			return code;
		}),
	);
}

function planLines({ files, directories, links, others, bytes, overwritten, kept, overwrittenPaths, freeBytes, fits }: RestorePlan): string[] {
	return [
		`Would restore ${formatSize(bytes)}: ${formatCount(files, 'file')}, ${formatCount(directories, 'folder')}, ${formatCount(links, 'link')}, ${formatCount(others, 'other entry', 'other entries')}.`,
		`Would overwrite ${formatCount(overwritten, 'existing entry', 'existing entries')} and keep ${kept}.`,
		...overwrittenPaths.map((path) => `  ${printable(path)}`),
		...(overwritten > overwrittenPaths.length ? [`  … and ${overwritten - overwrittenPaths.length} more`] : []),
		`${freeBytes === null ? 'Free room is not known' : `${formatSize(freeBytes)} are free`}${fits ? '.' : ': that is not enough.'}`,
	];
}
