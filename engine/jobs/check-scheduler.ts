import type { Clock, Log } from '../base/index.ts';
import { isEngineError } from '../base/index.ts';
import type { Entity, EntityStore, ScheduleStateStore } from '../config/index.ts';
import type { RepositorySettings } from '../contract/index.ts';
import { parseSchedule } from './schedule.ts';
import { beginTimetable, sameSchedule, stepTimetable } from './timetable.ts';

/** Nobody sleeps longer than this at a time: a timer does not advance while the machine sleeps. */
const LONGEST_SLEEP_MS = 30_000;

export type CheckSchedulerParts = {
	readonly repositories: EntityStore<RepositorySettings>;
	readonly states: ScheduleStateStore;
	readonly clock: Clock;
	readonly log: Log;
	/** Starts the check of a repository. */
	run(repository: Entity<RepositorySettings>, trigger: 'schedule' | 'make-up'): Promise<void>;
};

/** Starts the health checks of repositories when their time has come, by the same timetable as jobs, for as long as it is not disposed. */
export function startCheckScheduler({ repositories, states, clock, log, run }: CheckSchedulerParts): AsyncDisposable {
	const stop = new AbortController();

	/** Looks after one repository; says when to look again. */
	async function attend(repository: Entity<RepositorySettings>): Promise<number | null> {
		const { checkSchedule } = repository.settings;
		const now = clock.now();
		if (checkSchedule === null) {
			await states.remove(repository.id);
			return null;
		}
		try {
			const occurrences = parseSchedule(checkSchedule, now);
			const stored = await states.get(repository.id);
			const before = stored !== undefined && sameSchedule(stored.schedule, checkSchedule) ? stored : beginTimetable(checkSchedule, now);
			const step = stepTimetable(before, occurrences, now);
			if (step.state !== stored) await states.put(repository.id, step.state);
			if (step.run !== null) await begin(repository, step.run.trigger === 'make-up' ? 'make-up' : 'schedule');
			return step.nextAt;
		} catch (error) {
			if (isEngineError(error, 'usage.invalid')) return null; // refused when saved: a time zone can vanish from the system
			throw error;
		}
	}

	async function begin(repository: Entity<RepositorySettings>, trigger: 'schedule' | 'make-up'): Promise<void> {
		const facts = { repositoryId: repository.id, repository: repository.settings.name, trigger };
		try {
			await run(repository, trigger);
			log.info(facts, 'The timetable started a health check.');
		} catch (error) {
			log.warn({ ...facts, err: error }, 'The timetable could not start a health check.');
		}
	}

	async function loop(): Promise<void> {
		while (!stop.signal.aborted) {
			let nextAt = Number.POSITIVE_INFINITY;
			try {
				for (const repository of await repositories.list()) {
					if (stop.signal.aborted) return;
					nextAt = Math.min(nextAt, (await attend(repository)) ?? Number.POSITIVE_INFINITY);
				}
			} catch (error) {
				log.error({ err: error }, 'The timetable of health checks could not be read.');
			}
			const waitMs = Math.min(LONGEST_SLEEP_MS, Math.max(0, nextAt - clock.now()));
			await clock.sleep(waitMs, { signal: stop.signal }).catch(() => undefined); // stopped
		}
	}
	const running = loop();
	return {
		async [Symbol.asyncDispose]() {
			stop.abort();
			await running;
		},
	};
}
