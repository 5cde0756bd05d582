/**
 * Everything that crosses the border between the engine and a face.
 * Times are epoch milliseconds, sizes are bytes, rates are bytes per second, durations are milliseconds.
 * Paths are strings in which a byte that is not UTF-8 appears as the lone surrogate U+DC80 + (byte − 0x80), so that
 * every name of every file system survives JSON (the "surrogateescape" convention of PEP 383).
 */
import { z } from 'zod';
import { errorCodes } from './errors.ts';
import { sessionStep } from './session-step.ts';

/** Compiling a parser for each schema takes longer than all parsing of a command or a thread, and a page's policy forbids it. */
z.config({ jitless: true });

const epochMs = z.number().int();
const size = z.number().int().nonnegative();

export const errorShape = z.object({
	code: z.enum(errorCodes),
	message: z.string(),
	hint: z.string().optional(),
	data: z.record(z.string(), z.unknown()).optional(),
});

/** Names of jobs and repositories: they become folder names. */
export const entityName = z
	.string()
	.trim()
	.min(1, 'A name is needed.')
	.max(80, 'A name has at most 80 characters.')
	.refine((name) => !/[\\/:*?"<>|@\p{Cc}]/u.test(name), 'A name must not contain \\ / : * ? " < > | @ or control characters.')
	.refine((name) => !/^\.|\.$/.test(name), 'A name must not begin or end with a dot.');

// ---------------------------------------------------------------- sources

export const sourceSpec = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('folder'), path: z.string().min(1) }),
	z.object({ kind: z.literal('disk'), path: z.string().min(1) }),
]);
export type SourceSpec = z.infer<typeof sourceSpec>;

// ---------------------------------------------------------------- jobs

export const blockSizes = { '256k': 262_144, '512k': 524_288, '1m': 1_048_576, '4m': 4_194_304 } as const;
export const blockSize = z.enum(['256k', '512k', '1m', '4m']);
export type BlockSize = z.infer<typeof blockSize>;
/** none: stored as it is · fast: zstd 1 · optimal: zstd 3 · high: zstd 9. */
export const compression = z.enum(['none', 'fast', 'optimal', 'high']);
export type Compression = z.infer<typeof compression>;
export const chainMethod = z.enum(['forward', 'forever-forward', 'reverse']);
export type ChainMethod = z.infer<typeof chainMethod>;

/** A cron expression (five fields, or six with seconds) in a time zone (IANA name). */
export const schedule = z.object({ cron: z.string().min(1), timeZone: z.string().min(1) });
export type Schedule = z.infer<typeof schedule>;

/** How many weeks, months and years of archive fulls are kept. */
export const gfsCounts = z.object({
	weekly: z.number().int().min(0).max(9999).default(0),
	monthly: z.number().int().min(0).max(9999).default(0),
	yearly: z.number().int().min(0).max(9999).default(0),
});
export type GfsCounts = z.infer<typeof gfsCounts>;
export const gfsFlag = z.enum(['weekly', 'monthly', 'yearly']);
export type GfsFlag = z.infer<typeof gfsFlag>;

export const jobSettings = z.object({
	name: entityName,
	description: z.string().max(2000).default(''),
	sources: z.array(sourceSpec).min(1, 'Choose at least one folder or disk.').max(1000),
	/** Globs relative to the source's root (picomatch, `dot: true`); a pattern without a slash matches a name at any depth. */
	exclude: z.array(z.string().min(1)).max(1000).default([]),
	repositoryId: z.string().min(1, 'Choose a repository.'),
	method: chainMethod.default('forward'),
	/** Forward incremental only: every increment holds all that changed since the full, so that each needs nothing but the full. */
	differential: z.boolean().default(false),
	/** Restore points to keep, per object. */
	retainPoints: z.number().int().min(1).max(9999).default(14),
	/** Keep points that are younger than this, too: a point goes only when both rules let it go. Null: the number of points alone decides. */
	retainDays: z.number().int().min(1).max(9999).nullable().default(null),
	/** Forward incremental only: the first full of a week, month or year is kept beyond the other rules, for so many of the newest weeks, months, years. */
	gfs: gfsCounts.nullable().default(null),
	/** When to begin a new chain with an active full. Forward incremental without any such schedule: a chain is renewed once it alone satisfies the retention. */
	activeFull: schedule.nullable().default(null),
	/** Forward incremental only: when to begin a new chain with a full that is put together from the present one, reading only changes from the source. */
	syntheticFull: schedule.nullable().default(null),
	/** Chains are encrypted with this key; null: with that of the repository, if it has one. */
	encryptionKeyId: z.string().min(1).nullable().default(null),
	blockSize: blockSize.default('1m'),
	compression: compression.default('optimal'),
	/** Null: only when started by hand. */
	schedule: schedule.nullable().default(null),
	enabled: z.boolean().default(true),
	/** Attempts after a failed scheduled run. */
	retryCount: z.number().int().min(0).max(10).default(3),
	retryWaitMs: z.number().int().min(0).max(86_400_000).default(600_000),
	/** How old the newest point may become before the object counts as unprotected; null: derived from the schedule. */
	recoveryPointObjectiveMs: z.number().int().positive().nullable().default(null),
});
export type JobSettings = z.infer<typeof jobSettings>;
export type JobSettingsInput = z.input<typeof jobSettings>;

