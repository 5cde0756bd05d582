import { z } from 'zod';
import { databaseChoices } from './databases.ts';
import { guestWriterSpec, quiesceMode, snapshotMode, writerSpec } from './snapshots.ts';
import { entityName, epochMs, errorShape, size } from './values.ts';

export const sourceSpec = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('folder'), path: z.string().min(1) }),
	z.object({ kind: z.literal('disk'), path: z.string().min(1) }),
	/** `HOST/NAME`. In a job also a pattern: `*` and `?` in NAME, or `HOST/#TAG`; its runs protect whatever fits then. */
	z.object({ kind: z.literal('vm'), path: z.string().regex(/^[^\0]+\/[^/\0]+$/, 'Write HOST/NAME, for example vm:lab/web.') }),
]);
export type SourceSpec = z.infer<typeof sourceSpec>;

export const readMode = z.enum(['on-host', 'off-host']);
export type ReadMode = z.infer<typeof readMode>;

export const blockSizes = { '256k': 262_144, '512k': 524_288, '1m': 1_048_576, '4m': 4_194_304 } as const;
export const blockSize = z.enum(['256k', '512k', '1m', '4m']);
export type BlockSize = z.infer<typeof blockSize>;
/** none: stored as it is · fast: zstd 1 · optimal: zstd 2 · high: zstd 9; each a few levels more while the target is what everything waits for. */
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
	/** Managed machine that the sources lie on, and whose data mover reads them; null: the machine of the backup server. */
	machineId: z.string().min(1).nullable().default(null),
	/** Off-host the machine that holds the sources only makes the snapshot: another one, the proxy, reads and processes it. */
	mode: readMode.default('on-host'),
	/** Off-host: the managed machine that reads; null: chosen for each task. */
	proxyId: z.string().min(1).nullable().default(null),
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
	/** To a repository on another machine. 1: no multithreading. */
	connections: z.number().int().min(1).max(16).default(5),
	/** Also store what the file systems on a disk mark free, and swap; otherwise that reads as zeros after a restore. */
	storeUnused: z.boolean().default(false),
	/** What the data is read from. */
	snapshot: snapshotMode.default('auto'),
	quiesce: quiesceMode.default('online'),
	/** Fail rather than make a point that is less consistent than was asked for (QUIESCE-02). */
	requireConsistent: z.boolean().default(false),
	/** Applications that hold still while the snapshot is made, in the order in which they are frozen. */
	writers: z.array(writerSpec).max(100).default([]),
	/** Applications in the guests of virtual machines that do so as well, in each machine of the job; none: guests are spoken with by their agent only (GIP-01). */
	guestWriters: z.array(guestWriterSpec).max(10).default([]),
	/** What becomes of databases in folders that no writer holds still. */
	databases: databaseChoices.default({}),
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

export const jobSummary = z.object({
	id: z.string(),
	/** Grows by one at each save; a save names the revision that it was made from. */
	revision: z.number().int(),
	settings: jobSettings,
	repositoryName: z.string(),
	/** Of the managed machine that the sources lie on; null: they lie on that of the backup server. */
	machineName: z.string().nullable().default(null),
	/** Off-host: of the machine that reads; null: chosen for each task, or on-host. */
	proxyName: z.string().nullable().default(null),
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
