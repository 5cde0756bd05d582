import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { type Transferable, Worker } from 'node:worker_threads';

/**
 * Starts a thread from a module of ours. If this process keeps a compile cache, the thread uses it too (a thread does not by itself):
 * stripping types and compiling would otherwise take longer than many tasks.
 */
export function startThread(module: URL, workerData?: unknown, transferList: readonly Transferable[] = []): Worker {
	const cache = getCompileCacheDir();
	const env = cache ? { ...process.env, NODE_COMPILE_CACHE: dirname(cache) } : process.env;
	return new Worker(module, { workerData, env, transferList: [...transferList] });
}
