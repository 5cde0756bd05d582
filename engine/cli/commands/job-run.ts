import { type Command, Option } from 'commander';
import { EngineError } from '../../base/index.ts';
import { startInBackground } from '../background.ts';
import type { CommandContext, CommandLine } from '../command-line.ts';
import { sessionJson } from '../json.ts';
import { findJob } from '../lookup.ts';
import { parseMoment, parseSource } from '../parse.ts';
import { reportSession, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';

type RunOptions = {
	readonly full?: 'active' | 'synthetic';
	readonly adHocFull?: boolean;
	readonly keepUntil?: string;
	readonly object?: readonly string[];
	readonly wait: boolean;
};

export function addJobRun(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('run')
			.description('Run a job now, show its progress and wait for its end. Ctrl+C cancels it.')
			.argument('<NAME>', 'name or id')
			.addOption(new Option('--full <kind>', 'begin a new chain with a full').choices(['active', 'synthetic']))
			.option('--object <spec...>', 'only these objects of the job; the others keep their points')
			.option('--ad-hoc-full', 'make a full outside of the chain: no increment builds on it, and retention leaves it alone')
			.option('--keep-until <date>', 'with --ad-hoc-full: when retention may take it (default: never; remove it with "chain remove")')
			.option('--no-wait', 'start it and return; follow it with "session follow"'),
		'job run Web',
		'job run Web --full active --no-wait',
		'job run Web --object folder:/srv/web',
		'job run Web --ad-hoc-full --keep-until 2027-12-31',
	);
	command.action((name: string, options: RunOptions) =>
		line.run(command, async (context) => {
			const { client, isEmbedded } = await context.connect({ isForBackup: options.wait });
			const { id } = await findJob(client, name);
			const wish = { full: options.full ?? null, ...parseWish(options, context.surroundings.workingFolder) };
			if (!options.wait && isEmbedded) {
				const sessionId = await startInBackground(context, ['job', 'run', id, ...wishWords(wish)]);
				await line.read(command, (reading) => reportStart(reading, sessionId)); // a short session may be over, and that process with it
				return line.exitCode;
			}
			const start = () => client.jobs.run.mutate({ id, ...wish });
			if (!options.wait) return reportStart(context, (await start()).sessionId);
			const code = reportSession(context, await watchSession(context, start));
			await waitForOthers(context);
			return code;
		}),
	);
}

type Wish = { readonly full: RunOptions['full'] | null; readonly adHoc?: { keepUntil: number | null }; readonly objects?: string[] };

function parseWish({ full, adHocFull, keepUntil, object }: RunOptions, workingFolder: string): Omit<Wish, 'full'> {
	if (keepUntil !== undefined && !adHocFull)
		throw new EngineError('usage.invalid', '--keep-until: it belongs to --ad-hoc-full.', { hint: 'Other points are kept as the job says.' });
	if (adHocFull && full) throw new EngineError('usage.conflict', '--ad-hoc-full and --full exclude each other.', { hint: 'Ask for one of the two.' });
	return {
		...(adHocFull && { adHoc: { keepUntil: keepUntil === undefined ? null : parseMoment('--keep-until', keepUntil) } }),
		...(object && { objects: object.map((text) => parseSource(text, workingFolder, '--object')).map(({ kind, path }) => `${kind}:${path}`) }),
	};
}

/** The same wish for the process in the background. */
const wishWords = ({ full, adHoc, objects }: Wish): string[] => [
	...(full ? ['--full', full] : []),
	...(adHoc ? ['--ad-hoc-full'] : []),
	...(adHoc && adHoc.keepUntil !== null ? ['--keep-until', new Date(adHoc.keepUntil).toISOString().replace(/\.\d+Z$/, 'Z')] : []),
	...(objects ? ['--object', ...objects] : []),
];

async function reportStart({ client, output, surroundings }: CommandContext, sessionId: string): Promise<undefined> {
	const session = await (await client()).sessions.get.query({ id: sessionId });
	output.result(
		() => ({ session: sessionJson(session, surroundings.clock.now()) }),
		() => [`Started as session ${sessionId}. Follow it with "holdfast session follow ${sessionId}".`],
	);
	return undefined;
}
