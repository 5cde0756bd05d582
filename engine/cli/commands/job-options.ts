import { type Command, Option } from 'commander';
import { EngineError } from '../../base/index.ts';
import {
	type BlockSize,
	blockSize,
	type ChainMethod,
	type Compression,
	chainMethod,
	compression,
	type DatabaseChoices,
	databaseChoice,
	databaseKind,
	databaseKinds,
	type JobSettings,
	type QuiesceMode,
	quiesceMode,
	type ReadMode,
	type Repository,
	readMode,
	type Schedule,
} from '../../contract/index.ts';
import type { Client } from '../connection.ts';
import { addLaterOptions } from '../later.ts';
import { findMachine, findRepository } from '../lookup.ts';
import { localTimeZone, parseCount, parseDuration, parseGfs, parseGuestWriter, parseSnapshotMode, parseSource, parseTimeZone, parseWriter } from '../parse.ts';
import { addEncryptionOptions, type EncryptionOptions } from './encryption-options.ts';

export type JobOptions = EncryptionOptions & {
	readonly name?: string;
	readonly source?: readonly string[];
	/** False when an edit brings it back to the machine of the backup server. */
	readonly on?: string | false;
	readonly repository?: string;
	readonly description?: string;
	readonly method?: ChainMethod;
	readonly retain?: string;
	readonly blockSize?: BlockSize;
	readonly compression?: Compression;
	readonly storeUnused?: boolean;
	readonly connections?: string;
	/** False when an edit removes them all. */
	readonly exclude?: readonly string[] | false;
	readonly mode?: ReadMode;
	readonly proxy?: string;
	readonly snapshot?: string;
	/** False when an edit removes them all. */
	readonly writer?: readonly string[] | false;
	readonly guestWriter?: readonly string[] | false;
	readonly database?: readonly string[] | false;
	readonly quiesce?: QuiesceMode;
	readonly requireConsistent?: boolean;
	/** False when an edit removes it. */
	readonly schedule?: string | false;
	readonly activeFull?: string | false;
	readonly syntheticFull?: string | false;
	readonly differential?: boolean;
	readonly retainDays?: string | false;
	readonly gfs?: string | false;
	readonly timeZone?: string;
	readonly retries?: string;
	readonly retryWait?: string;
	readonly objective?: string;
};

/** The settings of a job, the same for adding and editing. */
export function addJobOptions(command: Command): Command {
	command
		.option('--description <text>', 'what the job is for')
		.option('--on <machine>', 'managed machine that the sources lie on, and whose data mover reads them (default: the machine of the backup server)')
		.addOption(new Option('--mode <mode>', 'who reads: the machine that holds the sources, or off-host a proxy (default: on-host)').choices(readMode.options))
		.option('--proxy <machine>', 'off-host: the machine that reads the snapshots, or auto, which chooses for each task (default: auto)')
		.addOption(new Option('--method <method>', 'how the chain of backup files grows').choices(chainMethod.options))
		.option('--differential', 'forward only: every increment holds all that changed since the full')
		.option('--retain <n>', 'restore points to keep, per object (default: 14, or 1 with --retain-days)')
		.option('--retain-days <n>', 'keep points that are younger, too: a point goes when both rules let it go')
		.option('--gfs <counts>', 'forward only: keep the first full of so many weeks, months and years, e.g. weekly:4,monthly:12,yearly:3')
		.addOption(new Option('--block-size <size>', 'unit in which disks are compared (default: 1m)').choices(blockSize.options))
		.addOption(new Option('--compression <level>', 'effort spent on compression (default: optimal)').choices(compression.options))
		.option('--store-unused', 'also store what the file systems on a disk mark free, and swap (default: restored as zeros)')
		.option('--connections <n>', 'to a repository on another machine (1 to 16, default: 5)')
		.option('--exclude <glob...>', 'leave out what matches, below the source; a pattern without a slash matches at any depth')
		.option('--snapshot <provider>', 'what to read from: auto (the best of each volume, else live), none (live) or a provider that "volume list" shows')
		.option('--writer <spec...>', 'applications that hold still meanwhile, KIND:SPEC, e.g. script:/etc/holdfast/app.sh or sqlite:/var/lib/app/app.db')
		.option(
			'--guest-writer <spec...>',
			'scripts in the guests of virtual machines that do so: agent:/path/there, run by the guest agent, or ssh:USER@/path/there?identity=/key',
		)
		.option(
			'--database <kind=choice...>',
			`databases that no writer holds still: include or exclude, per kind (${databaseKinds.join(', ')}), e.g. oracle=exclude`,
		)
		.addOption(
			new Option(
				'--quiesce <mode>',
				'how applications and machines are made consistent; offline: machines whose guest cannot hold still are put to a saved state (default: online)',
			).choices(quiesceMode.options),
		)
		.option('--require-consistent', 'fail rather than make a point that is less consistent than was asked for')
		.option('--schedule <cron>', 'when to run: five cron fields, e.g. "0 22 * * mon-fri" (default: only by hand)')
		.option('--active-full <cron>', 'when to begin a new chain with a full')
		.option('--synthetic-full <cron>', 'forward only: when to begin a new chain with a full that is put together from the present chain')
		.option('--time-zone <name>', 'zone of all schedules (default: that of this machine)')
		.option('--retries <n>', 'attempts after a failed scheduled run (default: 3)')
		.option('--retry-wait <minutes>', 'pause before each of them (default: 10)')
		.option('--objective <hours>', 'age at which the newest point counts as too old (default: from the schedule)');
	addEncryptionOptions(command);
	addLaterOptions(command, ['--exclude-disk <name...>']);
	return command;
}

