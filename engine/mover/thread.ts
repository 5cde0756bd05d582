/**
 * Work in a thread of its own, so that the thread that serves a face never waits for it. The far side is a module that calls `serveTask`;
 * the near side is `runInThread`. Observers are relayed, and so is cancelling.
 */
import { type MessagePort, parentPort, type Transferable } from 'node:worker_threads';
import { assert, EngineError, giveBackThread, quieten, takeThread, threadHasLoaded, toErrorShape } from '../base/index.ts';
import type { Bottleneck, ErrorShape, ItemWarning, RunMode, SessionStep, TaskCounters } from '../contract/index.ts';
import type { TaskObserver, TaskOptions } from './task.ts';

type Report =
	| { readonly type: 'mode'; readonly observer: number; readonly mode: RunMode }
	| { readonly type: 'counters'; readonly observer: number; readonly counters: TaskCounters }
	| { readonly type: 'activity'; readonly observer: number; readonly text: string }
	| { readonly type: 'warning'; readonly observer: number; readonly warning: ItemWarning }
	| { readonly type: 'info'; readonly observer: number; readonly message: string }
	| { readonly type: 'bottleneck'; readonly observer: number; readonly bottleneck: Bottleneck }
	| { readonly type: 'step'; readonly observer: number; readonly step: SessionStep }
	| { readonly type: 'done'; readonly result: unknown }
	| { readonly type: 'failed'; readonly shape: ErrorShape; readonly isDefect: boolean; readonly stack: string | undefined };

/** What a thread is told: first what to do, later perhaps to stop. */
type Order = { readonly type: 'run'; readonly input: unknown; readonly observerCount: number } | { readonly type: 'cancel' };
/** How long a cancelled task may take to clean up before its thread is ended. */
const cleanUpMs = 30_000;

/**
 * Runs the task that `module` serves.
 * @throws what the task throws; the signal's reason when it was cancelled
 */
export function runInThread<Result>(
	module: URL,
	input: unknown,
	observers: readonly TaskObserver[],
	{ signal, transferList = [] }: TaskOptions & { readonly transferList?: readonly Transferable[] } = {},
): Promise<Result> {
	return new Promise((resolve, reject) => {
		if (signal?.aborted) return reject(signal.reason);
		const worker = takeThread(module);
		const tell = (order: Order, transfer: readonly Transferable[] = []): void => worker.postMessage(order, transfer);
		let patience: NodeJS.Timeout | undefined;
		const onAbort = (): void => {
			tell({ type: 'cancel' });
			patience = setTimeout(() => void worker.terminate(), cleanUpMs);
		};
		const settled = (): void => {
			signal?.removeEventListener('abort', onAbort);
			clearTimeout(patience);
		};
		const succeed = (result: Result): void => {
			settled();
			giveBackThread(module, worker);
			resolve(result);
		};
		/** What a failure left in the thread goes with it. */
		const fail = (error: unknown): void => {
			settled();
			quieten(worker);
			worker.on('error', () => undefined); // already settled; an error while it ends tells nothing new
			void worker.terminate().then(() => reject(error));
		};
		signal?.addEventListener('abort', onAbort, { once: true });
		worker.on('message', (report: Report) => {
			switch (report.type) {
				case 'mode':
					return observers[report.observer]?.mode(report.mode);
				case 'counters':
					return observers[report.observer]?.counters(report.counters);
				case 'activity':
					return observers[report.observer]?.activity(report.text);
				case 'warning':
					return observers[report.observer]?.warning(report.warning);
				case 'info':
					return observers[report.observer]?.info(report.message);
				case 'bottleneck':
					return observers[report.observer]?.bottleneck(report.bottleneck);
				case 'step':
					return observers[report.observer]?.step?.(report.step);
				case 'done':
					return succeed(report.result as Result);
				case 'failed':
					return fail(signal?.aborted ? signal.reason : report.isDefect ? defect(report) : EngineError.from(report.shape));
			}
		});
		worker.on('error', fail);
		worker.on('exit', (code) => fail(signal?.aborted ? signal.reason : new Error(`Defect: a task thread ended by itself (${code})`)));
		tell({ type: 'run', input, observerCount: observers.length }, transferList);
	});
}

