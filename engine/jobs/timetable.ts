/** When jobs run. Pure: what is due follows from the schedule, from what was handled before, and from the time now. */
import type { Schedule, Session } from '../contract/index.ts';
import { nextOccurrences, type Occurrences } from './schedule.ts';

/** Where the timetable of one job stands. Written down before a run is started. */
export type TimetableState = {
	readonly schedule: Schedule;
	/** Occurrences up to this one have been run, made up or passed over. */
	readonly handledAt: number;
	readonly retry: { readonly at: number; readonly attempt: number; readonly failedSessionId: string } | null;
};

export type DueRun = {
	readonly trigger: Extract<Session['trigger'], 'schedule' | 'make-up' | 'retry'>;
	readonly attempt: number;
	/** The session whose failed objects a retry repeats. */
	readonly failedSessionId: string | null;
	/** Occurrences that this one run stands for. */
	readonly occurrenceCount: number;
};

export type TimetableStep = {
	readonly state: TimetableState;
	readonly run: DueRun | null;
	/** When to look again; null: never. */
	readonly nextAt: number | null;
};

/** Later than this after its time, a run counts as made up rather than as scheduled. */
export const PUNCTUAL_MS = 60_000;
/** A clock that was set back by more than this was wrong before: what was handled in that future does not count. */
const CLOCK_CORRECTION_MS = 25 * 3_600_000;
/** Counting missed occurrences stops here: only their number in the log depends on it. */
const MAX_COUNTED = 1000;

export const sameSchedule = (a: Schedule, b: Schedule): boolean => a.cron === b.cron && a.timeZone === b.timeZone;

/** A schedule that is new, changed or switched on again begins now: what lies before was never promised. */
export const beginTimetable = (schedule: Schedule, nowMs: number): TimetableState => ({ schedule, handledAt: nowMs, retry: null });

/**
 * What to do for a job at `nowMs`. However many occurrences have passed, and however the clock was moved, they give one run,
 * and no occurrence gives a second one. A scheduled run takes the place of a retry that waits.
 */
export function stepTimetable(state: TimetableState, occurrences: Occurrences, nowMs: number): TimetableStep {
	if (state.handledAt > nowMs + CLOCK_CORRECTION_MS) return stepTimetable({ ...state, handledAt: nowMs, retry: null }, occurrences, nowMs);
	const next = occurrences.after(state.handledAt);
	if (next !== null && next <= nowMs) {
		const passed = nextOccurrences(occurrences, state.handledAt, MAX_COUNTED, nowMs);
		const latest = occurrences.before(nowMs) ?? next;
		const handled: TimetableState = { ...state, handledAt: Math.max(latest, next), retry: null };
		const trigger = nowMs - handled.handledAt <= PUNCTUAL_MS ? 'schedule' : 'make-up';
		return {
			state: handled,
			run: { trigger, attempt: 1, failedSessionId: null, occurrenceCount: passed.length },
			nextAt: occurrences.after(handled.handledAt),
		};
	}
	const { retry } = state;
	if (retry !== null && retry.at <= nowMs) {
		return {
			state: { ...state, retry: null },
			run: { trigger: 'retry', attempt: retry.attempt, failedSessionId: retry.failedSessionId, occurrenceCount: 1 },
			nextAt: next,
		};
	}
	const times = [next, retry?.at ?? null].filter((at) => at !== null);
	return { state, run: null, nextAt: times.length === 0 ? null : Math.min(...times) };
}

/** The retry that a failed run of the timetable earns; null when it was started by hand, or has had its attempts. */
export function planRetry(
	failed: Pick<Session, 'id' | 'trigger' | 'state' | 'attempt'>,
	settings: { readonly retryCount: number; readonly retryWaitMs: number },
	nowMs: number,
): TimetableState['retry'] {
	if (failed.trigger === 'manual' || (failed.state !== 'failed' && failed.state !== 'interrupted')) return null;
	if (failed.attempt > settings.retryCount) return null;
	return { at: nowMs + settings.retryWaitMs, attempt: failed.attempt + 1, failedSessionId: failed.id };
}
