import { type Clock, EngineError } from '../base/index.ts';

export type Deadline = {
	readonly clock: Pick<Clock, 'sleep'>;
	readonly ms: number;
	/** For the error: `Freezing script:/etc/pre.sh`. */
	readonly what: string;
	readonly signal?: AbortSignal | undefined;
};

/**
 * Waits for work no longer than the deadline, and no longer than until the signal aborts; the work's own signal is aborted then. Work that goes on all the
 * same is left behind: `onLate` hears when it has come to its end.
 * @throws `snapshot.timeout`, the signal's reason, or what the work throws
 */
export async function within<T>({ clock, ms, what, signal }: Deadline, work: (signal: AbortSignal) => Promise<T>, onLate?: () => void): Promise<T> {
	signal?.throwIfAborted();
	const stop = new AbortController();
	const isOver = new AbortController();
	let isLeft = false;
	const running = Promise.resolve().then(() => work(stop.signal));
	const late = (): void => {
		if (isLeft) onLate?.();
	};
	running.then(late, late);
	// no timer reaches further than 2^31 ms
	const timedOut = clock.sleep(Math.min(ms, 2 ** 31 - 1), { signal: isOver.signal }).then(() => {
		throw new EngineError('snapshot.timeout', `${what} took longer than ${Math.round(ms / 1000)} s.`, {
			hint: 'Try again when the machine has less to do; if it happens often, run the job at another time.',
			data: { deadlineMs: ms },
		});
	});
	const aborted = Promise.withResolvers<never>();
	const onAbort = (): void => aborted.reject(signal?.reason);
	signal?.addEventListener('abort', onAbort, { once: true });
	for (const promise of [timedOut, aborted.promise]) promise.catch(() => undefined); // Whoever loses the race is not heard.
	try {
		return await Promise.race([running, timedOut, aborted.promise]);
	} catch (error) {
		isLeft = true;
		stop.abort(error);
		throw error;
	} finally {
		signal?.removeEventListener('abort', onAbort);
		isOver.abort();
	}
}
