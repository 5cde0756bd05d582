import { type Clock, EngineError, type Log, newId, toErrorShape } from '../base/index.ts';
import type { SessionStore, StoredSession, StoredSessionItem } from '../config/index.ts';
import { isFinal, type LogEntry, type Session, type SessionFilter, type SessionListItem } from '../contract/index.ts';
import type { EventBus } from './events.ts';
import { LiveSession, type SessionSpec } from './live-session.ts';
import { resultOf } from './session-state.ts';

const FOLLOW_MS = 250;

export type NewSession = Omit<SessionSpec, 'id' | 'queuedAt'>;
/** Does what the session is for: starts and ends its tasks. What it throws ends all tasks that have not ended. */
export type SessionWork = (session: LiveSession) => Promise<void>;

/** All sessions, live and past. */
export interface Sessions {
	/**
	 * Writes the session down as queued and lets `work` run beside the caller. `busy.job` when a backup of the same job
	 * has not ended. The session ends with its tasks' result, after `work` has settled.
	 */
	start(session: NewSession, work: SessionWork): Promise<LiveSession>;
	/** The backup session of a job that has not ended. */
	activeOfJob(jobId: string): LiveSession | undefined;
	active(): readonly LiveSession[];
	/** `not-found.session`. */
	get(id: string): Promise<Session>;
	/** With what it was asked and what it found. */
	record(id: string): Promise<StoredSession>;
	list(filter: Partial<SessionFilter>): Promise<{ total: number; sessions: SessionListItem[] }>;
	/** The newest backups of each job, newest first, by the job's id. */
	newestBackups(perJob: number): Promise<Map<string, SessionListItem[]>>;
	log(id: string, afterSeq: number, limit: number): Promise<LogEntry[]>;
	follow(id: string, options: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Session>;
	/** Returns at once; a session that has ended is left as it is. `not-found.session`. */
	cancel(id: string): Promise<void>;
	/** Called after a session has ended and was written down. */
	onEnded(listener: (session: StoredSession) => void): void;
	/** Cancels everything and waits for it, at most so long; says how many did not end. */
	close(timeoutMs: number): Promise<number>;
}

const withoutRecord = ({ input: _, result: __, ...session }: StoredSession): Session => ({ ...session, rateBytesPerSec: null, remainingMs: null, step: null });

export type SessionParts = { readonly store: SessionStore; readonly clock: Clock; readonly bus: EventBus; readonly log: Log };

export function createSessions({ store, clock, bus, log }: SessionParts): Sessions {
	const live = new Map<string, LiveSession>();
	const running = new Map<string, Promise<void>>();
	const endListeners: ((session: StoredSession) => void)[] = [];
	let isClosed = false;

	const active = () => [...live.values()].filter(({ state }) => !isFinal(state));
	const activeOfJob = (jobId: string) => active().find(({ spec }) => spec.kind === 'backup' && spec.jobId === jobId);

	/** What was written down last, or how it is at this moment. */
	function withLiveState(item: StoredSessionItem): SessionListItem {
		const snapshot = live.get(item.id)?.snapshot();
		if (snapshot === undefined) return { ...item, rateBytesPerSec: null, remainingMs: null, step: null };
		const { tasks, throughput: _, ...current } = snapshot;
		return { ...current, taskCount: tasks.length };
	}

	async function conduct(session: LiveSession, work: SessionWork): Promise<void> {
		let failure: unknown;
		try {
			await work(session);
		} catch (error) {
			failure = error;
			if (!session.signal.aborted && !(error instanceof EngineError)) log.error({ err: error, sessionId: session.id }, 'A session failed unexpectedly.');
		}
		for (const task of session.tasks) {
			if (isFinal(task.state)) continue;
			if (session.signal.aborted || failure === undefined) task.cancel();
			else task.fail(toErrorShape(failure));
		}
		const result = resultOf(session.tasks.map((task) => task.snapshot()));
		await session.finish(result.state, result.error);
		live.delete(session.id);
		running.delete(session.id);
		bus.emit({ kind: 'session', id: session.id });
		if (session.spec.jobId !== null) bus.emit({ kind: 'job', id: session.spec.jobId });
		bus.emit({ kind: 'overview', id: null });
		const stored = session.stored();
		for (const listener of endListeners) listener(stored);
	}

	const sessions: Sessions = {
		async start(spec, work) {
			if (isClosed) throw new EngineError('connection.lost', 'The engine is closing.');
			const other = spec.kind === 'backup' && spec.jobId !== null ? activeOfJob(spec.jobId) : undefined;
			if (other !== undefined) {
				throw new EngineError('busy.job', `The job “${spec.title}” is running already.`, {
					hint: 'Wait until it has ended, or cancel it.',
					data: { sessionId: other.id },
				});
			}
			const queuedAt = clock.now();
			const id = newId(queuedAt);
			const announce = () => {
				bus.emit({ kind: 'session', id });
				if (spec.jobId !== null) bus.emit({ kind: 'job', id: spec.jobId });
			};
			const session = new LiveSession({ ...spec, id, queuedAt }, clock, { save: (stored, entries) => store.save(stored, entries), announce }, log);
			// Taken before the first await, so that two starts at once cannot both pass.
			live.set(id, session);
			try {
				await store.insert(session.stored());
			} catch (error) {
				live.delete(id);
				throw error;
			}
			announce();
			bus.emit({ kind: 'overview', id: null });
			running.set(
				id,
				conduct(session, work).catch((error: unknown) => log.error({ err: error, sessionId: id }, 'A session could not be ended.')),
			);
			return session;
		},
		activeOfJob,
		active,
		async get(id) {
			return live.get(id)?.snapshot() ?? withoutRecord(await store.get(id));
		},
		async record(id) {
			return live.get(id)?.stored() ?? store.get(id);
		},
		async list(filter) {
			const { total, sessions: items } = await store.list(filter);
			return { total, sessions: items.map(withLiveState) };
		},
		async newestBackups(perJob) {
			return Map.groupBy((await store.listNewestBackups(perJob)).map(withLiveState), ({ jobId }) => jobId ?? '');
		},
		async log(id, afterSeq, limit) {
			await live.get(id)?.save();
			const entries = await store.log(id, afterSeq, limit);
			if (entries.length === 0) await store.get(id);
			return entries;
		},
		async *follow(id, { signal }) {
			const session = live.get(id);
			if (session === undefined) {
				yield withoutRecord(await store.get(id));
				return;
			}
			const wake = signal === undefined ? session.over : AbortSignal.any([signal, session.over]);
			while (!signal?.aborted) {
				const { version } = session;
				const snapshot = session.snapshot();
				if (isFinal(snapshot.state)) {
					// Whoever hears of the end finds it written down.
					await running.get(id);
					yield snapshot;
					return;
				}
				yield snapshot;
				await clock.sleep(FOLLOW_MS, { signal: wake }).catch(() => undefined); // Woken early: it ended, or nobody listens any more.
				await session.changedSince(version, signal);
			}
		},
		async cancel(id) {
			const session = live.get(id);
			if (session === undefined) await store.get(id);
			else session.cancel();
		},
		onEnded: (listener) => void endListeners.push(listener),
		async close(timeoutMs) {
			isClosed = true;
			for (const session of live.values()) session.cancel();
			const over = new AbortController();
			const all = Promise.allSettled(running.values()).then(() => over.abort());
			await Promise.race([all, clock.sleep(timeoutMs, { signal: over.signal }).catch(() => undefined)]);
			return running.size;
		},
	};
	return sessions;
}