/** What the options say, over what is there already. */
export async function jobChanges(
	client: Client,
	options: JobOptions,
	{ workingFolder, present }: { workingFolder: string; present?: JobSettings },
): Promise<Partial<JobSettings>> {
	const schedule = scheduleChange(options.schedule, options.timeZone, present?.schedule ?? null);
	const activeFull = scheduleChange(options.activeFull, options.timeZone, present?.activeFull ?? null);
	const syntheticFull = scheduleChange(options.syntheticFull, options.timeZone, present?.syntheticFull ?? null);
	const retainDays =
		options.retainDays === undefined || options.retainDays === false ? undefined : parseCount('--retain-days', options.retainDays, { min: 1, max: 9999 });
	const { on } = options;
	const machineId = on === undefined ? (present?.machineId ?? null) : on === false ? null : (await findMachine(client, on)).id;
	const repository: Repository | undefined = options.repository === undefined ? undefined : await findRepository(client, options.repository);
	return {
		...(options.name !== undefined && { name: options.name }),
		...(options.source !== undefined && { sources: options.source.map((spec) => parseSource(spec, machineId === null ? workingFolder : null)) }),
		...(options.on !== undefined && { machineId }),
		...(await proxyChange(client, options)),
		...(repository !== undefined && { repositoryId: repository.id }),
		...(options.description !== undefined && { description: options.description }),
		...(options.method !== undefined && { method: options.method }),
		...(options.retain !== undefined && { retainPoints: parseCount('--retain', options.retain, { min: 1, max: 9999 }) }),
		// Who asks for days alone, for a new job, means days alone; the newest point stays in any case.
		...(options.retain === undefined && retainDays !== undefined && present === undefined && { retainPoints: 1 }),
		...(options.retainDays === false && { retainDays: null }),
		...(retainDays !== undefined && { retainDays }),
		...(options.gfs !== undefined && { gfs: options.gfs === false ? null : parseGfs(options.gfs) }),
		...(options.differential !== undefined && { differential: options.differential }),
		...(options.blockSize !== undefined && { blockSize: options.blockSize }),
		...(options.compression !== undefined && { compression: options.compression }),
		...(options.storeUnused !== undefined && { storeUnused: options.storeUnused }),
		...(options.connections !== undefined && { connections: parseCount('--connections', options.connections, { min: 1, max: 16 }) }),
		...(options.exclude !== undefined && { exclude: options.exclude === false ? [] : [...options.exclude] }),
		...(options.snapshot !== undefined && { snapshot: parseSnapshotMode(options.snapshot) }),
		...(options.writer !== undefined && { writers: options.writer === false ? [] : options.writer.map(parseWriter) }),
		...(options.guestWriter !== undefined && { guestWriters: options.guestWriter === false ? [] : options.guestWriter.map(parseGuestWriter) }),
		...(options.database !== undefined && { databases: options.database === false ? {} : parseDatabases(options.database) }),
		...(options.quiesce !== undefined && { quiesce: options.quiesce }),
		...(options.requireConsistent !== undefined && { requireConsistent: options.requireConsistent }),
		...(schedule !== undefined && { schedule }),
		...(activeFull !== undefined && { activeFull }),
		...(syntheticFull !== undefined && { syntheticFull }),
		...(options.retries !== undefined && { retryCount: parseCount('--retries', options.retries, { min: 0, max: 10 }) }),
		...(options.retryWait !== undefined && { retryWaitMs: parseDuration('--retry-wait', options.retryWait, 60_000) }),
		...(options.objective !== undefined && { recoveryPointObjectiveMs: parseDuration('--objective', options.objective, 3_600_000) || null }),
	};
}

/** Who goes back to on-host lets go of the proxy as well. */
async function proxyChange(client: Client, { mode, proxy }: JobOptions): Promise<Partial<Pick<JobSettings, 'mode' | 'proxyId'>>> {
	const named = proxy === undefined ? {} : { proxyId: proxy === 'auto' ? null : (await findMachine(client, proxy)).id };
	return { ...(mode === 'on-host' && { proxyId: null }), ...(mode !== undefined && { mode }), ...named };
}

/** Undefined: stays. Only the engine judges the expression, as it is the one that will follow it. */
function scheduleChange(cron: string | false | undefined, zone: string | undefined, present: Schedule | null): Schedule | null | undefined {
	if (cron === false) return null;
	const timeZone = zone === undefined ? undefined : parseTimeZone(zone);
	if (cron !== undefined) return { cron, timeZone: timeZone ?? present?.timeZone ?? localTimeZone() };
	return timeZone !== undefined && present !== null ? { ...present, timeZone } : undefined;
}

function parseDatabases(given: readonly string[]): DatabaseChoices {
	const choices: DatabaseChoices = {};
	for (const text of given) {
		const [kind, choice, more] = text.split('=');
		const parsed = { kind: databaseKind.safeParse(kind).data, choice: databaseChoice.safeParse(choice).data };
		if (parsed.kind === undefined || parsed.choice === undefined || more !== undefined)
			throw new EngineError('usage.invalid', `--database ${text} is not understood.`, {
				hint: `Write KIND=include or KIND=exclude. Kinds are ${databaseKinds.join(', ')}.`,
				data: { field: 'databases' },
			});
		choices[parsed.kind] = parsed.choice;
	}
	return choices;
}
