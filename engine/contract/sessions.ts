import { z } from 'zod';
import { bottleneck } from './bottleneck.ts';
import { errorCodes } from './errors.ts';
import { sessionState } from './jobs.ts';
import { sessionStep } from './session-step.ts';
import { snapshotUse } from './snapshots.ts';
import { epochMs, errorShape, size } from './values.ts';

export const sessionKind = z.enum(['backup', 'restore-files', 'restore-disk', 'restore-vm', 'verify', 'check', 'health', 'repair', 'compact']);
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
	/**
	 * Of disks: allocated, and not stored, because a file system marks it free (dead) or because only swapped out memory lies there. Absent where nothing
	 * was looked for.
	 */
	leftOut: z.object({ deadBytes: size, swapBytes: size }).optional(),
});
export type TaskCounters = z.infer<typeof taskCounters>;

export const sessionTask = z.object({
	object: z.string(),
	name: z.string(),
	state: sessionState,
	mode: runMode.nullable(),
	/** Of a backup: what it is or was read from; absent while that is not known. */
	snapshot: snapshotUse.optional(),
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
