/** Whether each object is protected as it should be. Pure. */
import type { JobSettings, Point, ProtectedObject, SessionTask } from '../contract/index.ts';
import { knownObjects } from './machine-objects.ts';
import { type Occurrences, parseSchedule } from './schedule.ts';
import { sourceKey } from './source-key.ts';

export type ProtectionFacts = {
	readonly jobId: string;
	readonly settings: JobSettings;
	/** Points of this job, any order. */
	readonly points: readonly Pick<Point, 'object' | 'createdAt' | 'restorable' | 'sourceBytes' | 'verifiedAt'>[];
	/** Tasks of the job's newest backups, newest session first: the first one of an object tells its last result. */
	readonly recentTasks: readonly Pick<SessionTask, 'object' | 'state'>[];
};

const MINUTE_MS = 60_000;

/** A run may take a while and be retried before somebody must look: half the time between runs, within 15 minutes and 6 hours. */
export const graceMs = (intervalMs: number): number => Math.min(360 * MINUTE_MS, Math.max(15 * MINUTE_MS, intervalMs / 2));

/** When the newest point becomes too old: by the objective of the job, else by its schedule; null for jobs run by hand only. */
export function dueAt(settings: Pick<JobSettings, 'recoveryPointObjectiveMs' | 'schedule'>, lastPointAt: number, nowMs: number): number | null {
	if (settings.recoveryPointObjectiveMs !== null) return lastPointAt + settings.recoveryPointObjectiveMs;
	if (settings.schedule === null) return null;
	let occurrences: Occurrences;
	try {
		occurrences = parseSchedule(settings.schedule, nowMs);
	} catch {
		return null; // It was checked when it was saved: its time zone has left the system, or its last run is past.
	}
	const next = occurrences.after(lastPointAt);
	if (next === null) return null;
	const afterNext = occurrences.after(next);
	return next + graceMs(afterNext === null ? 0 : afterNext - next);
}

export function planProtection({ jobId, settings, points, recentTasks }: ProtectionFacts, nowMs: number): ProtectedObject[] {
	const known = points.map(({ object }) => object);
	return settings.sources
		.flatMap((source) => knownObjects(source, known))
		.map((source): ProtectedObject => {
			const object = sourceKey(source);
			const own = points.filter((point) => point.object === object).toSorted((a, b) => b.createdAt - a.createdAt);
			const newest = own.find(({ restorable }) => restorable);
			const lastTask = recentTasks.find((task) => task.object === object && task.state !== 'cancelled' && task.state !== 'queued' && task.state !== 'running');
			const due = newest === undefined ? null : dueAt(settings, newest.createdAt, nowMs);
			const hasFailed = lastTask?.state === 'failed' || lastTask?.state === 'interrupted';
			const verified = own.flatMap(({ verifiedAt }) => (verifiedAt === null ? [] : [verifiedAt]));
			return {
				jobId,
				job: settings.name,
				object,
				lastPointAt: newest?.createdAt ?? null,
				dueAt: due,
				state: !settings.enabled
					? 'paused'
					: newest === undefined
						? hasFailed
							? 'failing'
							: 'never'
						: due !== null && due < nowMs
							? 'overdue'
							: hasFailed
								? 'failing'
								: 'protected',
				lastVerifiedAt: verified.length === 0 ? null : Math.max(...verified),
				sourceBytes: newest?.sourceBytes ?? 0,
			};
		});
}
