import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { endThread, retireThread, takeThread } from '../base/index.ts';
import type { ItemWarning } from '../contract/index.ts';
import type { TaskShares } from '../mover/index.ts';
import type { ChainHandle, Storage } from '../repository/index.ts';
import type { RestoreAnswer, RestoreOrder, RestoreReply, RestoreRequest, RestoreTimes, RestoreWorkerSetup } from './protocol.ts';
import type { Reached } from './reached.ts';
import { serveStorage } from './storage-port.ts';

/** Each takes some tens of megabytes; no target is written faster than so many can decode. */
const maxWorkers = Math.min(availableParallelism(), 8);
/** Requests per worker that are under way or wait: the bound of what is in memory. */
const outstandingPerWorker = 3;

const workerModule = new URL('./restore-worker.ts', import.meta.url);

/** Who is to hear of what the workers did. */
export type RestoreClient = { onAnswer(answer: RestoreAnswer): void; onWarning?(warning: ItemWarning): void };

type Member = { readonly worker: Worker; outstanding: number; times: RestoreTimes };

/** Restore workers of one task. The first failure of a worker itself is what every later call throws. */
export class RestorePool implements AsyncDisposable {
	readonly #setup: Omit<RestoreWorkerSetup, 'storage'>;
	readonly #remote: Storage | null;
	readonly #client: RestoreClient;
	/** Started when there is work that no other has time for. */
	readonly #members: Member[] = [];
	#failure: { readonly error: unknown } | null = null;
	#waiters: (() => void)[] = [];
	readonly #startedAt = performance.now();

	/** @param shares what the task may move: its workers go by them together */
	constructor(chain: ChainHandle, { remote }: Pick<Reached, 'remote'>, shares: TaskShares | undefined, client: RestoreClient) {
		this.#setup = { chain, share: shares?.read ?? null };
		this.#remote = remote;
		this.#client = client;
	}

	#start(): Member {
		const storage = this.#remote && serveStorage(this.#remote);
		const setup: RestoreWorkerSetup = { ...this.#setup, storage };
		const worker = takeThread(workerModule);
		const member: Member = { worker, outstanding: 0, times: { readMs: 0, throttledMs: 0, decodeMs: 0, writeMs: 0 } };
		worker.on('message', (reply: RestoreReply) => {
			try {
				if (reply.type === 'warning') return this.#client.onWarning?.(reply.warning);
				if (reply.type === 'ended') return;
				member.outstanding--;
				member.times = reply.times;
				this.#client.onAnswer(reply.answer);
			} catch (error) {
				this.#failure ??= { error };
			}
			this.#wake();
		});
		worker.on('error', (error) => {
			this.#failure ??= { error };
			this.#wake();
		});
		worker.postMessage({ type: 'begin', setup } satisfies RestoreOrder, storage ? [storage.port] : []);
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

	/** Means over the workers since the pool began. */
	get times(): RestoreTimes & { readonly elapsedMs: number } {
		const mean = (timeOf: (times: RestoreTimes) => number): number =>
			this.#members.reduce((sum, { times }) => sum + timeOf(times), 0) / Math.max(1, this.#members.length);
		return {
			elapsedMs: performance.now() - this.#startedAt,
			readMs: mean(({ readMs }) => readMs),
			throttledMs: mean(({ throttledMs }) => throttledMs),
			decodeMs: mean(({ decodeMs }) => decodeMs),
			writeMs: mean(({ writeMs }) => writeMs),
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const end: RestoreOrder = { type: 'end' };
		const retire = ({ worker, outstanding }: Member): Promise<void> =>
			this.#failure === null && outstanding === 0 ? retireThread(workerModule, worker, end) : endThread(worker);
		await Promise.all(this.#members.map(retire));
	}
}
