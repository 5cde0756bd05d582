import { type Command, Option } from 'commander';
import { type Processing, processing, type RevisedServerSettings } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatFields } from '../format.ts';
import { withExample } from './group.ts';

const words: Readonly<Record<Processing, string>> = {
	parallel: 'objects of a job side by side, as far as repositories and machines allow',
	sequential: 'objects of a job one after the other; different jobs side by side',
};

const settingsJson = ({ settings }: RevisedServerSettings) => ({ settings });
const settingsLines = ({ settings }: RevisedServerSettings): string[] =>
	formatFields([['Processing', `${settings.processing}: ${words[settings.processing]}`]]);

/** What holds for all jobs of the server. */
export function addServerSettings(group: Command, line: CommandLine): void {
	const show = withExample(group.command('show').description('Show what holds for all jobs.'), 'server show');
	show.action(() =>
		line.read(show, async ({ client, output }) => {
			const current = await (await client()).system.settings.query();
			output.result(
				() => settingsJson(current),
				() => settingsLines(current),
			);
			return undefined;
		}),
	);
	const set = withExample(
		group
			.command('set')
			.description('Change what holds for all jobs. Sessions that run already go on as they began.')
			.addOption(new Option('--processing <how>', 'objects of a job side by side, or one after the other').choices(processing.options).makeOptionMandatory()),
		'server set --processing sequential',
	);
	set.action((options: { processing: Processing }) =>
		line.run(set, async (context) => {
			const { system } = await context.client();
			const { revision, settings } = await system.settings.query();
			const changed = await system.configure.mutate({ revision, settings: { ...settings, processing: options.processing } });
			context.output.result(
				() => settingsJson(changed),
				() => settingsLines(changed),
			);
			return undefined;
		}),
	);
}
