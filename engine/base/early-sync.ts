/** Written before it is stored early. Each time costs the file system a commit, and the disk a flush of its cache. */
const earlyBytes = 64 * 1024 * 1024;
/** Written before whoever writes waits for the disk: neither memory nor the wait at the end may grow without bounds. */
const mostUnstoredBytes = 4 * earlyBytes;

/**
 * Stores what was written while more is written, so that the sync at the end has little left to do. To let the system begin with it is not enough: disks,
 * and those of virtual machines most of all, take everything into a cache of their own, and only a sync empties that.
 */
export class EarlySync {
	readonly #sync: () => Promise<void>;
	#newBytes = 0;
	/** Rejected for good once one has failed: the system tells that once, and takes what it could not store for stored from then on. */
	#last: Promise<void> = Promise.resolve();
	#isRunning = false;

	/** @param sync makes durable what was written before it is called */
	constructor(sync: () => Promise<void>) {
		this.#sync = sync;
	}

	/** Waits while much more was written than is stored. @throws what an early sync has failed with */
	async written(bytes: number): Promise<void> {
		this.#newBytes += bytes;
		if (this.#newBytes < earlyBytes) return;
		if (this.#newBytes >= mostUnstoredBytes || !this.#isRunning) await this.#last;
		if (!this.#isRunning && this.#newBytes >= earlyBytes) this.#begin();
	}

	/** Waits for the one that is under way. @throws as above */
	ended(): Promise<void> {
		return this.#last;
	}

	#begin(): void {
		this.#newBytes = 0;
		this.#isRunning = true;
		this.#last = this.#sync().finally(() => {
			this.#isRunning = false;
		});
		this.#last.catch(() => undefined); // whoever writes or syncs next hears of it
	}
}
