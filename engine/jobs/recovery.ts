/** What an engine finds at its start that another one left behind by dying. */
import { type Clock, type Log, toErrorShape } from '../base/index.ts';
import type { Entity, SessionStore, StoredSession } from '../config/index.ts';
import { type ErrorShape, isFinal, type JobSettings, type LogEntry, type RepositorySettings, type SessionTask } from '../contract/index.ts';
import type { ChainStore } from './ports.ts';

const interrupted: ErrorShape = {
	code: 'session.interrupted',
	message: 'The engine ended while this session was running.',
	hint: 'Earlier restore points are untouched. Run the job again.',
};

/** When it last gave a sign of life: its end, as far as anybody knows. */
const lastSign = (session: StoredSession): number =>
	(session.startedAt ?? session.queuedAt) + (session.startedAt === null ? 0 : (session.throughput.at(-1)?.offsetMs ?? 0));

/** Gives every session that has no end the end `interrupted`, and returns them so. */
export async function endInterruptedSessions(store: SessionStore, clock: Clock): Promise<StoredSession[]> {
	const ended: StoredSession[] = [];
	for (const session of await store.listUnfinished()) {
		const endedAt = lastSign(session);
		const tasks = session.tasks.map(
			(task): SessionTask =>
				isFinal(task.state)
					? task
					: { ...task, state: 'interrupted', activity: '', endedAt: task.startedAt === null ? null : Math.max(task.startedAt, endedAt) },
		);
		const closed: StoredSession = { ...session, state: 'interrupted', endedAt, tasks, error: interrupted };
		const seq = (await store.lastLogSeq(session.id)) + 1;
		await store.save(closed, [{ seq, at: clock.now(), severity: 'error', code: interrupted.code, message: interrupted.message, path: null }]);
		ended.push(closed);
	}
	return ended;
}

export type CleanUpParts = { readonly chainStore: ChainStore; readonly sessions: SessionStore; readonly clock: Clock; readonly log: Log };

/** Clears the repository of what dead sessions of the job left half done. Trouble is logged: the job will meet it again and say it. */
export async function cleanUpAfter(
	{ chainStore, sessions, clock, log }: CleanUpParts,
	job: Entity<JobSettings>,
	repository: Entity<RepositorySettings>,
	session: StoredSession | undefined,
): Promise<void> {
	const facts = { jobId: job.id, job: job.settings.name, repository: repository.settings.path };
	try {
		const { removed, adopted } = await chainStore.cleanUp(repository.settings, { id: job.id, name: job.settings.name }, { keepsBegun: true });
		if (removed.length + adopted.length === 0) return;
		log.info({ ...facts, removed, adopted }, 'Cleaned up after a session that had died.');
		if (session === undefined) return;
		const messages = [...removed.map((file) => `Removed the unfinished file ${file}.`), ...adopted.map((file) => `Took in ${file}, which was complete.`)];
		const last = await sessions.lastLogSeq(session.id);
		const entries = messages.map((message, i): LogEntry => ({ seq: last + 1 + i, at: clock.now(), severity: 'info', code: null, message, path: null }));
		await sessions.save(session, entries);
	} catch (error) {
		log.warn({ ...facts, err: error, problem: toErrorShape(error) }, 'Could not clean up after a session that had died.');
	}
}