export const sessionState = z.enum(['queued', 'running', 'cancelling', 'success', 'warning', 'failed', 'cancelled', 'interrupted']);
export type SessionState = z.infer<typeof sessionState>;
export const isFinal = (state: SessionState): boolean => state !== 'queued' && state !== 'running' && state !== 'cancelling';

export const bottleneckStage = z.enum(['source', 'proxy', 'network', 'target', 'throttling', 'none']);
export type BottleneckStage = z.infer<typeof bottleneckStage>;
const percentages = z.object({ source: z.number(), proxy: z.number(), network: z.number(), target: z.number() });
export const bottleneck = z.object({
	stage: bottleneckStage,
	/** Why, and what would help, in words. */
	reason: z.string(),
	busyPercent: percentages,
});
export type Bottleneck = z.infer<typeof bottleneck>;

export const jobSummary = z.object({
	id: z.string(),
	/** Grows by one at each save; a save names the revision that it was made from. */
	revision: z.number().int(),
	settings: jobSettings,
	repositoryName: z.string(),
	/** Running or queued session, if any. */
	activeSessionId: z.string().nullable(),
	lastSession: z
		.object({ id: z.string(), state: sessionState, startedAt: epochMs, durationMs: z.number(), error: errorShape.nullable(), warningCount: z.number() })
		.nullable(),
	lastSuccessAt: epochMs.nullable(),
	lastPointAt: epochMs.nullable(),
	nextRunAt: epochMs.nullable(),
	pointCount: z.number().int(),
	storedBytes: size,
	/** The newest sessions, oldest first, at most 30: for sparklines. */
	trend: z.array(z.object({ sessionId: z.string(), state: sessionState, startedAt: epochMs, durationMs: z.number(), storedBytes: size, readBytes: size })),
});
export type JobSummary = z.infer<typeof jobSummary>;

// ---------------------------------------------------------------- sessions

export const sessionKind = z.enum(['backup', 'restore-files', 'restore-disk', 'verify', 'check', 'health', 'repair', 'compact']);
export type SessionKind = z.infer<typeof sessionKind>;

export const itemWarning = z.object({ code: z.enum(errorCodes), message: z.string(), path: z.string().nullable() });
export type ItemWarning = z.infer<typeof itemWarning>;

export const runMode = z.object({
	requested: z.enum(['full', 'increment']),
	actual: z.enum(['full', 'increment']),
	/** Why the actual mode differs from the requested one, or why a full was due; empty otherwise. */
	reason: z.string(),
});
export type RunMode = z.infer<typeof runMode>;

/** Counters of a task. All of them only grow while it runs. */
export const taskCounters = z.object({
	/** What there is to protect or to restore; null while it is being found out. */
	totalBytes: size.nullable(),
	/** Looked at: read, or recognised as unchanged, or known to be a hole. Equals totalBytes at the end. */
	doneBytes: size,
	/** Actually read from the source. */
	readBytes: size,
	/** Sent towards the target after filters and compression. */
	transferredBytes: size,
	/** Grown in the repository (or written to the restore target). */
	storedBytes: size,
	totalItems: size.nullable(),
	doneItems: size,
	unchangedItems: size,
	warningCount: size,
});
export type TaskCounters = z.infer<typeof taskCounters>;

export const sessionTask = z.object({
	object: z.string(),
	name: z.string(),
	state: sessionState,
	mode: runMode.nullable(),
	counters: taskCounters,
	bottleneck: bottleneck.nullable(),
	startedAt: epochMs.nullable(),
	endedAt: epochMs.nullable(),
	/** What it is doing now, in one word or path. */
	activity: z.string(),
	/** The first 100; the log has all. */
	warnings: z.array(itemWarning),
	error: errorShape.nullable(),
	pointId: z.string().nullable(),
});
export type SessionTask = z.infer<typeof sessionTask>;

