/** Runs that are expected soon. Pure. */
import type { JobSettings, Overview, Session } from '../contract/index.ts';
import { nextOccurrences } from './schedule.ts';
import { activeSchedule } from './scheduler.ts';

export type UpcomingRun = Overview['upcoming'][number];

const HORIZON_MS = 86_400_000;
/** A job that runs every minute shall not push all others off the page. */
const MAX_PER_JOB = 48;

/** The median of the last good runs: one slow run does not count. */
export function expectedDurationMs(sessions: readonly Pick<Session, 'state' | 'startedAt' | 'endedAt'>[]): number {
	const durations = sessions
		.filter(({ state }) => state === 'success' || state === 'warning')
		.flatMap(({ startedAt, endedAt }) => (startedAt === null || endedAt === null ? [] : [endedAt - startedAt]))
		.toSorted((a, b) => a - b);
	return durations[Math.floor(durations.length / 2)] ?? 0;
}

export type UpcomingJob = {
	readonly id: string;
	readonly settings: JobSettings;
	/** The next start by the timetable, which may be a retry. */
	readonly nextRunAt: number | null;
	readonly sessions: readonly Pick<Session, 'state' | 'startedAt' | 'endedAt'>[];
};

/** In order of time. */
export function planUpcoming(jobs: readonly UpcomingJob[], nowMs: number): UpcomingRun[] {
	return jobs
		.flatMap(({ id, settings, nextRunAt, sessions }) => {
			const active = activeSchedule(settings, nowMs);
			if (active === null) return [];
			const planned = nextOccurrences(active.occurrences, nowMs, MAX_PER_JOB, nowMs + HORIZON_MS);
			const times = nextRunAt !== null && nextRunAt <= nowMs + HORIZON_MS && !planned.includes(nextRunAt) ? [nextRunAt, ...planned] : planned;
			const durationMs = expectedDurationMs(sessions);
			return times.map((at): UpcomingRun => ({ jobId: id, job: settings.name, at, expectedDurationMs: durationMs }));
		})
		.toSorted((a, b) => a.at - b.at);
}

/** Pairs of different jobs whose runs are expected to be under way at the same time. */
export function findOverlaps(upcoming: readonly UpcomingRun[]): { readonly first: UpcomingRun; readonly second: UpcomingRun }[] {
	const overlaps: { first: UpcomingRun; second: UpcomingRun }[] = [];
	for (const [i, first] of upcoming.entries()) {
		for (const second of upcoming.slice(i + 1)) {
			if (second.at >= first.at + first.expectedDurationMs) break;
			if (second.jobId !== first.jobId) overlaps.push({ first, second });
		}
	}
	return overlaps;
}
