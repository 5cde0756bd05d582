import { Cron } from 'croner';
import { EngineError } from '../base/index.ts';
import type { Schedule } from '../contract/index.ts';

/** The times of one schedule. Daylight saving: a time that is skipped runs right after the gap, one that comes twice runs once. */
export interface Occurrences {
	/** The first strictly after `ms`; null when there is none any more. */
	after(ms: number): number | null;
	/** The last at or before `ms`. */
	before(ms: number): number | null;
}

function parseCron({ cron, timeZone }: Schedule): Cron {
	try {
		new Intl.DateTimeFormat('en', { timeZone });
	} catch (cause) {
		throw new EngineError('usage.invalid', `“${timeZone}” is not a known time zone.`, {
			hint: 'Use a name such as Europe/Berlin or UTC.',
			data: { field: 'schedule.timeZone' },
			cause,
		});
	}
	try {
		return new Cron(cron, { timezone: timeZone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });
	} catch (cause) {
		const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/^Cron\w+: /, '');
		throw new EngineError('usage.invalid', `“${cron}” is not a schedule: ${reason}`, {
			hint: 'Write five fields: minute, hour, day of month, month, day of week. Every night at two: 0 2 * * *',
			data: { field: 'schedule.cron' },
			cause,
		});
	}
}

const MAX_PARSED = 1000;
/** Parsing costs a hundred times what asking does, and every screen asks for every job. What is kept never changes. */
const parsed = new Map<string, Occurrences>();

function parseOccurrences(schedule: Schedule): Occurrences {
	const key = JSON.stringify([schedule.cron, schedule.timeZone]);
	const known = parsed.get(key);
	if (known !== undefined) return known;
	const cron = parseCron(schedule);
	const occurrences: Occurrences = {
		after: (ms) => cron.nextRun(new Date(ms))?.getTime() ?? null,
		// `previousRuns` looks strictly before its reference, in whole seconds.
		before: (ms) => cron.previousRuns(1, new Date((Math.floor(ms / 1000) + 1) * 1000))[0]?.getTime() ?? null,
	};
	if (parsed.size >= MAX_PARSED) parsed.clear();
	parsed.set(key, occurrences);
	return occurrences;
}

/** `usage.invalid` when the expression or the time zone is none, or when it never comes. */
export function parseSchedule(schedule: Schedule, nowMs: number): Occurrences {
	const occurrences = parseOccurrences(schedule);
	if (occurrences.after(nowMs) === null) {
		throw new EngineError('usage.invalid', `The schedule “${schedule.cron}” never comes.`, {
			hint: 'Check day and month: 30 February does not exist.',
			data: { field: 'schedule.cron' },
		});
	}
	return occurrences;
}

/** At most `count` times after `fromMs`, ascending. */
export function nextOccurrences(occurrences: Occurrences, fromMs: number, count: number, untilMs = Number.POSITIVE_INFINITY): number[] {
	const times: number[] = [];
	for (let at = occurrences.after(fromMs); at !== null && at <= untilMs && times.length < count; at = occurrences.after(at)) times.push(at);
	return times;
}