export const session = z.object({
	id: z.string(),
	kind: sessionKind,
	jobId: z.string().nullable(),
	/** Name of the job, or of what a maintenance session worked on. */
	title: z.string(),
	trigger: z.enum(['manual', 'schedule', 'retry', 'make-up']),
	state: sessionState,
	queuedAt: epochMs,
	startedAt: epochMs.nullable(),
	endedAt: epochMs.nullable(),
	attempt: z.number().int(),
	counters: taskCounters,
	bottleneck: bottleneck.nullable(),
	tasks: z.array(sessionTask),
	error: errorShape.nullable(),
	/** Throughput samples of the whole session, at most 600, evenly thinned: offset from startedAt and rates in bytes per second. */
	throughput: z.array(z.object({ offsetMs: z.number(), readRate: z.number(), transferRate: z.number(), writeRate: z.number() })),
	/** Rate now and time left; null when not running or not known. */
	rateBytesPerSec: z.number().nullable(),
	remainingMs: z.number().nullable(),
	/** What it does to a chain right now; null when it does no such thing. */
	step: sessionStep.nullable(),
});
export type Session = z.infer<typeof session>;
/** Sessions in lists come without tasks' warnings and without throughput. */
export type SessionListItem = Omit<Session, 'throughput' | 'tasks'> & { readonly taskCount: number };

export const logSeverity = z.enum(['info', 'warning', 'error']);
export const logEntry = z.object({
	seq: z.number().int(),
	at: epochMs,
	severity: logSeverity,
	code: z.enum(errorCodes).nullable(),
	message: z.string(),
	path: z.string().nullable(),
});
export type LogEntry = z.infer<typeof logEntry>;

// ---------------------------------------------------------------- repositories and chains

export const repositorySettings = z.object({
	name: entityName,
	path: z.string().min(1, 'A folder is needed.'),
	/** One chain for all objects of a job instead of one per object. */
	singleFile: z.boolean().default(false),
	maxTasks: z.number().int().min(1).max(64).default(4),
	/** Bytes per second; null: no limit. */
	readLimit: z.number().int().positive().nullable().default(null),
	writeLimit: z.number().int().positive().nullable().default(null),
	/** When its chains are checked by themselves; null: only by hand. By default after the nights in which most backups run. */
	checkSchedule: schedule.nullable().default(() => ({ cron: '0 6 * * *', timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone })),
	/** Within so many days these checks read every stored byte, a share each time. */
	checkDays: z.number().int().min(1).max(3650).default(30),
	/** Chains of jobs without a key of their own are encrypted with this key; null: they are not encrypted. */
	encryptionKeyId: z.string().min(1).nullable().default(null),
});
export type RepositorySettings = z.infer<typeof repositorySettings>;
export type RepositorySettingsInput = z.input<typeof repositorySettings>;

export const repository = z.object({
	id: z.string(),
	revision: z.number().int(),
	settings: repositorySettings,
	isDefault: z.boolean(),
	state: z.enum(['ready', 'unreachable', 'full', 'busy']),
	/** Why it is not ready. */
	problem: errorShape.nullable(),
	capacityBytes: size.nullable(),
	freeBytes: size.nullable(),
	/** Taken by backup files of ours. */
	usedBytes: size,
	/** What the protected objects measure, newest point each. */
	sourceBytes: size,
	jobCount: z.number().int(),
	chainCount: z.number().int(),
	pointCount: z.number().int(),
	/** When the room runs out at the growth of the last 30 days; null: unknown or not growing. */
	fullAt: epochMs.nullable(),
	/** Used bytes a day, oldest first, at most 90. */
	growth: z.array(z.object({ at: epochMs, usedBytes: size })),
});
export type Repository = z.infer<typeof repository>;

export const backupFileKind = z.enum(['full', 'increment', 'reverse']);
export type BackupFileKind = z.infer<typeof backupFileKind>;

/** A full outside of the job's chains: no increment builds on it, and retention leaves it alone until then; null: until it is removed by hand. */
export const adHocFull = z.object({ keepUntil: epochMs.nullable() });

/** Whose a chain is: a job's of this installation, one's that was removed here, or one's that this installation never knew (imported). */
export const origin = z.enum(['job', 'removed-job', 'elsewhere']);
export type Origin = z.infer<typeof origin>;

