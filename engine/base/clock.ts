/** The one door to time: `now` for what is written down, `monotonic` for what is measured. */
export interface Clock {
	/** Epoch milliseconds. */
	now(): number;
	/** Milliseconds since some start, never going back, the same in all threads of a process. */
	monotonic(): number;
	/** Resolves after `ms`, or rejects with the signal's reason. */
	sleep(ms: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

export const systemClock: Clock = {
	now: () => Date.now(),
	monotonic: () => Number(process.hrtime.bigint()) / 1e6,
	sleep: (ms, { signal } = {}) =>
		new Promise((resolve, reject) => {
			if (signal?.aborted) return reject(signal.reason);
			const timer = setTimeout(() => {
				signal?.removeEventListener('abort', onAbort);
				resolve();
			}, ms);
			const onAbort = (): void => {
				clearTimeout(timer);
				reject(signal?.reason);
			};
			signal?.addEventListener('abort', onAbort, { once: true });
		}),
};
