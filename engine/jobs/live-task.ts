import type {
	Bottleneck,
	ErrorShape,
	ItemWarning,
	LogEntry,
	RunMode,
	SessionState,
	SessionStep,
	SessionTask,
	SnapshotUse,
	TaskCounters,
} from '../contract/index.ts';
import { noCounters } from '../mover/index.ts';
import type { ObjectOutcome, TaskObserver } from './ports.ts';

/** Warnings beyond these are in the log only. */
const MAX_TASK_WARNINGS = 100;

/** Where a task reports: its session. */
export type TaskListener = {
	now(): number;
	changed(): void;
	step(step: SessionStep | null): void;
	log(entry: Omit<LogEntry, 'seq' | 'at'>): void;
};

/** One object of a session while it is worked on. Is the observer that the data plane reports to. */
export class LiveTask implements TaskObserver {
	readonly object: string;
	readonly name: string;
	readonly #listener: TaskListener;
	#state: SessionState = 'queued';
	#mode: RunMode | null = null;
	#counters: TaskCounters = noCounters;
	#bottleneck: Bottleneck | null = null;
	#startedAt: number | null = null;
	#endedAt: number | null = null;
	#activity = '';
	#warnings: ItemWarning[] = [];
	#warningCount = 0;
	#error: ErrorShape | null = null;
	#pointId: string | null = null;
	#snapshot: SnapshotUse | null = null;

	constructor(object: string, name: string, listener: TaskListener) {
		this.object = object;
		this.name = name;
		this.#listener = listener;
	}

	get state(): SessionState {
		return this.#state;
	}

	get currentCounters(): TaskCounters {
		return { ...this.#counters, warningCount: Math.max(this.#counters.warningCount, this.#warningCount) };
	}

	counters(counters: TaskCounters): void {
		this.#counters = counters;
		this.#listener.changed();
	}

	activity(text: string): void {
		this.#activity = text;
		this.#listener.changed();
	}

	warning(warning: ItemWarning): void {
		this.#warningCount++;
		if (this.#warnings.length < MAX_TASK_WARNINGS) this.#warnings.push(warning);
		this.#listener.log({ severity: 'warning', ...warning });
		this.#listener.changed();
	}

	info(message: string): void {
		this.#listener.log({ severity: 'info', code: null, message: `${this.name}: ${message}`, path: null });
	}

	bottleneck(bottleneck: Bottleneck): void {
		this.#bottleneck = bottleneck;
		this.#listener.changed();
	}

	mode(mode: RunMode): void {
		this.#mode = mode;
		this.info([mode.actual === 'full' ? 'Full.' : 'Increment.', mode.reason].filter(Boolean).join(' '));
		this.#listener.changed();
	}

	/** What it is read from. */
	readsFrom(use: SnapshotUse): void {
		this.#snapshot = use;
		this.#listener.changed();
	}

	step(step: SessionStep): void {
		this.#listener.step(step);
	}

	/** Before it starts: what it waits for. */
	waits(reason: string): void {
		this.activity(`waits for ${reason}`);
	}

	/** @param planned what a backup is to be, until the data plane has decided; null for the other kinds */
	start(planned: RunMode | null): void {
		this.#state = 'running';
		this.#activity = '';
		this.#startedAt = this.#listener.now();
		this.#mode = planned;
		this.#listener.changed();
	}

	cancelling(): void {
		if (this.#state !== 'running') return;
		this.#state = 'cancelling';
		this.#listener.changed();
	}

	/** Ends well: with a point for a backup, without one for the other kinds. */
	succeed(outcome: Pick<ObjectOutcome, 'pointId' | 'mode' | 'counters' | 'bottleneck'> | null): void {
		if (outcome !== null) {
			this.#counters = outcome.counters;
			this.#mode = outcome.mode;
			this.#bottleneck = outcome.bottleneck;
			this.#pointId = outcome.pointId;
		}
		this.#end(this.currentCounters.warningCount > 0 ? 'warning' : 'success');
	}

	fail(error: ErrorShape): void {
		this.#error = error;
		this.#listener.log({ severity: 'error', code: error.code, message: error.message, path: null });
		this.#end('failed');
	}

	cancel(): void {
		this.#end('cancelled');
	}

	snapshot(): SessionTask {
		return {
			object: this.object,
			name: this.name,
			state: this.#state,
			mode: this.#mode,
			counters: this.currentCounters,
			bottleneck: this.#bottleneck,
			startedAt: this.#startedAt,
			endedAt: this.#endedAt,
			activity: this.#activity,
			warnings: [...this.#warnings],
			error: this.#error,
			pointId: this.#pointId,
			...(this.#snapshot && { snapshot: this.#snapshot }),
		};
	}

	#end(state: SessionState): void {
		this.#state = state;
		this.#activity = '';
		this.#listener.step(null);
		this.#endedAt = this.#listener.now();
		this.#listener.changed();
	}
}
