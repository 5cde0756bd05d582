import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { getEnvironmentData, setEnvironmentData, type Transferable, Worker } from 'node:worker_threads';

/** Per thread, in memory that it shares with who started it: 1 when it has loaded. */
const loadedKey = 'holdfast.loaded';
const loadedFlags = new WeakMap<Worker, Int32Array>();
/** One that has not loaded by then never will. */
const loadMs = 10_000;
/** Threads move bytes and make few objects. By default each would keep up to 48 MiB for new ones: a fifth of what a backup takes in all. */
const youngMb = 8;

/**
 * Starts a thread from a module of ours, which says `threadHasLoaded`. If this process keeps a compile cache, the thread uses it too (a thread does not by itself):
 * stripping types and compiling would otherwise take longer than many tasks.
 */
export function startThread(module: URL, workerData?: unknown, transferList: readonly Transferable[] = []): Worker {
	const cache = getCompileCacheDir();
	const env = cache ? { ...process.env, NODE_COMPILE_CACHE: dirname(cache) } : process.env;
	const loaded = new Int32Array(new SharedArrayBuffer(4));
	setEnvironmentData(loadedKey, loaded); // a thread gets what is set when it is made
	const worker = new Worker(module, { workerData, env, transferList: [...transferList], resourceLimits: { maxYoungGenerationSizeMb: youngMb } });
	loadedFlags.set(worker, loaded);
	return worker;
}

/** How long a thread waits for more to do: to start one takes a fifth of a second of a processor, and one run often follows another. */
const idleMs = 10_000;

type IdleThread = { readonly module: string; readonly worker: Worker; readonly end: NodeJS.Timeout | undefined };
/** Those that were prepared, and those that were given back. */
const idle = new Set<IdleThread>();
const idleOf = (module: URL): IdleThread | undefined => [...idle].find((thread) => thread.module === module.href);

/** Starts a thread that gets its work by message, ahead of the `takeThread` that asks for it: it loads while that is still being found out. */
export function prepareThread(module: URL): void {
	if (!idleOf(module)) letIdle(module, startThread(module));
}

/** A thread that gets its work by message: one that was prepared from its module or given back, or a new one. */
export function takeThread(module: URL): Worker {
	const thread = idleOf(module);
	if (!thread) return startThread(module);
	const { worker } = thread;
	clearTimeout(thread.end);
	idle.delete(thread);
	quieten(worker);
	worker.ref();
	return worker;
}

/** Gives back a thread that was taken and has nothing left of its work. For some seconds the next `takeThread` may get it; then it ends. */
export function giveBackThread(module: URL, worker: Worker): void {
	quieten(worker);
	letIdle(module, worker, idleMs);
}

/** What waits for another machine to close it is not worth to be waited for. */
const retireMs = 2_000;

/** Has a thread that is idle end what it has open: it answers `order` by `{ type: 'ended' }`, and is given back. One that fails in that, or takes its time, is ended. */
export async function retireThread(module: URL, worker: Worker, order: unknown): Promise<void> {
	let limit: NodeJS.Timeout | undefined;
	const hasEnded = await new Promise<boolean>((resolve) => {
		limit = setTimeout(() => resolve(false), retireMs);
		worker.on('message', ({ type }: { readonly type: string }) => type === 'ended' && resolve(true));
		for (const event of ['error', 'exit']) worker.on(event, () => resolve(false));
		if (worker.threadId === -1) resolve(false);
		else worker.postMessage(order);
	});
	clearTimeout(limit);
	if (hasEnded) giveBackThread(module, worker);
	else await endThread(worker);
}

/** Nobody listens to it any more. Listeners of Node's own stay: without them it would deliver no message again. */
export function quieten(worker: Worker): void {
	for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
}

function letIdle(module: URL, worker: Worker, forMs?: number): void {
	const end = forMs === undefined ? undefined : setTimeout(() => idle.delete(thread) && void worker.terminate(), forMs).unref();
	const thread: IdleThread = { module: module.href, worker, end };
	idle.add(thread);
	worker.unref();
	worker.on('error', () => idle.delete(thread)); // the next one is started anew, and its error told
}

/** Ends those that have nothing to do. */
export async function endIdleThreads(): Promise<void> {
	const threads = [...idle];
	idle.clear();
	for (const { end } of threads) clearTimeout(end);
	await Promise.all(threads.map(({ worker }) => endThread(worker)));
}

/** In a thread: its native code is loaded, so that it can be ended at any time. */
export function threadHasLoaded(): void {
	const loaded = getEnvironmentData(loadedKey);
	if (!(loaded instanceof Int32Array)) return;
	Atomics.store(loaded, 0, 1);
	Atomics.notify(loaded, 0);
}

/** Ends a thread. One that is ended while it loads native code takes the whole process with it: that is waited for. */
export async function endThread(worker: Worker): Promise<void> {
	const loaded = loadedFlags.get(worker);
	if (loaded && Atomics.load(loaded, 0) === 0 && worker.threadId !== -1) {
		const loading = Atomics.waitAsync(loaded, 0, 0, loadMs);
		const ended = new Promise((resolve) => worker.once('exit', resolve));
		if (loading.async) await Promise.race([loading.value, ended]);
	}
	await worker.terminate();
}
