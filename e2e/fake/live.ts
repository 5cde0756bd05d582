/** Sessions that run: each grows with the time that has passed since it began, and ends by itself. */
import type { Session, SessionTask } from '../../engine/contract/index.ts';
import { sumCounters } from './history.ts';
import { createRandom } from './random.ts';

export type LiveSession = {
	/** The session as it will be when it has ended. */
	readonly final: Session;
	readonly lengthMs: number;
	readonly startedAt: number;
	/** Set when somebody cancelled it. */
	cancelledAt: number | null;
};

/** The session as it stands now, from nothing but its end and the clock. */
export function sessionAt({ final, lengthMs, startedAt, cancelledAt }: LiveSession, now: number): Session {
	const elapsedMs = now - startedAt;
	if (elapsedMs < 0)
		return {
			...final,
			state: 'queued',
			startedAt: null,
			endedAt: null,
			counters: { ...final.counters, ...nothing },
			tasks: final.tasks.map((task) => taskAt(task, 0, false)),
			throughput: [],
		};
	if (cancelledAt !== null && now - cancelledAt > 1500) {
		const share = (cancelledAt - startedAt) / lengthMs;
		const tasks = final.tasks.map((task): SessionTask => ({ ...taskAt(task, share, false), state: 'cancelled', pointId: null, endedAt: cancelledAt }));
		return { ...final, startedAt, endedAt: cancelledAt + 1500, state: 'cancelled', tasks, counters: sumCounters(tasks) };
	}
	if (elapsedMs >= lengthMs && cancelledAt === null) return { ...final, startedAt, endedAt: startedAt + lengthMs };
	const share = Math.min(1, elapsedMs / lengthMs);
	const tasks = final.tasks.map((task, i) => {
		const own = share * final.tasks.length - i;
		return taskAt(task, Math.max(0, Math.min(1, own)), own > 0);
	});
	const wave = 0.9 + 0.2 * createRandom(`${final.id} ${Math.floor(elapsedMs / 700)}`).next();
	return {
		...final,
		startedAt,
		endedAt: null,
		state: cancelledAt === null ? 'running' : 'cancelling',
		tasks,
		counters: sumCounters(tasks),
		error: null,
		rateBytesPerSec: (final.counters.readBytes / (lengthMs / 1000)) * wave,
		remainingMs: share < 0.02 ? null : Math.max(1000, lengthMs - elapsedMs),
		step: null,
	};
}

const nothing = { doneBytes: 0, readBytes: 0, transferredBytes: 0, storedBytes: 0, doneItems: 0, unchangedItems: 0, warningCount: 0 };

function taskAt(task: SessionTask, share: number, hasBegun: boolean): SessionTask {
	const scale = (value: number): number => Math.floor(value * share);
	const { counters } = task;
	return {
		...task,
		state: share >= 1 ? task.state : hasBegun ? 'running' : 'queued',
		startedAt: hasBegun ? task.startedAt : null,
		endedAt: share >= 1 ? task.endedAt : null,
		activity: share >= 1 || !hasBegun ? '' : `${task.name}/Clients/Customer ${String(1 + scale(40)).padStart(2, '0')}`,
		pointId: share >= 1 ? task.pointId : null,
		counters: {
			totalBytes: share < 0.01 && task.object.startsWith('folder:') ? null : counters.totalBytes,
			doneBytes: scale(counters.doneBytes),
			readBytes: scale(counters.readBytes),
			transferredBytes: scale(counters.transferredBytes),
			storedBytes: scale(counters.storedBytes),
			totalItems: share < 0.01 ? null : counters.totalItems,
			doneItems: scale(counters.doneItems),
			unchangedItems: scale(counters.unchangedItems),
			warningCount: scale(counters.warningCount),
		},
		warnings: task.warnings.slice(0, scale(counters.warningCount)),
	};
}
