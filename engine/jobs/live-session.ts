import type { Clock, Log } from '../base/index.ts';
import type { StoredSession } from '../config/index.ts';
import { type ErrorShape, isFinal, type LogEntry, type Session, type SessionState, type SessionStep } from '../contract/index.ts';
import { sessionBottleneck, sumCounters } from './counters.ts';
import { LiveTask } from './live-task.ts';
import { SessionLog } from './session-log.ts';
import { mayMove } from './session-state.ts';
import { Throughput } from './throughput.ts';

const SAMPLE_MS = 500;
/** Ten seconds: each is a sync, for which the thread that serves the faces waits, seconds where the disk is busy. */
const SAVES_EVERY_SAMPLES = 20;

export type SessionSpec = Pick<Session, 'id' | 'kind' | 'jobId' | 'title' | 'trigger' | 'attempt' | 'queuedAt'> & {
	readonly input: unknown;
	readonly objects: readonly { readonly object: string; readonly name: string }[];
};

export type SessionSink = {
	save(session: StoredSession, log: readonly LogEntry[]): Promise<void>;
	/** Something that a face shows has changed. */
	announce(): void;
};

/** A session while it is worked on: counts, samples, logs, and is written down now and then. */
export class LiveSession {
	readonly spec: SessionSpec;
	readonly tasks: readonly LiveTask[];
	readonly #clock: Clock;
	readonly #sink: SessionSink;
	readonly #engineLog: Log;
	readonly #abort = new AbortController();
	readonly #over = new AbortController();
	readonly #log = new SessionLog();
	readonly #throughput = new Throughput(SAMPLE_MS);
	#state: SessionState = 'queued';
	#startedAt: number | null = null;
	#startedMonotonic = 0;
	#endedAt: number | null = null;
	#error: ErrorShape | null = null;
	#result: unknown = null;
	#step: SessionStep | null = null;
	#version = 0;
	#savedVersion = -1;
	#waiting: (() => void)[] = [];
	#writing: Promise<void> = Promise.resolve();

	constructor(spec: SessionSpec, clock: Clock, sink: SessionSink, engineLog: Log) {
		this.spec = spec;
		this.#clock = clock;
		this.#sink = sink;
		this.#engineLog = engineLog;
		const listener = {
			now: () => clock.now(),
			changed: () => this.#changed(),
			step: (step: SessionStep | null) => this.step(step),
			log: (entry: Omit<LogEntry, 'seq' | 'at'>) => this.#log.add(clock.now(), entry),
		};
		this.tasks = spec.objects.map(({ object, name }) => new LiveTask(object, name, listener));
	}

	get id(): string {
		return this.spec.id;
	}

	get state(): SessionState {
		return this.#state;
	}

	/** Aborted when somebody cancels. */
	get signal(): AbortSignal {
		return this.#abort.signal;
	}

	/** Grows at each change. */
	get version(): number {
		return this.#version;
	}

	note(severity: LogEntry['severity'], message: string, code: LogEntry['code'] = null): void {
		this.#log.add(this.#clock.now(), { severity, code, message, path: null });
		this.#changed();
	}

	/** What a check found. */
	setResult(result: unknown): void {
		this.#result = result;
	}

