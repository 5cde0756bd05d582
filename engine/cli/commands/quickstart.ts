import { chmod, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { JobSettingsInput, JobSummary, Point, Repository, Session } from '../../contract/index.ts';
import type { CommandContext, CommandLine } from '../command-line.ts';
import { compareTrees, type TreeComparison } from '../compare-trees.ts';
import type { Client } from '../connection.ts';
import { type ExitCode, exitCode, exitCodeOfState } from '../exit-code.ts';
import { formatBottleneck, formatCount, formatDuration, formatRate, formatSize, printable } from '../format.ts';
import { errorJson, pointJson, sessionError, sessionJson } from '../json.ts';
import { sessionLines, waitForOthers, watchSession } from '../watch.ts';
import { withExample } from './group.ts';
import { pointTable } from './point-list.ts';

type QuickstartOptions = { readonly source?: string; readonly repository?: string; readonly keep?: boolean };

const jobName = 'Quickstart';
/** What a checkout can bring back by itself. */
const checkoutExcludes = ['node_modules', 'dist'];

export function addQuickstart(program: Command, line: CommandLine): void {
	const command = withExample(
		program
			.command('quickstart')
			.description('See the main job work: back a folder up, restore it to a temporary folder, compare every byte. Once more makes an increment.')
			.option('--source <path>', 'folder to protect (default: the folder of this program)')
			.option('--repository <dir>', 'folder for the backup files (default: the default repository, created where most room is free)')
			.option('--keep', 'keep the restored folder'),
		'quickstart',
		'quickstart --source /etc --repository /mnt/backup',
	);
	command.action((options: QuickstartOptions) => line.run(command, (context) => quickstart(context, options)));
}

async function quickstart(context: CommandContext, options: QuickstartOptions): Promise<ExitCode> {
	const { output, surroundings, dataFolder } = context;
	const product = resolve(dirname(surroundings.program), '..', '..');
	const source = await realpath(options.source === undefined ? product : resolve(surroundings.workingFolder, options.source)).catch(() => {
		throw new EngineError('source.missing', `The folder ${options.source} does not exist.`, { hint: 'Name an existing folder with --source.' });
	});
	const client = await context.client();
	const repository = await prepareRepository(context, client, options.repository);

	await using cleanUp = new AsyncDisposableStack();
	const copy = await mkdtemp(join(await realpath(tmpdir()), 'holdfast-quickstart-'));
	if (!options.keep) cleanUp.defer(() => removeTree(copy));

	const names = options.source === undefined ? checkoutExcludes : [];
	const paths = excludedFolders(source, [dataFolder, repository.settings.path, copy]);
	const settings: JobSettingsInput = {
		name: jobName,
		description: 'Made by "holdfast quickstart".',
		sources: [{ kind: 'folder', path: source }],
		exclude: [...names, ...paths.map(anchoredPattern)],
		repositoryId: repository.id,
	};
	const job = await prepareJob(client, settings);
	output.note(`Backing up ${printable(source)} to ${printable(repository.settings.path)} …`);
	const startedAt = surroundings.clock.now();
	const backup = await watchSession(context, () => client.jobs.run.mutate({ id: job.id, full: null }));
	const pointId = backup.tasks[0]?.pointId;
	if (!pointId) return reportFailure(context, backup);
	for (const text of sessionLines(backup, surroundings.clock.now())) output.note(text);

	const point = await client.points.get.query({ point: pointId });
	const points = await client.points.list.query({ jobId: job.id });
	output.note(`\nRestore points of job "${jobName}":`);
	for (const text of pointTable(points, surroundings.clock.now())) output.note(`  ${text}`);

	output.note(`\nRestoring the newest to ${copy} …`);
	const restore = await watchSession(context, () => client.restore.files.mutate({ point: pointId, paths: ['/'], to: copy, overwrite: 'always' }));
	if (restore.state !== 'success' && restore.state !== 'warning') return reportFailure(context, restore);

	output.note('Comparing every byte …');
	const comparison = await compareTrees({ original: source, copy, skipNames: new Set(names), skipPaths: new Set(paths), changedAfter: startedAt });
	await waitForOthers(context);
	return report(context, { source, copy: options.keep ? copy : null, repository, backup, restore, point, points, comparison });
}

/** The repository in the named folder, or the default one; made where there is none. */
async function prepareRepository({ output, surroundings }: CommandContext, client: Client, folder: string | undefined): Promise<Repository> {
	const repositories = await client.repositories.list.query();
	const path = folder === undefined ? undefined : resolve(surroundings.workingFolder, folder);
	const present =
		path === undefined ? (repositories.find(({ isDefault }) => isDefault) ?? repositories[0]) : repositories.find(({ settings }) => settings.path === path);
	if (present !== undefined) return present;
	const wanted = path ?? (await client.repositories.suggest.query()).path;
	const taken = new Set(repositories.map(({ settings }) => settings.name));
	const name = [path === undefined ? 'Default' : basename(path) || 'Backup', ...Array.from({ length: 100 }, (_, index) => `Backup ${index + 2}`)].find(
		(candidate) => !taken.has(candidate),
	);
	output.note(`Making ${printable(wanted)} the repository "${name}" …`);
	try {
		return await client.repositories.add.mutate({ name: name ?? jobName, path: wanted });
	} catch (error) {
		if (path === undefined) output.note('Another folder can be chosen with --repository DIR.');
		throw error;
	}
}

/** The job, as it is wanted this time: running it again makes an increment. */
async function prepareJob(client: Client, settings: JobSettingsInput): Promise<JobSummary> {
	const present = (await client.jobs.list.query()).find((job) => job.settings.name === jobName);
	if (present === undefined) return client.jobs.create.mutate(settings);
	return client.jobs.update.mutate({ id: present.id, revision: present.revision, settings: { ...present.settings, ...settings } });
}

/** Those of `folders` that lie in the source, as paths below it: a backup must not contain itself. */
function excludedFolders(source: string, folders: readonly string[]): string[] {
	return folders.flatMap((folder) => {
		const below = relative(source, folder);
		if (below === '') throw new EngineError('usage.invalid', `--source: ${source} is where Holdfast keeps its own data.`, { hint: 'Choose another folder.' });
		return below.startsWith('..') || below.startsWith(sep) ? [] : [below.split(sep).join('/')];
	});
}

/** A pattern that means exactly this path below the source. */
const anchoredPattern = (path: string): string => `/${path.replace(/[\\*?[\]{}()!+@|]/g, '\\$&')}`;

function reportFailure({ output, surroundings }: CommandContext, session: Session): ExitCode {
	const error = sessionError(session);
	const now = surroundings.clock.now();
	output.result(
		() => ({ session: sessionJson(session, now), ...(error && { error: errorJson(error) }) }),
		() => sessionLines(session, now),
	);
	return exitCodeOfState(session.state);
}

type Outcome = {
	source: string;
	copy: string | null;
	repository: Repository;
	backup: Session;
	restore: Session;
	point: Point;
	points: readonly Point[];
	comparison: TreeComparison;
};

function report(
	{ output, surroundings, dataFolder }: CommandContext,
	{ source, copy, repository, backup, restore, point, points, comparison }: Outcome,
): ExitCode {
	const now = surroundings.clock.now();
	const { entries, bytes, differences, changed, unreadable } = comparison;
	const isIdentical = differences.length + changed.length + unreadable.length === 0;
	const durationMs = Math.max(1, (backup.endedAt ?? now) - (backup.startedAt ?? now));
	const restoreMs = Math.max(1, (restore.endedAt ?? now) - (restore.startedAt ?? now));
	const { doneBytes, readBytes, storedBytes } = backup.counters;
	const allBytes = points.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
	const allStoredBytes = points.reduce((sum, each) => sum + each.storedBytes, 0);
	const ratio = allStoredBytes > 0 ? allBytes / allStoredBytes : null;
	output.result(
		() => ({
			quickstart: {
				identical: isIdentical,
				entries,
				bytes,
				differences,
				changed,
				unreadable,
				ratio,
				durationMs,
				restoreDurationMs: restoreMs,
				copy,
				source,
				repository: repository.settings.path,
				dataFolder,
			},
			session: sessionJson(backup, now),
			point: pointJson(point),
		}),
		() => [
			'',
			isIdentical
				? `Identical: ${formatCount(entries, 'entry', 'entries')} with ${formatSize(bytes)}, compared byte for byte (content, sizes, modes, links).`
				: `${differences.length === 0 ? 'No difference was found' : `Not identical: ${formatCount(differences.length, 'difference')}`}; ${formatCount(changed.length + unreadable.length, 'entry', 'entries')} could not be compared.`,
			...differences.slice(0, 20).map(({ path, what }) => `  ${printable(path || '.')} ${what}`),
			...changed.slice(0, 20).map((path) => `  ${printable(path || '.')} was changed meanwhile`),
			...unreadable.slice(0, 20).map((path) => `  ${printable(path || '.')} may not be read by this user`),
			'',
			`Protected    ${formatSize(point.sourceBytes)} in ${formatCount(point.itemCount, 'item')} (${point.kind})`,
			`Read         ${formatSize(readBytes)}; ${formatSize(doneBytes - Math.min(doneBytes, readBytes))} were known to be unchanged or empty`,
			`Stored       ${formatSize(storedBytes)}${ratio === null ? '' : `; in all ${formatCount(points.length, 'restore point')} of ${formatSize(allBytes)} in ${formatSize(allStoredBytes)}: ${ratio.toFixed(1)} to 1`}`,
			`Backed up    in ${formatDuration(durationMs)}, ${formatRate((doneBytes / durationMs) * 1000)}`,
			`Restored     in ${formatDuration(restoreMs)}, ${formatRate((bytes / restoreMs) * 1000)}`,
			...(backup.bottleneck ? [`Bottleneck   ${printable(formatBottleneck(backup.bottleneck))}`] : []),
			`Files        ${printable(join(repository.settings.path, point.file))}`,
			...(copy === null ? [] : [`Copy         ${copy}`]),
			'',
			'The console:',
			'  npm start                   opens it as a desktop program',
			'  npx holdfast server start   serves it to the browser of this machine',
		],
	);
	if (isIdentical) return exitCode.success;
	return differences.length > 0 ? exitCode.failed : exitCode.warnings;
}

/** Also where a restored folder may not be written to by its owner. */
async function removeTree(folder: string): Promise<void> {
	await rm(folder, { recursive: true, force: true }).catch(async () => {
		await openFolders(folder);
		await rm(folder, { recursive: true, force: true });
	});
}

async function openFolders(folder: string): Promise<void> {
	await chmod(folder, 0o700);
	for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await openFolders(join(folder, entry.name));
}