export const chain = z.object({
	id: z.string(),
	jobId: z.string().nullable(),
	job: z.string(),
	origin,
	/** Id of the job that made it, whether it is known here or not. */
	originJobId: z.string(),
	object: z.string(),
	repositoryId: z.string(),
	repository: z.string(),
	method: chainMethod,
	isCurrent: z.boolean(),
	encrypted: z.boolean(),
	/** Key that opens it; null when it is not encrypted. */
	keyId: z.string().nullable(),
	adHoc: adHocFull.nullable(),
	files: z.array(
		z.object({
			path: z.string(),
			kind: backupFileKind,
			sizeBytes: size,
			createdAt: epochMs,
			pointIds: z.array(z.string()),
			/** Path of the file that this one builds on; null for a full. */
			dependsOn: z.string().nullable(),
			problem: z.string().nullable(),
			/** True when retention removes it at the next run that succeeds. */
			expires: z.boolean(),
		}),
	),
	lastCheck: z.object({ at: epochMs, damagedCount: z.number(), unreadableCount: z.number() }).nullable(),
	/** All that it held then has been read back since; null: not yet. */
	provenAt: epochMs.nullable(),
	/** Some part of it was last read, or written if it never was, as long ago as this. */
	unreadSince: epochMs,
});
export type Chain = z.infer<typeof chain>;

/** One run of a job that has not happened yet, with what the repository holds after it and after the retention that follows it. */
export const previewRun = z.object({
	at: epochMs,
	mode: z.enum(['full', 'synthetic', 'increment']),
	reason: z.string(),
	/** Backup files that exist then, chain by chain, in the order in which they build on each other. */
	files: z.array(
		z.object({
			/** Differs between chains; the id of the chain where it exists already. */
			chain: z.string(),
			object: z.string(),
			/** Of a file that exists already; a made-up name otherwise. */
			path: z.string(),
			kind: backupFileKind,
			/** Known, or estimated from earlier runs or the sizes of the question; 0 when nothing is known. */
			sizeBytes: size,
			createdAt: epochMs,
			points: z.array(z.object({ createdAt: epochMs, gfs: z.array(gfsFlag) })),
		}),
	),
	/** Paths that retention removes after this run, or merges into their full. */
	removed: z.array(z.string()),
	pointCount: z.number().int(),
	storedBytes: size,
});
export type PreviewRun = z.infer<typeof previewRun>;
export const chainPreview = z.object({
	runs: z.array(previewRun),
	/** True: the job has no schedule, and a run a day was assumed. */
	isDailyAssumed: z.boolean(),
});
export type ChainPreview = z.infer<typeof chainPreview>;

// ---------------------------------------------------------------- restore points

export const point = z.object({
	id: z.string(),
	chainId: z.string(),
	jobId: z.string().nullable(),
	job: z.string(),
	origin,
	/** Id of the job that made it, whether it is known here or not: jobs of several installations may share a name. */
	originJobId: z.string(),
	repositoryId: z.string(),
	/** The source as the job names it: `folder:/etc`, `disk:/vm/web.qcow2`. */
	object: z.string(),
	objectKind: z.enum(['folder', 'disk']),
	createdAt: epochMs,
	kind: backupFileKind,
	consistency: z.enum(['application', 'file-system', 'crash']),
	mode: runMode,
	sessionId: z.string(),
	/** Path of its backup file, relative to the repository. */
	file: z.string(),
	/** What this point added to the repository. */
	storedBytes: size,
	/** What it gives back. */
	sourceBytes: size,
	itemCount: size,
	warningCount: size,
	restorable: z.boolean(),
	problem: z.string().nullable(),
	verifiedAt: epochMs.nullable(),
	/** Why it is kept as an archive; empty for an ordinary point. */
	gfs: z.array(gfsFlag),
	/** Retention keeps it at least until then; null where only the number of points decides. */
	keepUntil: epochMs.nullable(),
	/** True when retention removes it at the next run that succeeds. */
	expires: z.boolean(),
	/** It stands in an ad-hoc full, which counts for no rule of retention. */
	isAdHoc: z.boolean(),
});
export type Point = z.infer<typeof point>;

export const browseEntry = z.object({
	name: z.string(),
	type: z.enum(['file', 'directory', 'link', 'disk', 'other']),
	sizeBytes: size,
	modifiedAt: epochMs.nullable(),
	mode: z.number().int(),
	owner: z.string(),
	/** Target of a symbolic link. */
	target: z.string().nullable(),
});
export type BrowseEntry = z.infer<typeof browseEntry>;
export const browsePage = z.object({ path: z.string(), total: size, entries: z.array(browseEntry) });
export type BrowsePage = z.infer<typeof browsePage>;

