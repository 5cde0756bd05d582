/** Whether each object is protected as it should be. Pure. */
import {
	isMachinePattern,
	isMeant,
	type JobSettings,
	type Point,
	type ProtectedObject,
	parseMachinePath,
	type SessionTask,
	type SourceSpec,
} from '../contract/index.ts';
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

/** A pattern as the machines that have points from it; as itself where none has. */
function concreteNow(source: SourceSpec, known: readonly string[]): readonly SourceSpec[] {
	if (source.kind !== 'vm' || !isMachinePattern(source.path)) return [source];
	const paths = [...new Set(known)].flatMap((key) => (key.startsWith('vm:') ? [key.slice('vm:'.length)] : [])).filter((path) => covers(source.path, path));
	return paths.length === 0 ? [source] : paths.map((path) => ({ kind: 'vm', path }));
}

/** Tags are not known from names: whatever a job has of a host may come from one. */
function covers(pattern: string, path: string): boolean {
	const { host, name } = parseMachinePath(path);
	return isMeant(pattern, host, { name, tags: [parseMachinePath(pattern).name.slice(1)] });
}

export function planProtection({ jobId, settings, points, recentTasks }: ProtectionFacts, nowMs: number): ProtectedObject[] {
	const known = points.map(({ object }) => object);
	return settings.sources
		.flatMap((source) => concreteNow(source, known))
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
