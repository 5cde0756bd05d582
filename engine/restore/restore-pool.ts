import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../base/index.ts';
import type { ChainHandle } from '../repository/index.ts';
import type { RestoreReply, RestoreRequest, RestoreTimes, RestoreWorkerSetup } from './protocol.ts';

/** Each takes some tens of megabytes; no target is written faster than so many can decode. */
const maxWorkers = Math.min(availableParallelism(), 8);
/** Requests per worker that are under way or wait: the bound of what is in memory. */
const outstandingPerWorker = 3;

type Member = { readonly worker: Worker; outstanding: number; times: RestoreTimes };

/** Restore workers of one task. The first failure of a worker itself is what every later call throws. */
export class RestorePool implements AsyncDisposable {
	readonly #setup: RestoreWorkerSetup;
	readonly #onReply: (reply: RestoreReply) => void;
	/** Started when there is work that no other has time for. */
	readonly #members: Member[] = [];
	#failure: { readonly error: unknown } | null = null;
	#waiters: (() => void)[] = [];
	readonly #startedAt = performance.now();

	/** @param readLimit of the repository, bytes per second; shared equally by the workers */
	constructor(chain: ChainHandle, readLimit: number | null | undefined, onReply: (reply: RestoreReply) => void) {
		this.#setup = { chain, readLimit: readLimit ? Math.ceil(readLimit / maxWorkers) : null };
		this.#onReply = onReply;
	}

	#start(): Member {
		const worker = startThread(new URL('./restore-worker.ts', import.meta.url), this.#setup);
		const member: Member = { worker, outstanding: 0, times: { readMs: 0, writeMs: 0 } };
		worker.on('message', (reply: RestoreReply) => {
			try {
				if (reply.type === 'idle') {
					member.outstanding--;
					member.times = reply.times;
				} else this.#onReply(reply);
			} catch (error) {
				this.#failure ??= { error };
			}
			this.#wake();
		});
		worker.on('error', (error) => {
			this.#failure ??= { error };
			this.#wake();
		});
		this.#members.push(member);
		return member;
	}

	#wake(): void {
		const waiters = this.#waiters;
		this.#waiters = [];
		for (const wake of waiters) wake();
	}

	/** Resolves when `isReady` holds; it is asked again at each reply. @throws the signal's reason, the failure of a worker */
	async until(isReady: () => boolean, signal: AbortSignal): Promise<void> {
		const onAbort = (): void => this.#wake();
		signal.addEventListener('abort', onAbort);
		try {
			for (;;) {
				signal.throwIfAborted();
				if (this.#failure) throw this.#failure.error;
				if (isReady()) return;
				await new Promise<void>((resolve) => this.#waiters.push(resolve));
			}
		} finally {
			signal.removeEventListener('abort', onAbort);
		}
	}

	async give(request: RestoreRequest, signal: AbortSignal): Promise<void> {
		const mayStart = (): boolean => this.#members.length < maxWorkers;
		await this.until(() => mayStart() || this.#members.some(({ outstanding }) => outstanding < outstandingPerWorker), signal);
		const idle = this.#members.find(({ outstanding }) => outstanding === 0);
		const member = idle ?? (mayStart() ? this.#start() : this.#members.reduce((a, b) => (b.outstanding < a.outstanding ? b : a)));
		member.outstanding++;
		member.worker.postMessage(request);
	}

	async drain(signal: AbortSignal): Promise<void> {
		await this.until(() => this.#members.every(({ outstanding }) => outstanding === 0), signal);
	}

	/** Shares of the time since the pool began, over all workers, in per cent. */
	get busyPercent(): { readPercent: number; writePercent: number } {
		const whole = (performance.now() - this.#startedAt) * Math.max(1, this.#members.length);
		const share = (part: number): number => Math.min(100, Math.round((part / whole) * 100));
		return {
			readPercent: share(this.#members.reduce((sum, { times }) => sum + times.readMs, 0)),
			writePercent: share(this.#members.reduce((sum, { times }) => sum + times.writeMs, 0)),
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
	}
}
