import type { SelectQueryBuilder } from 'kysely';
import { EngineError } from '../base/index.ts';
import type { LogEntry, Session, SessionFilter, SessionListItem, SessionState } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';

/** What is remembered of a session; the rate, the time left and the step exist only while it runs. */
export type StoredSession = Omit<Session, 'rateBytesPerSec' | 'remainingMs' | 'step'> & {
	/** What it was asked to do, as its kind of session understands it: for running it again. */
	readonly input: unknown;
	/** What a check found; null for the other kinds and while it runs. */
	readonly result: unknown;
};
export type StoredSessionItem = Omit<SessionListItem, 'rateBytesPerSec' | 'remainingMs' | 'step'>;
export type SessionOutcome = Pick<Session, 'id' | 'state' | 'queuedAt' | 'startedAt' | 'endedAt'> & { readonly jobId: string };
export type SessionQuery = Partial<SessionFilter>;

export interface SessionStore {
	insert(session: StoredSession): Promise<void>;
	/** Writes everything that changes while a session runs, and the new log entries, in one transaction. */
	save(session: StoredSession, log: readonly LogEntry[]): Promise<void>;
	/** `not-found.session`. */
	get(id: string): Promise<StoredSession>;
	log(id: string, afterSeq: number, limit: number): Promise<LogEntry[]>;
	/** Number of its last log entry, 0 when it has none. */
	lastLogSeq(id: string): Promise<number>;
	/** Newest first. */
	list(query: SessionQuery): Promise<{ total: number; sessions: StoredSessionItem[] }>;
	/** The newest backups of each job that still exists, newest first. */
	listNewestBackups(perJob: number): Promise<StoredSessionItem[]>;
	/** Backups of jobs that still exist, queued at or after `fromMs`, newest first: only how they went and how long they took. */
	listOutcomes(fromMs: number): Promise<SessionOutcome[]>;
	/** Those whose state is not final: left by an engine that died. */
	listUnfinished(): Promise<StoredSession[]>;
	/** Forgets sessions that ended before `endedBefore`, except the newest `keepPerJob` of each job; says how many. */
	prune(limits: { readonly endedBefore: number; readonly keepPerJob: number }): Promise<number>;
	/** Shortens the logs of all but the newest `keepPerJob` sessions of each job to their first `entries`. */
	shortenLogs(limits: { readonly keepPerJob: number; readonly entries: number }): Promise<void>;
}

const unfinished: SessionState[] = ['queued', 'running', 'cancelling'];
const itemColumns = [
	'id',
	'kind',
	'job_id',
	'title',
	'trigger',
	'state',
	'queued_at',
	'started_at',
	'ended_at',
	'attempt',
	'counters',
	'bottleneck',
	'error',
	'task_count',
] as const;
type ItemRow = Pick<Tables['sessions'], (typeof itemColumns)[number]>;

const parse = (json: string | null): unknown => (json === null ? null : JSON.parse(json));

// JSON columns were written by this store from values of the same types.
const toItem = (row: ItemRow): StoredSessionItem => ({
	id: row.id,
	kind: row.kind,
	jobId: row.job_id,
	title: row.title,
	trigger: row.trigger as Session['trigger'],
	state: row.state,
	queuedAt: row.queued_at,
	startedAt: row.started_at,
	endedAt: row.ended_at,
	attempt: row.attempt,
	counters: parse(row.counters) as Session['counters'],
	bottleneck: parse(row.bottleneck) as Session['bottleneck'],
	error: parse(row.error) as Session['error'],
	taskCount: row.task_count,
});

function toSession(row: Tables['sessions']): StoredSession {
	const { taskCount: _, ...item } = toItem(row);
	return {
		...item,
		tasks: parse(row.tasks) as Session['tasks'],
		throughput: parse(row.throughput) as Session['throughput'],
		input: parse(row.input),
		result: parse(row.result),
	};
}

const changingColumns = (session: StoredSession) => ({
	state: session.state,
	started_at: session.startedAt,
	ended_at: session.endedAt,
	counters: JSON.stringify(session.counters),
	bottleneck: session.bottleneck && JSON.stringify(session.bottleneck),
	error: session.error && JSON.stringify(session.error),
	task_count: session.tasks.length,
	tasks: JSON.stringify(session.tasks),
	throughput: JSON.stringify(session.throughput),
	result: session.result === null ? null : JSON.stringify(session.result),
});

/** SQLite takes at most 32,766 parameters in one statement; a log row has seven. */
const LOG_ROWS_PER_INSERT = 1000;

