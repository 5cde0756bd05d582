import type { Bottleneck, SessionTask, TaskCounters } from '../contract/index.ts';

/** A total is known when it is known of every task. */
export function sumCounters(all: readonly TaskCounters[]): TaskCounters {
	const sum = (pick: (counters: TaskCounters) => number) => all.reduce((total, counters) => total + pick(counters), 0);
	const total = (pick: (counters: TaskCounters) => number | null) =>
		all.length === 0 || all.some((counters) => pick(counters) === null) ? null : sum((counters) => pick(counters) ?? 0);
	const leftOut = all.flatMap((counters) => counters.leftOut ?? []);
	return {
		totalBytes: total((counters) => counters.totalBytes),
		doneBytes: sum((counters) => counters.doneBytes),
		readBytes: sum((counters) => counters.readBytes),
		transferredBytes: sum((counters) => counters.transferredBytes),
		storedBytes: sum((counters) => counters.storedBytes),
		totalItems: total((counters) => counters.totalItems),
		doneItems: sum((counters) => counters.doneItems),
		unchangedItems: sum((counters) => counters.unchangedItems),
		warningCount: sum((counters) => counters.warningCount),
		...(leftOut.length > 0 && {
			leftOut: {
				deadBytes: leftOut.reduce((bytes, { deadBytes }) => bytes + deadBytes, 0),
				swapBytes: leftOut.reduce((bytes, { swapBytes }) => bytes + swapBytes, 0),
			},
		}),
	};
}

/** The bottleneck of a session is that of the task which took longest: it decided how long the session took. */
export function sessionBottleneck(tasks: readonly Pick<SessionTask, 'bottleneck' | 'startedAt' | 'endedAt'>[], nowMs: number): Bottleneck | null {
	let longest: { bottleneck: Bottleneck; durationMs: number } | null = null;
	for (const { bottleneck, startedAt, endedAt } of tasks) {
		if (bottleneck === null || startedAt === null) continue;
		const durationMs = (endedAt ?? nowMs) - startedAt;
		if (longest === null || durationMs > longest.durationMs) longest = { bottleneck, durationMs };
	}
	return longest?.bottleneck ?? null;
}