export const overwriteRule = z.enum(['never', 'newer', 'always']);
export type OverwriteRule = z.infer<typeof overwriteRule>;
export const restoreFilesInput = z.object({
	point: z.string().min(1),
	/** Paths in the backup; `/` is everything. */
	paths: z.array(z.string().min(1)).min(1),
	/** A folder; null: the original place. */
	to: z.string().min(1).nullable(),
	overwrite: overwriteRule.default('never'),
});
export type RestoreFilesInput = z.infer<typeof restoreFilesInput>;
export const restorePlan = z.object({
	files: size,
	directories: size,
	links: size,
	others: size,
	bytes: size,
	/** Existing entries that would be overwritten, and that would be kept, under the overwrite rule. */
	overwritten: size,
	kept: size,
	/** The first 100 paths that would be overwritten. */
	overwrittenPaths: z.array(z.string()),
	freeBytes: size.nullable(),
	fits: z.boolean(),
});
export type RestorePlan = z.infer<typeof restorePlan>;
export const restoreDiskInput = z.object({
	point: z.string().min(1),
	disk: z.string().nullable().default(null),
	to: z.string().min(1),
	overwrite: z.boolean().default(false),
});
export type RestoreDiskInput = z.infer<typeof restoreDiskInput>;

// ---------------------------------------------------------------- overview, places, events

export const protectedObject = z.object({
	jobId: z.string(),
	job: z.string(),
	object: z.string(),
	lastPointAt: epochMs.nullable(),
	/** When its newest point becomes too old; null: no objective known (run by hand only). */
	dueAt: epochMs.nullable(),
	state: z.enum(['protected', 'overdue', 'failing', 'never', 'paused']),
	lastVerifiedAt: epochMs.nullable(),
	sourceBytes: size,
});
export type ProtectedObject = z.infer<typeof protectedObject>;

export const attentionItem = z.object({
	id: z.string(),
	severity: z.enum(['warning', 'error']),
	title: z.string(),
	detail: z.string(),
	at: epochMs,
	/** The button that mends it. */
	action: z.object({
		kind: z.enum([
			'run-job',
			'retry-session',
			'open-session',
			'open-job',
			'open-repository',
			'check-chain',
			'enable-job',
			'verify-point',
			'repair-chain',
			'create-job',
			'open-key',
		]),
		label: z.string(),
		targetId: z.string(),
	}),
});
export type AttentionItem = z.infer<typeof attentionItem>;

export const overview = z.object({
	objects: z.array(protectedObject),
	/** Jobs that are not here, of which repositories hold restorable points. */
	imported: z.array(z.object({ originJobId: z.string(), job: z.string(), origin, objectCount: z.number(), pointCount: z.number(), newestAt: epochMs })),
	lastVerifiedAt: epochMs.nullable(),
	attention: z.array(attentionItem),
	runningSessionIds: z.array(z.string()),
	/** A row per job, a cell per day of the last 30, oldest first; null: nothing ran. Days are those of the given time zone. */
	heatMap: z.array(z.object({ jobId: z.string(), job: z.string(), days: z.array(z.enum(['success', 'warning', 'failed']).nullable()) })),
	/** Runs expected in the next 24 hours. */
	upcoming: z.array(z.object({ jobId: z.string(), job: z.string(), at: epochMs, expectedDurationMs: z.number() })),
	repositories: z.array(
		z.object({ id: z.string(), name: z.string(), capacityBytes: size.nullable(), freeBytes: size.nullable(), usedBytes: size, fullAt: epochMs.nullable() }),
	),
});
export type Overview = z.infer<typeof overview>;

export const systemInfo = z.object({
	product: z.literal('Holdfast'),
	version: z.string(),
	node: z.string(),
	platform: z.string(),
	hostName: z.string(),
	timeZone: z.string(),
	dataFolder: z.string(),
	startedAt: epochMs,
	processors: z.number().int(),
	memoryBytes: size,
	/** What this machine cannot do, in words: e.g. "extended attributes are not available on this platform". */
	limits: z.array(z.string()),
});
export type SystemInfo = z.infer<typeof systemInfo>;

/** One level of the server's own folders and disks, for choosing sources and targets. */
export const placeEntry = z.object({
	name: z.string(),
	path: z.string(),
	type: z.enum(['folder', 'file', 'disk-image', 'block-device', 'volume']),
	sizeBytes: size.nullable(),
	freeBytes: size.nullable(),
	modifiedAt: epochMs.nullable(),
	readable: z.boolean(),
});
export type PlaceEntry = z.infer<typeof placeEntry>;

/** Something changed: the face asks again for what it shows. Bursts are merged by the engine to at most 4 a second per kind and id. */
export const engineEvent = z.object({
	kind: z.enum(['job', 'session', 'repository', 'chain', 'point', 'key', 'overview']),
	id: z.string().nullable(),
});
export type EngineEvent = z.infer<typeof engineEvent>;
