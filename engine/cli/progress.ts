import type { Clock } from '../base/index.ts';
import { isFinal, type Session, type SessionStep, type SessionTask, type StepPart } from '../contract/index.ts';
import { formatDuration, formatRate, formatSize, printable, shorten } from './format.ts';
import { type Output, stateWords } from './output.ts';

/** Shows a session while it runs. `update` is called with each state, `close` when nothing more is to be shown. */
export interface Progress extends Disposable {
	update(session: Session): void;
	/** A sentence that stays, above what changes. */
	note(text: string): void;
}

/** Bars on a terminal, now and then a line elsewhere. */
export const createProgress = async (output: Output, clock: Clock): Promise<Progress> =>
	output.stderr.isTTY ? new (await import('./bars.ts')).Bars(output, clock) : new Lines(output, clock);

/** Rate of one task, smoothed over about five seconds, from counters that only grow. */
export class RateMeter {
	readonly #clock: Clock;
	#at: number | undefined;
	#bytes = 0;
	#rate: number | undefined;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Bytes per second; null until there are two samples. */
	sample(bytes: number): number | null {
		const now = this.#clock.monotonic();
		if (this.#at === undefined) {
			this.#at = now;
			this.#bytes = bytes;
			return null;
		}
		const elapsedMs = now - this.#at;
		if (elapsedMs < 100) return this.#rate ?? null;
		const current = ((bytes - this.#bytes) * 1000) / elapsedMs;
		const weight = 1 - Math.exp(-elapsedMs / 5000);
		this.#rate = this.#rate === undefined ? current : this.#rate + weight * (current - this.#rate);
		this.#at = now;
		this.#bytes = bytes;
		return this.#rate;
	}
}

export const share = ({ counters, state }: SessionTask): number => {
	if (isFinal(state)) return 1;
	return counters.totalBytes ? Math.min(1, counters.doneBytes / counters.totalBytes) : 0;
};

/** What stands around the bar of a task, for a terminal of so many columns. */
export function describeTask(task: SessionTask, meter: RateMeter, columns: number): { label: string; percent: string; detail: string } {
	const label = shorten(printable(task.name), labelWidth).padEnd(labelWidth);
	const isKnown = isFinal(task.state) || task.counters.totalBytes !== null;
	const percent = `${isKnown ? String(Math.floor(share(task) * 100)).padStart(3) : '  –'} %`;
	if (isFinal(task.state)) return { label, percent, detail: stateWords[task.state] };
	const { doneBytes, totalBytes } = task.counters;
	const rate = meter.sample(doneBytes);
	const restBytes = (totalBytes ?? 0) - doneBytes;
	const facts = [formatSize(doneBytes)];
	if (rate !== null) facts.push(formatRate(rate));
	if (rate && restBytes > 0) facts.push(`${formatDuration((restBytes / rate) * 1000)} left`);
	const detail = facts.join(' · ');
	const room = columns - labelWidth - barWidth - percent.length - detail.length - 7; // the spaces and dots between them
	return { label, percent, detail: room < 8 || task.activity === '' ? detail : `${detail} · ${shorten(printable(task.activity), room)}` };
}

const stepWords: Readonly<Record<StepPart, string>> = {
	merge: 'merging points',
	reverse: 'moving the older point',
	synthetic: 'copying from the chain',
	compact: 'writing files anew',
	verify: 'reading back',
	tidy: 'closing gaps',
};
export const stepShare = ({ movedBytes, totalBytes }: SessionStep): number => (totalBytes > 0 ? movedBytes / totalBytes : 0);

/** What stands around the bar of a step on a chain. */
export const describeStep = (step: SessionStep): { label: string; percent: string; detail: string } => ({
	label: stepWords[step.part].padEnd(labelWidth),
	percent: `${step.totalBytes > 0 ? String(Math.floor(stepShare(step) * 100)).padStart(3) : '  –'} %`,
	detail: step.totalBytes > 0 ? `${formatSize(step.movedBytes)} of ${formatSize(step.totalBytes)}` : '',
});

const labelWidth = 24;
export const barWidth = 20;

const lineEveryMs = 5_000;

class Lines implements Progress {
	readonly #output: Output;
	readonly #clock: Clock;
	readonly #states = new Map<string, string>();
	readonly #meter: RateMeter;
	#lastLineAt: number;

	constructor(output: Output, clock: Clock) {
		this.#output = output;
		this.#clock = clock;
		this.#meter = new RateMeter(clock);
		this.#lastLineAt = clock.monotonic();
	}

	update(session: Session): void {
		for (const task of session.tasks) {
			const before = this.#states.get(task.object);
			this.#states.set(task.object, task.state);
			if (before === task.state || task.state === 'queued') continue;
			const mode = task.mode && isFinal(task.state) ? ` (${task.mode.actual})` : ''; // before, it may still fall back to a full
			this.#output.note(`${printable(task.object)}: ${stateWords[task.state]}${mode}`);
		}
		if (session.step !== null && this.#clock.monotonic() - this.#lastLineAt >= lineEveryMs) {
			this.#lastLineAt = this.#clock.monotonic();
			const { label, percent, detail } = describeStep(session.step);
			this.#output.note(`${label.trim()}: ${detail === '' ? 'looking' : `${percent.trim()}, ${detail}`}`);
			return;
		}
		const { totalBytes, doneBytes } = session.counters;
		const rate = this.#meter.sample(doneBytes);
		if (isFinal(session.state) || this.#clock.monotonic() - this.#lastLineAt < lineEveryMs) return;
		this.#lastLineAt = this.#clock.monotonic();
		const percent = totalBytes ? `${Math.floor((doneBytes / totalBytes) * 100)} % of ${formatSize(totalBytes)}` : formatSize(doneBytes);
		const left = session.remainingMs === null ? '' : `, ${formatDuration(session.remainingMs)} left`;
		this.#output.note(`${percent}${rate === null ? '' : `, ${formatRate(rate)}`}${left}`);
	}

	note(text: string): void {
		this.#output.note(text);
	}

	[Symbol.dispose](): void {
		// Nothing is held.
	}
}
