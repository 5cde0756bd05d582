import type { Bottleneck } from '../contract/index.ts';
import { type MutableCounters, noCounters, type TaskObserver } from '../mover/index.ts';
import type { RestorePool } from './restore-pool.ts';

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

	/** For a restore the repository is the source, and what is written to is the target. */
	bottleneck(pool: RestorePool): void {
		const { readPercent, writePercent } = pool.busyPercent;
		const busyPercent = { source: readPercent, proxy: 0, network: 0, target: writePercent };
		const bottleneck: Bottleneck =
			readPercent + writePercent === 0
				? { stage: 'none', reason: 'Little had to be moved; nothing held the run back.', busyPercent }
				: readPercent >= writePercent
					? {
							stage: 'source',
							reason: 'Reading and decoding the backup files takes the most time. A faster repository disk or more processor cores would help.',
							busyPercent,
						}
					: { stage: 'target', reason: 'Writing to the target takes the most time. A faster target disk would help.', busyPercent };
		this.observer.bottleneck(bottleneck);
	}
}
