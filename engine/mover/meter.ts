import { type Clock, systemClock } from '../base/index.ts';
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
	/** At least one piece waited for its connection, or was on its way. */
	readonly networkMs: number;
	/** At least one write or sync was under way. */
	readonly writeMs: number;
	/** At least one write was held back by a limit. */
	readonly throttledMs: number;
	/** What was looked at, what of it was read, what was sent on. */
	readonly doneBytes: number;
	readonly readBytes: number;
	readonly transferredBytes: number;
};

type Stage = Exclude<BottleneckStage, 'none'>;

/** What each stage does, and what would help, in the words of the one who waits for it. */
export type StageWords = Readonly<Record<BottleneckStage, string>>;

export const backupWords: StageWords = {
	source: 'Reading the source takes the most time. A faster source disk, fewer small files, or running when the source is idle would help.',
	proxy: 'Processing (naming and compressing blocks) takes the most time. More processor cores or a lower compression level would help.',
	network: 'The network takes the most time. A faster link, or a mover closer to the repository, would help.',
	target: 'Writing to the repository takes the most time. A faster repository disk, or a higher compression level, would help.',
	throttling: 'A limit holds the flow back. Raise it, or accept the time.',
	none: 'Little had to be moved; nothing held the run back.',
};

/** Of a run that has nothing to move no stage is the bottleneck, however busy it was; a limit is, unless that was for a moment only. */
const littleShare = 0.02;
/** Less than this is not worth a word. */
const leastSpeedUp = 1.1;

const percent = (part: number, whole: number): number => (whole <= 0 ? 0 : Math.min(100, Math.round((part / whole) * 100)));

export type BottleneckOptions = {
	readonly words?: StageWords;
	/** One thing after the other, as in a restore, where one thread reads a chunk and writes it: nothing is done beside the stage that becomes faster. */
	readonly isSerial?: boolean;
};

/** The stage that is busy for the largest share of the time (BOTTL-03), or throttling (BOTTL-04), or none. */
export function findBottleneck(times: StageTimes, { words = backupWords, isSerial = false }: BottleneckOptions = {}): Bottleneck {
	const { elapsedMs, workerCount, listMs, networkMs, writeMs, throttledMs } = times;
	const readMs = times.readMs / workerCount;
	const processMs = times.processMs / workerCount;
	const busyMs: Readonly<Record<Stage, number>> = {
		source: Math.max(readMs, listMs),
		proxy: processMs,
		network: networkMs,
		target: writeMs,
		throttling: throttledMs,
	};
	const stage = busiestOf(isIdle(times) ? { throttling: throttledMs > elapsedMs * littleShare ? throttledMs : 0 } : busyMs);
	return {
		stage,
		reason: words[stage],
		busyPercent: {
			source: percent(busyMs.source, elapsedMs),
			proxy: percent(busyMs.proxy, elapsedMs),
			network: percent(busyMs.network, elapsedMs),
			target: percent(busyMs.target, elapsedMs),
		},
		throttledPercent: percent(throttledMs, elapsedMs),
		speedUp:
			stage === 'none'
				? null
				: speedUpOf(stage, busyMs[stage], { elapsedMs, lanes: isSerial ? null : { workers: readMs + processMs, listMs, networkMs, writeMs, throttledMs } }),
	};
}

const isIdle = ({ doneBytes, readBytes, transferredBytes }: StageTimes): boolean => Math.max(readBytes, transferredBytes) <= doneBytes * littleShare;

function busiestOf(busyMs: Readonly<Partial<Record<Stage, number>>>): BottleneckStage {
	const [stage, ms] = (Object.entries(busyMs) as [Stage, number][]).reduce((most, next) => (next[1] > most[1] ? next : most));
	return ms <= 0 ? 'none' : stage;
}

/** What is done beside one another, each in its own time. */
type Lanes = { readonly workers: number; readonly listMs: number; readonly networkMs: number; readonly writeMs: number; readonly throttledMs: number };

const laneOf = (stage: Stage, stageMs: number, { listMs }: Lanes): keyof Lanes => {
	switch (stage) {
		case 'source':
			return stageMs === listMs ? 'listMs' : 'workers';
		case 'proxy':
			return 'workers';
		case 'network':
			return 'networkMs';
		case 'target':
			return 'writeMs';
		case 'throttling':
			return 'throttledMs';
	}
};

/**
 * What would become of the whole if one stage took half of its time, or a limit none. What is done beside it still takes as long as it does, and is
 * the bound; reading and processing share a lane, because one thread does both to a block.
 */
function speedUpOf(stage: Stage, stageMs: number, { elapsedMs, lanes }: { readonly elapsedMs: number; readonly lanes: Lanes | null }): number | null {
	const own = lanes && laneOf(stage, stageMs, lanes);
	const besideMs = Object.entries(lanes ?? {}).flatMap(([lane, ms]) => (lane === own ? [] : [ms]));
	const savedMs = stage === 'throttling' ? stageMs : stageMs / 2;
	const speedUp = Math.floor((elapsedMs / Math.max(elapsedMs - savedMs, ...besideMs, 1)) * 10) / 10;
	return speedUp < leastSpeedUp ? null : speedUp;
}

/**
 * Overlapping activities in one lane, each instant counted once: held back while at least one caller is, at work otherwise while something is under way.
 * What waits for its limit is not the fault of what is still being written meanwhile.
 */
export class LaneMeter {
	readonly #clock: Pick<Clock, 'monotonic'>;
	#heldCount = 0;
	#workCount = 0;
	#since: number;
	#heldMs = 0;
	#workMs = 0;

	constructor(clock: Pick<Clock, 'monotonic'> = systemClock) {
		this.#clock = clock;
		this.#since = clock.monotonic();
	}

	async held<T>(action: () => Promise<T>): Promise<T> {
		this.#settle();
		this.#heldCount++;
		try {
			return await action();
		} finally {
			this.#settle();
			this.#heldCount--;
		}
	}

	async working<T>(action: () => Promise<T>): Promise<T> {
		this.#settle();
		this.#workCount++;
		try {
			return await action();
		} finally {
			this.#settle();
			this.#workCount--;
		}
	}

	get heldMs(): number {
		this.#settle();
		return this.#heldMs;
	}

	get workMs(): number {
		this.#settle();
		return this.#workMs;
	}

	#settle(): void {
		const now = this.#clock.monotonic();
		if (this.#heldCount > 0) this.#heldMs += now - this.#since;
		else if (this.#workCount > 0) this.#workMs += now - this.#since;
		this.#since = now;
	}
}
