import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import type { Clock } from '../base/index.ts';
import type { Session } from '../contract/index.ts';
import type { Output } from './output.ts';
import { barWidth, describeStep, describeTask, type Progress, RateMeter, share, stepShare } from './progress.ts';

const barLimit = 8;

/** A bar per object, on a terminal. */
export class Bars implements Progress {
	readonly #bars: MultiBar;
	readonly #clock: Clock;
	readonly #output: Output;
	#step: SingleBar | undefined;
	readonly #tasks = new Map<string, { bar: SingleBar; meter: RateMeter }>();

	constructor(output: Output, clock: Clock) {
		this.#output = output;
		this.#clock = clock;
		this.#bars = new cliProgress.MultiBar({
			stream: output.stderr,
			format: '{label} {bar} {percent} {detail}',
			formatBar: (progress) => '█'.repeat(Math.round(progress * barWidth)).padEnd(barWidth, '░'),
			hideCursor: true,
			clearOnComplete: true,
			gracefulExit: false, // the command line has its own answer to Ctrl+C
			fps: 8,
		});
	}

	update(session: Session): void {
		for (const task of session.tasks) {
			let shown = this.#tasks.get(task.object);
			if (shown === undefined) {
				if (task.state === 'queued' || this.#tasks.size >= barLimit) continue;
				shown = { bar: this.#bars.create(1000, 0, { label: '', percent: '', detail: '' }), meter: new RateMeter(this.#clock) };
				this.#tasks.set(task.object, shown);
			}
			shown.bar.update(Math.round(share(task) * 1000), describeTask(task, shown.meter, this.#output.stderr.columns ?? 80));
		}
		// Where a step is all that a session does, its task shows the same figures.
		if (session.step !== null && session.kind !== 'compact') {
			this.#step ??= this.#bars.create(1000, 0, { label: '', percent: '', detail: '' });
			this.#step.update(Math.round(stepShare(session.step) * 1000), describeStep(session.step));
		} else if (this.#step !== undefined) {
			this.#bars.remove(this.#step);
			this.#step = undefined;
		}
	}

	note(text: string): void {
		if (this.#tasks.size === 0) this.#output.note(text);
		else this.#bars.log(`${text}\n`);
	}

	[Symbol.dispose](): void {
		this.#bars.stop();
	}
}
