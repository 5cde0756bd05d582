import type { SessionStep, StepPart } from '../contract/index.ts';
import type { StepProgress } from '../repository/index.ts';

/** Adds up what a step says of itself. */
export class StepMeter implements StepProgress {
	readonly #tell: (state: SessionStep) => void;
	#part: StepPart | null = null;
	#totalBytes = 0;
	#movedBytes = 0;

	constructor(tell: (state: SessionStep) => void) {
		this.#tell = tell;
	}

	begins(part: StepPart): void {
		this.#part = part;
		this.#changed();
	}

	expects(bytes: number): void {
		this.#totalBytes += bytes;
		this.#changed();
	}

	moved(bytes: number): void {
		this.#movedBytes += bytes;
		this.#changed();
	}

	#changed(): void {
		if (this.#part !== null) this.#tell({ part: this.#part, movedBytes: this.#movedBytes, totalBytes: Math.max(this.#totalBytes, this.#movedBytes) });
	}
}