export function createSessionStore(db: Database): SessionStore {
	const filtered = <O>(query: SelectQueryBuilder<Tables, 'sessions', O>, filter: SessionQuery) =>
		query
			.$if(filter.jobId !== undefined, (q) => q.where('job_id', '=', filter.jobId ?? ''))
			.$if(filter.kinds !== undefined, (q) => q.where('kind', 'in', filter.kinds ?? []))
			.$if(filter.states !== undefined, (q) => q.where('state', 'in', filter.states ?? []))
			.$if(filter.startedFrom !== undefined, (q) => q.where('queued_at', '>=', filter.startedFrom ?? 0))
			.$if(filter.startedTo !== undefined, (q) => q.where('queued_at', '<=', filter.startedTo ?? 0))
			.$if(Boolean(filter.search), (q) => q.where((eb) => eb(eb.fn<number>('instr', ['title_folded', eb.val(filter.search?.toLowerCase())]), '>', 0)));

	/** Each session with its place among those of its job, the newest being 1. */
	const ranked = () =>
		db.selectFrom('sessions').select((eb) => [
			'id',
			'ended_at',
			eb.fn
				.agg<number>('row_number')
				.over((over) => over.partitionBy('job_id').orderBy('queued_at', 'desc'))
				.as('rank'),
		]);

	return {
		async insert(session) {
			await db
				.insertInto('sessions')
				.values({
					id: session.id,
					kind: session.kind,
					job_id: session.jobId,
					title: session.title,
					title_folded: session.title.toLowerCase(),
					trigger: session.trigger,
					queued_at: session.queuedAt,
					attempt: session.attempt,
					input: JSON.stringify(session.input),
					...changingColumns(session),
				})
				.execute();
		},
		async save(session, log) {
			await db.transaction().execute(async (tx) => {
				await tx.updateTable('sessions').set(changingColumns(session)).where('id', '=', session.id).execute();
				for (let from = 0; from < log.length; from += LOG_ROWS_PER_INSERT) {
					const rows = log.slice(from, from + LOG_ROWS_PER_INSERT).map((entry) => ({ session_id: session.id, ...entry }));
					await tx.insertInto('session_log').values(rows).execute();
				}
			});
		},
		async get(id) {
			const row = await db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
			if (row === undefined) throw new EngineError('not-found.session', `There is no session ${id}.`, { data: { id } });
			return toSession(row);
		},
		async log(id, afterSeq, limit) {
			const rows = await db
				.selectFrom('session_log')
				.select(['seq', 'at', 'severity', 'code', 'message', 'path'])
				.where('session_id', '=', id)
				.where('seq', '>', afterSeq)
				.orderBy('seq')
				.limit(limit)
				.execute();
			return rows.map((row) => ({ ...row, severity: row.severity as LogEntry['severity'], code: row.code as LogEntry['code'] }));
		},
		async lastLogSeq(id) {
			const row = await db
				.selectFrom('session_log')
				.select((eb) => eb.fn.max<number | null>('seq').as('last'))
				.where('session_id', '=', id)
				.executeTakeFirst();
			return row?.last ?? 0;
		},
		async list(query) {
			const { total } = await filtered(
				db.selectFrom('sessions').select((eb) => eb.fn.countAll<number>().as('total')),
				query,
			).executeTakeFirstOrThrow();
			const rows = await filtered(db.selectFrom('sessions').select(itemColumns), query)
				.orderBy('queued_at', 'desc')
				.orderBy('id', 'desc')
				.limit(query.limit ?? 200)
				.offset(query.offset ?? 0)
				.execute();
			return { total, sessions: rows.map(toItem) };
		},
		async listNewestBackups(perJob) {
			const newest = db
				.selectFrom('sessions')
				.select(itemColumns)
				.select((eb) =>
					eb.fn
						.agg<number>('row_number')
						.over((over) => over.partitionBy('job_id').orderBy('queued_at', 'desc').orderBy('id', 'desc'))
						.as('rank'),
				)
				.where('kind', '=', 'backup')
				.where('job_id', 'is not', null);
			const rows = await db
				.selectFrom(newest.as('newest'))
				.selectAll()
				.where('rank', '<=', perJob)
				.orderBy('queued_at', 'desc')
				.orderBy('id', 'desc')
				.execute();
			return rows.map(toItem);
		},
		async listOutcomes(fromMs) {
			const rows = await db
				.selectFrom('sessions')
				.select(['id', 'job_id', 'state', 'queued_at', 'started_at', 'ended_at'])
				.where('kind', '=', 'backup')
				.where('queued_at', '>=', fromMs)
				.where('job_id', 'is not', null)
				.orderBy('queued_at', 'desc')
				.execute();
			return rows.map((row) => ({
				id: row.id,
				jobId: row.job_id ?? '',
				state: row.state,
				queuedAt: row.queued_at,
				startedAt: row.started_at,
				endedAt: row.ended_at,
			}));
		},
		async listUnfinished() {
			return (await db.selectFrom('sessions').selectAll().where('state', 'in', unfinished).execute()).map(toSession);
		},
		async prune({ endedBefore, keepPerJob }) {
			const outdated = await db.selectFrom(ranked().as('ranked')).select('id').where('ended_at', '<', endedBefore).where('rank', '>', keepPerJob).execute();
			for (const { id } of outdated) await db.deleteFrom('sessions').where('id', '=', id).execute();
			return outdated.length;
		},
		async shortenLogs({ keepPerJob, entries }) {
			const older = await db.selectFrom(ranked().as('ranked')).select('id').where('ended_at', 'is not', null).where('rank', '>', keepPerJob).execute();
			for (const { id } of older) await db.deleteFrom('session_log').where('session_id', '=', id).where('seq', '>', entries).execute();
		},
	};
}
