import { systemClock } from '../../base/index.ts';
import { rateOf, type TaskShares } from '../throttle/index.ts';
import type { Calls } from './calls.ts';
import type { paceWords } from './words.ts';

/** A limit that changed is kept to over there within this time. */
const followMs = 250;

/**
 * Tells the host of a repository how fast it may read and write there, and every change of it until it is disposed: shares are memory of this process.
 * Resolves when the host goes by the first.
 */
export async function keepPace(calls: Calls, { read, write }: TaskShares): Promise<Disposable> {
	const stop = new AbortController();
	const paceNow = (): typeof paceWords._zod.input => ({ read: read && rateOf(read), write: write && rateOf(write) });
	let told = JSON.stringify({ read: null, write: null });
	const tell = async (): Promise<void> => {
		const pace = paceNow();
		const next = JSON.stringify(pace);
		if (next === told) return;
		told = next;
		await calls.ask('pace', { json: pace });
	};
	await tell();
	const follow = async (): Promise<void> => {
		for (;;) {
			await systemClock.sleep(followMs, { signal: stop.signal });
			await tell();
		}
	};
	if (read || write) follow().catch(() => undefined); // disposed, or the session has ended
	return { [Symbol.dispose]: () => stop.abort() };
}