const defect = (report: { readonly shape: ErrorShape; readonly stack: string | undefined }): Error =>
	Object.assign(new Error(report.shape.message), report.stack ? { stack: report.stack } : {});

/** The far side: runs `task` with each input that `runInThread` gives it, one after the other. Call once, at the top of a module. */
export function serveTask<Input>(
	task: (input: Input, observers: readonly TaskObserver[], options: { readonly signal: AbortSignal }) => Promise<unknown>,
): void {
	assert(parentPort, 'a task module runs in a thread');
	const port: MessagePort = parentPort;
	/** Of the task that runs. */
	let controller: AbortController | null = null;
	const run = async ({ input, observerCount }: Extract<Order, { type: 'run' }>): Promise<void> => {
		const mine = new AbortController();
		controller = mine;
		// What comes after the end of a task would be taken for news of the next one.
		const send = (report: Report): void => void (controller === mine && port.postMessage(report));
		const observers = Array.from({ length: observerCount }, (_, observer) => relay(observer, send));
		try {
			const result = await task(input as Input, observers, { signal: mine.signal });
			for (const observer of observers) observer.flush();
			send({ type: 'done', result });
		} catch (error) {
			const stack = error instanceof Error ? error.stack : undefined;
			send({ type: 'failed', shape: toErrorShape(error), isDefect: !(error instanceof EngineError), stack });
		}
		controller = null;
	};
	port.on('message', (order: Order) => {
		if (order.type === 'run') void run(order);
		else controller?.abort(new EngineError('cancelled', 'Cancelled.'));
	});
	threadHasLoaded();
}

function relay(observer: number, send: (report: Report) => void): TaskObserver & { flush(): void } {
	const counters = new Thinned<TaskCounters>((value) => send({ type: 'counters', observer, counters: value }));
	const activity = new Thinned<string>((text) => send({ type: 'activity', observer, text }));
	const bottleneck = new Thinned<Bottleneck>((value) => send({ type: 'bottleneck', observer, bottleneck: value }));
	const step = new Thinned<SessionStep>((value) => send({ type: 'step', observer, step: value }));
	let part: SessionStep['part'] | undefined;
	return {
		mode: (mode) => send({ type: 'mode', observer, mode }),
		counters: (value) => counters.offer(value, { isUrgent: value.totalBytes !== null && value.doneBytes >= value.totalBytes }),
		activity: (text) => activity.offer(text),
		warning: (warning) => send({ type: 'warning', observer, warning }),
		info: (message) => send({ type: 'info', observer, message }),
		bottleneck: (value) => bottleneck.offer(value),
		step(value) {
			step.offer(value, { isUrgent: value.part !== part });
			part = value.part;
		},
		/** The last counters come with the result; what else was held back does not. */
		flush() {
			bottleneck.flush();
			step.flush();
		},
	};
}

const thinMs = 100;

/** Passes ten a second on, and what is urgent at once. */
class Thinned<T> {
	readonly #send: (value: T) => void;
	#sentAt = Number.NEGATIVE_INFINITY;
	#held: { readonly value: T } | null = null;

	constructor(send: (value: T) => void) {
		this.#send = send;
	}

	offer(value: T, { isUrgent = false }: { readonly isUrgent?: boolean } = {}): void {
		this.#held = { value };
		if (isUrgent || performance.now() - this.#sentAt >= thinMs) this.flush();
	}

	/** What is held back. */
	flush(): void {
		if (this.#held === null) return;
		const { value } = this.#held;
		this.#held = null;
		this.#sentAt = performance.now();
		this.#send(value);
	}
}
