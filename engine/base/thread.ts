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

/** Started before there was something for them to do, by their modules. */
const prepared = new Map<string, Worker>();

/** Starts a thread that gets its work by message, ahead of the `takeThread` that asks for it: it loads while that is still being found out. */
export function prepareThread(module: URL): void {
	if (prepared.has(module.href)) return;
	const worker = startThread(module);
	prepared.set(module.href, worker);
	worker.unref();
	worker.on('error', () => prepared.delete(module.href)); // the next one is started anew, and its error told
}

/** The thread that was prepared from a module, or a new one. */
export function takeThread(module: URL): Worker {
	const worker = prepared.get(module.href);
	if (!worker) return startThread(module);
	prepared.delete(module.href);
	worker.removeAllListeners();
	worker.ref();
	return worker;
}

/** Ends those that nobody has asked for. */
export async function endPreparedThreads(): Promise<void> {
	const workers = [...prepared.values()];
	prepared.clear();
	await Promise.all(workers.map(endThread));
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