	/** What is done to a chain now, and how far that is; null when it is over. */
	step(step: SessionStep | null): void {
		if (this.#step === null && step === null) return;
		this.#step = step;
		this.#changed();
	}

	/** The first task got its slot. Later calls change nothing. */
	begin(): void {
		if (this.#state !== 'queued') return;
		this.#move('running');
		this.#startedAt = this.#clock.now();
		this.#startedMonotonic = this.#clock.monotonic();
		this.#sink.announce();
		void this.save();
		void this.#sampleUntilOver();
	}

	/** Asks the work to stop; it ends on its own, soon. */
	cancel(): void {
		if (this.#state !== 'queued' && this.#state !== 'running') return;
		this.#move('cancelling');
		for (const task of this.tasks) task.cancelling();
		this.note('info', 'Cancelling.');
		this.#sink.announce();
		void this.save();
		this.#abort.abort();
	}

	/** Ends it and writes it down for good. Called once. */
	async finish(state: SessionState, error: ErrorShape | null): Promise<void> {
		const now = this.#clock.now();
		this.#startedAt ??= now;
		this.#endedAt = now;
		this.#error = error;
		this.#step = null;
		this.#sample(true);
		const severity = state === 'failed' ? 'error' : state === 'success' ? 'info' : 'warning';
		this.#log.close(now, { severity, code: error?.code ?? null, message: closingWords(state, error), path: null });
		this.#move(state);
		this.#over.abort();
		await this.save();
		this.#sink.announce();
	}

	/** Writes what has changed, one write after the other. A failure is logged: the session goes on without its record. */
	save(): Promise<void> {
		this.#writing = this.#writing.then(async () => {
			const entries = this.#log.take();
			if (this.#savedVersion === this.#version && entries.length === 0) return;
			this.#savedVersion = this.#version;
			try {
				await this.#sink.save(this.stored(), entries);
			} catch (error) {
				this.#engineLog.error({ err: error, sessionId: this.id }, 'The session could not be written to the configuration database.');
			}
		});
		return this.#writing;
	}

	/** Resolves at the next change after `version`, at once when there was one, and when the signal aborts. */
	async changedSince(version: number, signal: AbortSignal | undefined): Promise<void> {
		if (this.#version !== version || isFinal(this.#state) || signal?.aborted) return;
		const { promise, resolve } = Promise.withResolvers<void>();
		const wake = () => resolve();
		this.#waiting.push(wake);
		signal?.addEventListener('abort', wake, { once: true });
		await promise;
		// A follower stays for hours: what it leaves at its signal would pile up.
		signal?.removeEventListener('abort', wake);
	}

	/** Aborted when the session has ended. */
	get over(): AbortSignal {
		return this.#over.signal;
	}

	snapshot(): Session {
		const { input: _, result: __, ...session } = this.stored();
		if (this.#state !== 'running') return { ...session, rateBytesPerSec: null, remainingMs: null, step: this.#step };
		const rate = this.#throughput.rateNow();
		const { totalBytes, doneBytes } = session.counters;
		const remainingMs = rate !== null && rate > 0 && totalBytes !== null ? Math.max(0, Math.round(((totalBytes - doneBytes) * 1000) / rate)) : null;
		return { ...session, rateBytesPerSec: rate, remainingMs, step: this.#step };
	}

	stored(): StoredSession {
		const { objects: _, ...spec } = this.spec;
		const tasks = this.tasks.map((task) => task.snapshot());
		return {
			...spec,
			state: this.#state,
			startedAt: this.#startedAt,
			endedAt: this.#endedAt,
			counters: sumCounters(tasks.map(({ counters }) => counters)),
			bottleneck: sessionBottleneck(tasks, this.#clock.now()),
			tasks,
			error: this.#error,
			throughput: [...this.#throughput.samples],
			result: this.#result,
		};
	}

	#move(state: SessionState): void {
		if (!mayMove(this.#state, state)) throw new Error(`Defect: a session cannot go from ${this.#state} to ${state}`);
		this.#state = state;
		this.#changed();
	}

	#changed(): void {
		this.#version++;
		if (this.#waiting.length > 0) for (const wake of this.#waiting.splice(0)) wake();
	}

	#sample(isLast: boolean): void {
		if (this.#startedAt === null || this.#startedMonotonic === 0) return;
		const counters = sumCounters(this.tasks.map((task) => task.currentCounters));
		this.#throughput.record(this.#clock.monotonic() - this.#startedMonotonic, counters, isLast);
	}

	async #sampleUntilOver(): Promise<void> {
		for (let count = 1; !this.#over.signal.aborted; count++) {
			try {
				await this.#clock.sleep(SAMPLE_MS, { signal: this.#over.signal });
			} catch {
				return; // Ended: `finish` has taken the last sample.
			}
			this.#sample(false);
			this.#changed();
			this.#sink.announce();
			if (count % SAVES_EVERY_SAMPLES === 0) await this.save();
		}
	}
}

function closingWords(state: SessionState, error: ErrorShape | null): string {
	if (state === 'success') return 'Finished.';
	if (state === 'warning') return 'Finished with warnings.';
	if (state === 'cancelled') return 'Cancelled.';
	return error === null ? 'Failed.' : `Failed: ${error.message}`;
}
