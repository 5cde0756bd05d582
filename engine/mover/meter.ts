import type { Bottleneck, BottleneckStage } from '../contract/index.ts';

/** What a pipe measured, since it began (BOTTL-01, BOTTL-02). Milliseconds. */
export type StageTimes = {
	readonly elapsedMs: number;
	/** Threads that read and process; their times add up over all of them. */
	readonly workerCount: number;
	readonly readMs: number;
	readonly processMs: number;
	/** Listing folders, in the one thread that does it. */
	readonly listMs: number;
	/** At least one write was under way. */
	readonly writeMs: number;
	/** Writes were held back by a rate limit. */
	readonly throttledMs: number;
	readonly doneBytes: number;
	readonly transferredBytes: number;
};

const advice: Readonly<Record<BottleneckStage, string>> = {
	source: 'Reading the source takes the most time. A faster source disk, fewer small files, or running when the source is idle would help.',
	proxy: 'Processing (naming and compressing blocks) takes the most time. More processor cores or a lower compression level would help.',
	network: 'The network takes the most time. A faster link, or a mover closer to the repository, would help.',
	target: 'Writing to the repository takes the most time. A faster repository disk, or a higher compression level, would help.',
	throttling: 'The rate limit of the repository holds the flow back. Raise it, or accept the time.',
	none: 'Little had to be moved; nothing held the run back.',
};

const percent = (part: number, whole: number): number => (whole <= 0 ? 0 : Math.min(100, Math.round((part / whole) * 100)));

/** The stage that is busy for the largest share of the time (BOTTL-03), or throttling (BOTTL-04), or none. */
export function findBottleneck(times: StageTimes): Bottleneck {
	const { elapsedMs, workerCount } = times;
	const busyPercent = {
		source: Math.max(percent(times.readMs, elapsedMs * workerCount), percent(times.listMs, elapsedMs)),
		proxy: percent(times.processMs, elapsedMs * workerCount),
		network: 0,
		target: percent(times.writeMs, elapsedMs),
	};
	const isIdle = times.transferredBytes * 50 < times.doneBytes || times.doneBytes === 0;
	const [busiest] = (Object.entries(busyPercent) as [keyof typeof busyPercent, number][]).sort((a, b) => b[1] - a[1]);
	const isThrottled = percent(times.throttledMs, elapsedMs) > (busiest?.[1] ?? 0);
	const stage: BottleneckStage = isThrottled ? 'throttling' : isIdle || !busiest || busiest[1] === 0 ? 'none' : busiest[0];
	return { stage, reason: advice[stage], busyPercent };
}

/** Time during which at least one of several overlapping activities was under way. */
export class BusyMeter {
	#active = 0;
	#since = 0;
	#totalMs = 0;

	begin(): void {
		if (this.#active++ === 0) this.#since = performance.now();
	}

	end(): void {
		if (--this.#active === 0) this.#totalMs += performance.now() - this.#since;
	}

	get totalMs(): number {
		return this.#totalMs + (this.#active > 0 ? performance.now() - this.#since : 0);
	}
}
