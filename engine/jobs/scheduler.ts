import { type Clock, isEngineError, type Log } from '../base/index.ts';
import type { Entity, EntityStore, ScheduleStateStore, StoredSession } from '../config/index.ts';
import type { JobSettings, Schedule } from '../contract/index.ts';
import { type Occurrences, parseSchedule } from './schedule.ts';
import { beginTimetable, type DueRun, planRetry, sameSchedule, stepTimetable, type TimetableState } from './timetable.ts';

/** A timer does not advance while the machine sleeps, and clocks are set: so nobody sleeps longer than this at a time. */
const LONGEST_SLEEP_MS = 30_000;

export type SchedulerParts = {
	readonly jobs: EntityStore<JobSettings>;
	readonly states: ScheduleStateStore;
	readonly clock: Clock;
	readonly log: Log;
	/** Starts nothing: it only knows when the next runs would be, and from when on a new schedule counts. */
	readonly isIdle?: boolean;
	/** Starts the run; `busy.job` passes the occurrence over. */
	run(job: Entity<JobSettings>, due: DueRun): Promise<void>;
};

/** Starts jobs when their time has come, for as long as it is not disposed. */
export interface Scheduler extends AsyncDisposable {
	/** A job was added, changed or removed. */
	poke(): void;
	/** Plans the retry of a failed run, if it earns one. */
	onEnded(session: Pick<StoredSession, 'id' | 'jobId' | 'kind' | 'trigger' | 'state' | 'attempt'>): Promise<void>;
	/** When each job runs next; jobs that will not run are missing. */
	nextRuns(): Promise<Map<string, number>>;
}

export type ActiveSchedule = { readonly schedule: Schedule; readonly occurrences: Occurrences };

/** The schedule that a job follows; null when it is off, run by hand only, or cannot be understood any more. */
export function activeSchedule({ enabled, schedule }: Pick<JobSettings, 'enabled' | 'schedule'>, nowMs: number): ActiveSchedule | null {
	if (!enabled || schedule === null) return null;
	try {
		return { schedule, occurrences: parseSchedule(schedule, nowMs) };
	} catch (error) {
		if (isEngineError(error, 'usage.invalid')) return null; // Refused when saved: a time zone can vanish from the system, or the last run be past.
		throw error;
	}
}

export function startScheduler({ jobs, states, clock, log, isIdle = false, run }: SchedulerParts): Scheduler {
	const stop = new AbortController();
	let wake = new AbortController();
	// States are read and written by the loop and by sessions that end: one after the other.
	let turn: Promise<unknown> = Promise.resolve();
	const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
		const result = turn.then(work, work);
		turn = result.catch(() => undefined);
		return result;
	};

	async function stateOf(job: Entity<JobSettings>, schedule: Schedule, nowMs: number): Promise<TimetableState> {
		const stored = await states.get(job.id);
		if (stored !== undefined && sameSchedule(stored.schedule, schedule)) return stored;
		const begun = beginTimetable(schedule, nowMs);
		await states.put(job.id, begun);
		return begun;
	}

	/** Writes down where a timetable begins or that there is none any more; what it gives is the schedule with its state. */
	async function prepare(job: Entity<JobSettings>): Promise<(ActiveSchedule & { readonly state: TimetableState }) | null> {
		const now = clock.now();
		const active = activeSchedule(job.settings, now);
		if (active !== null) return { ...active, state: await stateOf(job, active.schedule, now) };
		await states.remove(job.id);
		return null;
	}

	/** Looks after one job; says when to look again. */
	async function attend(job: Entity<JobSettings>): Promise<number | null> {
		const prepared = await prepare(job);
		if (prepared === null) return null;
		const { state: before, occurrences } = prepared;
		const step = stepTimetable(before, occurrences, clock.now());
		if (step.state !== before) await states.put(job.id, step.state);
		if (step.run !== null) await begin(job, step.run);
		return step.nextAt;
	}

	async function begin(job: Entity<JobSettings>, due: DueRun): Promise<void> {
		const facts = { jobId: job.id, job: job.settings.name, ...due };
		try {
			await run(job, due);
			log.info(facts, 'The timetable started a job.');
		} catch (error) {
			log.warn({ ...facts, err: error }, 'The timetable could not start a job.');
		}
	}

	const round = (): Promise<number> =>
		inTurn(async () => {
			let nextAt = Number.POSITIVE_INFINITY;
			for (const job of await jobs.list()) {
				if (stop.signal.aborted) break;
				nextAt = Math.min(nextAt, (await attend(job)) ?? Number.POSITIVE_INFINITY);
			}
			return nextAt;
		});

	async function loop(): Promise<void> {
		while (!stop.signal.aborted) {
			wake = new AbortController();
			let nextAt = Number.POSITIVE_INFINITY;
			try {
				nextAt = await round();
			} catch (error) {
				log.error({ err: error }, 'The timetable could not be read.');
			}
			const waitMs = Math.min(LONGEST_SLEEP_MS, Math.max(0, nextAt - clock.now()));
			await clock.sleep(waitMs, { signal: AbortSignal.any([stop.signal, wake.signal]) }).catch(() => undefined); // Woken early, or stopped.
		}
	}
	const running = isIdle ? Promise.resolve() : loop();

	/** A job that is saved while nobody keeps the timetable is due from then on, not from when somebody does. */
	const prepareAll = (): Promise<void> =>
		inTurn(async () => {
			for (const job of await jobs.list()) await prepare(job);
		}).catch((error: unknown) => log.error({ err: error }, 'The timetable could not be written.'));

	return {
		poke: () => (isIdle ? void prepareAll() : wake.abort()),
		async onEnded(session) {
			const { jobId } = session;
			if (session.kind !== 'backup' || jobId === null || stop.signal.aborted) return;
			await inTurn(async () => {
				const job = await jobs.find(jobId);
				const active = job && activeSchedule(job.settings, clock.now());
				if (!job || !active) return;
				const retry = planRetry(session, job.settings, clock.now());
				const state = await stateOf(job, active.schedule, clock.now());
				if (retry === null && state.retry === null) return;
				// A later run that went well leaves nothing to retry; a manual failure leaves a waiting retry alone.
				if (retry === null && session.state !== 'success' && session.state !== 'warning') return;
				await states.put(jobId, { ...state, retry });
			});
			wake.abort();
		},
		async nextRuns() {
			const now = clock.now();
			const times = new Map<string, number>();
			for (const job of await jobs.list()) {
				const active = activeSchedule(job.settings, now);
				if (active === null) continue;
				const stored = await states.get(job.id);
				const state = stored !== undefined && sameSchedule(stored.schedule, active.schedule) ? stored : beginTimetable(active.schedule, now);
				const { nextAt, run: due } = stepTimetable(state, active.occurrences, now);
				const at = due !== null ? now : nextAt;
				if (at !== null) times.set(job.id, at);
			}
			return times;
		},
		async [Symbol.asyncDispose]() {
			stop.abort();
			await running;
			await turn.catch(() => undefined);
		},
	};
}
