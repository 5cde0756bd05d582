/** Small facts that are kept over time: verifications, how full repositories were, where the timetable stands. */
import type { Schedule } from '../contract/index.ts';
import type { Database } from './database.ts';

export type Verification = {
	readonly target: 'point' | 'chain';
	readonly targetId: string;
	readonly sessionId: string;
	readonly at: number;
	readonly damagedCount: number;
	readonly unreadableCount: number;
};
export interface VerificationStore {
	/** The newest per target is kept. */
	put(verification: Verification): Promise<void>;
	list(): Promise<Verification[]>;
}

export function createVerificationStore(db: Database): VerificationStore {
	return {
		async put({ target, targetId, sessionId, at, damagedCount, unreadableCount }) {
			const facts = { session_id: sessionId, at, damaged_count: damagedCount, unreadable_count: unreadableCount };
			await db
				.insertInto('verifications')
				.values({ target, target_id: targetId, ...facts })
				.onConflict((conflict) => conflict.columns(['target', 'target_id']).doUpdateSet(facts))
				.execute();
		},
		async list() {
			const rows = await db.selectFrom('verifications').selectAll().execute();
			return rows.map((row) => ({
				target: row.target,
				targetId: row.target_id,
				sessionId: row.session_id,
				at: row.at,
				damagedCount: row.damaged_count,
				unreadableCount: row.unreadable_count,
			}));
		},
	};
}

export type UsageSample = { readonly at: number; readonly usedBytes: number };
const DAY_MS = 86_400_000;

export interface UsageStore {
	/** The last sample of a day (UTC) stands for it. */
	put(repositoryId: string, sample: UsageSample): Promise<void>;
	/** Oldest first, at most `limit` of the newest days. */
	list(repositoryId: string, limit: number): Promise<UsageSample[]>;
}

export function createUsageStore(db: Database): UsageStore {
	return {
		async put(repositoryId, { at, usedBytes }) {
			await db
				.insertInto('usage_samples')
				.values({ repository_id: repositoryId, day_at: Math.floor(at / DAY_MS) * DAY_MS, used_bytes: usedBytes })
				.onConflict((conflict) => conflict.columns(['repository_id', 'day_at']).doUpdateSet({ used_bytes: usedBytes }))
				.execute();
		},
		async list(repositoryId, limit) {
			const rows = await db
				.selectFrom('usage_samples')
				.select(['day_at', 'used_bytes'])
				.where('repository_id', '=', repositoryId)
				.orderBy('day_at', 'desc')
				.limit(limit)
				.execute();
			return rows.reverse().map((row) => ({ at: row.day_at, usedBytes: row.used_bytes }));
		},
	};
}

/** How far the timetable of a job has got; written before a run starts, so that no crash runs an occurrence twice. */
export type ScheduleState = {
	/** The schedule that `handledAt` belongs to: another one begins afresh. */
	readonly schedule: Schedule;
	/** Occurrences up to this time have been run, made up or passed over. */
	readonly handledAt: number;
	readonly retry: { readonly at: number; readonly attempt: number; readonly failedSessionId: string } | null;
};
export interface ScheduleStateStore {
	get(jobId: string): Promise<ScheduleState | undefined>;
	put(jobId: string, state: ScheduleState): Promise<void>;
	remove(jobId: string): Promise<void>;
}

export function createScheduleStateStore(db: Database): ScheduleStateStore {
	return {
		async get(jobId) {
			const row = await db.selectFrom('schedule_state').selectAll().where('job_id', '=', jobId).executeTakeFirst();
			if (row === undefined) return undefined;
			return {
				schedule: JSON.parse(row.schedule) as Schedule,
				handledAt: row.handled_at,
				retry: row.retry === null ? null : (JSON.parse(row.retry) as ScheduleState['retry']),
			};
		},
		async put(jobId, { schedule, handledAt, retry }) {
			const row = { schedule: JSON.stringify(schedule), handled_at: handledAt, retry: retry && JSON.stringify(retry) };
			await db
				.insertInto('schedule_state')
				.values({ job_id: jobId, ...row })
				.onConflict((conflict) => conflict.column('job_id').doUpdateSet(row))
				.execute();
		},
		async remove(jobId) {
			await db.deleteFrom('schedule_state').where('job_id', '=', jobId).execute();
		},
	};
}
