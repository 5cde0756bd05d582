import type { Session, TaskCounters } from '../contract/index.ts';

export type ThroughputSample = Session['throughput'][number];
type Bytes = Pick<TaskCounters, 'doneBytes' | 'readBytes' | 'transferredBytes' | 'storedBytes'>;

const MAX_SAMPLES = 600;
/** The rate "now" is the mean over this time: steady enough to read, quick enough to believe. */
const RATE_WINDOW_MS = 5000;

/**
 * The course of a session's rates. Holds at most 600 samples however long the session takes: when they are full, neighbours
 * are joined two by two and each later sample covers twice the time.
 */
export class Throughput {
	#samples: ThroughputSample[] = [];
	#stepMs: number;
	#last: { offsetMs: number; bytes: Bytes } = { offsetMs: 0, bytes: { doneBytes: 0, readBytes: 0, transferredBytes: 0, storedBytes: 0 } };
	#recent: { offsetMs: number; doneBytes: number }[] = [{ offsetMs: 0, doneBytes: 0 }];

	constructor(stepMs: number) {
		this.#stepMs = stepMs;
	}

	get samples(): readonly ThroughputSample[] {
		return this.#samples;
	}

	/** Called regularly, and at the end with `isLast`, with the counters at `offsetMs` after the start. */
	record(offsetMs: number, bytes: Bytes, isLast = false): void {
		this.#recent.push({ offsetMs, doneBytes: bytes.doneBytes });
		while (this.#recent.length > 2 && offsetMs - (this.#recent[0]?.offsetMs ?? 0) > RATE_WINDOW_MS) this.#recent.shift();
		const elapsedMs = offsetMs - this.#last.offsetMs;
		if (elapsedMs <= 0 || (elapsedMs < this.#stepMs && !isLast)) return;
		const rate = (now: number, before: number) => Math.max(0, Math.round(((now - before) * 1000) / elapsedMs));
		const before = this.#last.bytes;
		this.#samples.push({
			offsetMs: Math.round(offsetMs),
			readRate: rate(bytes.readBytes, before.readBytes),
			transferRate: rate(bytes.transferredBytes, before.transferredBytes),
			writeRate: rate(bytes.storedBytes, before.storedBytes),
		});
		this.#last = { offsetMs, bytes };
		if (this.#samples.length > MAX_SAMPLES) this.#thin();
	}

	/** Bytes done per second over the last seconds; null when nothing has been measured yet. */
	rateNow(): number | null {
		const first = this.#recent[0];
		const last = this.#recent.at(-1);
		if (first === undefined || last === undefined || last.offsetMs <= first.offsetMs) return null;
		return Math.max(0, ((last.doneBytes - first.doneBytes) * 1000) / (last.offsetMs - first.offsetMs));
	}

	#thin(): void {
		const thinned: ThroughputSample[] = [];
		for (let i = 0; i + 1 < this.#samples.length; i += 2) {
			const [a, b] = [this.#samples[i] as ThroughputSample, this.#samples[i + 1] as ThroughputSample];
			const mean = (x: number, y: number) => Math.round((x + y) / 2);
			thinned.push({
				offsetMs: b.offsetMs,
				readRate: mean(a.readRate, b.readRate),
				transferRate: mean(a.transferRate, b.transferRate),
				writeRate: mean(a.writeRate, b.writeRate),
			});
		}
		if (this.#samples.length % 2 === 1) thinned.push(this.#samples.at(-1) as ThroughputSample);
		this.#samples = thinned;
		this.#stepMs *= 2;
	}
}
