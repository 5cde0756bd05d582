import { findBottleneck, type MutableCounters, noCounters, type StageWords, type TaskObserver, tellRegularly } from '../mover/index.ts';
import type { RestoreTimes } from './protocol.ts';
import type { RestorePool } from './restore-pool.ts';

/** For a restore the repository is the source, and what is written to is the target. */
const restoreWords: StageWords = {
	source: 'Reading the backup files takes the most time. A faster repository disk would help.',
	proxy: 'Decoding and verifying takes the most time. More processor cores would help.',
	network: 'The network takes the most time. A faster link, or a mover closer to the repository, would help.',
	target: 'Writing to the target takes the most time. A faster target disk would help.',
	throttling: 'A limit holds the flow back. Raise it, or accept the time.',
	none: 'Little had to be moved; nothing held the run back.',
};

/** Counters of a restore with the observer they go to. */
export class RestoreProgress {
	readonly counters: MutableCounters = { ...noCounters };
	readonly observer: TaskObserver;

	constructor(observer: TaskObserver) {
		this.observer = observer;
	}

	report(): void {
		this.observer.counters({ ...this.counters });
	}

	/** Until it is disposed: also of what goes so slowly that nothing else is reported. */
	tellRegularly(pool: RestorePool): Disposable {
		return tellRegularly(() => this.bottleneck(pool));
	}

	bottleneck(pool: RestorePool): void {
		this.tellBottleneck(pool.times);
	}

	/** @param times of one thread, or means over several: each does one thing after the other */
	tellBottleneck({ elapsedMs, readMs, throttledMs, decodeMs, writeMs }: RestoreTimes & { readonly elapsedMs: number }): void {
		const { doneBytes, readBytes, transferredBytes } = this.counters;
		const stages = { elapsedMs, workerCount: 1, readMs, processMs: decodeMs, listMs: 0, networkMs: 0, writeMs, throttledMs };
		this.observer.bottleneck(findBottleneck({ ...stages, doneBytes, readBytes, transferredBytes }, { words: restoreWords, isSerial: true }));
	}
}
