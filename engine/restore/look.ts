import type { Worker } from 'node:worker_threads';
import { EngineError, endThread, startThread } from '../base/index.ts';
import type { BrowsePage, Download, ErrorShape, OverwriteRule, RestorePlan, SourceSpec } from '../contract/index.ts';
import type { TaskOptions } from '../mover/index.ts';
import type { RestorePlace } from './reached.ts';

type AtPoint = { readonly repositoryPath: RestorePlace; readonly pointId: string };
export type BrowseQuestion = AtPoint & { readonly path: string; readonly offset: number; readonly limit: number };
export type StatQuestion = AtPoint & { readonly path: string };
export type PlanQuestion = AtPoint & { readonly paths: readonly string[]; readonly to: string | null; readonly overwrite: OverwriteRule };
export type DownloadQuestion = AtPoint & { readonly paths: readonly string[] };
export type MeasureQuestion = { readonly source: SourceSpec; readonly exclude: readonly string[]; readonly deadlineMs: number };

export type LookQuestion =
	| ({ readonly kind: 'browse' } & BrowseQuestion)
	| ({ readonly kind: 'stat' } & StatQuestion)
	| ({ readonly kind: 'plan' } & PlanQuestion)
	| ({ readonly kind: 'download' } & DownloadQuestion)
	| ({ readonly kind: 'measure' } & MeasureQuestion)
	| { readonly kind: 'next'; readonly download: number }
	| { readonly kind: 'close'; readonly download: number };
export type LookRequest = { readonly id: number; readonly question: LookQuestion | 'cancel' };
export type LookAnswer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: ErrorShape };

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void };

/** Looks into restore points and sources from a thread of its own, which starts with the first question and does not keep the process alive. */
export class Look implements AsyncDisposable {
	#worker: Worker | null = null;
	readonly #waiting = new Map<number, Waiting>();
	#nextId = 0;

	browse(question: BrowseQuestion, options: TaskOptions): Promise<BrowsePage> {
		return this.#ask({ kind: 'browse', ...question }, options).result as Promise<BrowsePage>;
	}

	/** Size and time of one path in a point; null when it is not there. */
	stat(question: StatQuestion, options: TaskOptions): Promise<{ sizeBytes: number; modifiedAt: number | null } | null> {
		return this.#ask({ kind: 'stat', ...question }, options).result as Promise<{ sizeBytes: number; modifiedAt: number | null } | null>;
	}

	plan(question: PlanQuestion, options: TaskOptions): Promise<RestorePlan> {
		return this.#ask({ kind: 'plan', ...question }, options).result as Promise<RestorePlan>;
	}

	measure(question: MeasureQuestion, options: TaskOptions): Promise<{ bytes: number; items: number; complete: boolean }> {
		return this.#ask({ kind: 'measure', ...question }, options).result as Promise<{ bytes: number; items: number; complete: boolean }>;
	}

	async openDownload(question: DownloadQuestion, options: TaskOptions): Promise<Download> {
		const { id, result } = this.#ask({ kind: 'download', ...question }, options);
		const head = (await result) as Omit<Download, 'content'>;
		return { ...head, content: this.#pieces(id, options) };
	}

	async *#pieces(download: number, options: TaskOptions): AsyncGenerator<Uint8Array> {
		try {
			for (;;) {
				const piece = (await this.#ask({ kind: 'next', download }, options).result) as Uint8Array | null;
				if (!piece) return;
				yield piece;
			}
		} finally {
			this.#ask({ kind: 'close', download }, {}).result.catch(() => undefined); // it only frees memory
		}
	}

	#ask(question: LookQuestion, { signal }: TaskOptions): { id: number; result: Promise<unknown> } {
		const id = this.#nextId++;
		if (signal?.aborted) return { id, result: Promise.reject(signal.reason) };
		const worker = this.#start();
		const { promise, resolve, reject } = Promise.withResolvers<unknown>();
		const onAbort = (): void => {
			worker.postMessage({ id, question: 'cancel' } satisfies LookRequest);
			reject(signal?.reason);
		};
		signal?.addEventListener('abort', onAbort, { once: true });
		this.#waiting.set(id, { resolve, reject });
		if (this.#waiting.size === 1) worker.ref();
		worker.postMessage({ id, question } satisfies LookRequest);
		const result = promise.finally(() => {
			signal?.removeEventListener('abort', onAbort);
			this.#waiting.delete(id);
			if (this.#waiting.size === 0) worker.unref();
		});
		return { id, result };
	}

	#start(): Worker {
		if (this.#worker) return this.#worker;
		const worker = startThread(new URL('./look-thread.ts', import.meta.url));
		worker.unref();
		worker.on('message', (answer: LookAnswer) => {
			const waiting = this.#waiting.get(answer.id);
			if ('failure' in answer) waiting?.reject(EngineError.from(answer.failure));
			else waiting?.resolve(answer.result);
		});
		worker.on('error', (error) => {
			this.#worker = null; // the next question starts a new one
			for (const { reject } of this.#waiting.values()) reject(error);
		});
		this.#worker = worker;
		return worker;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#worker) await endThread(this.#worker);
		this.#worker = null;
		for (const { reject } of this.#waiting.values()) reject(new EngineError('cancelled', 'The engine is closing.'));
	}
}
