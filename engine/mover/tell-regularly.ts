import { systemClock } from '../base/index.ts';

const everyMs = 500;

/** Calls `tell` twice a second until it is disposed: what goes slowly has news only now and then, and is looked at all the same. */
export function tellRegularly(tell: () => void): Disposable {
	const over = new AbortController();
	void (async () => {
		for (;;) {
			await systemClock.sleep(everyMs, { signal: over.signal }).catch(() => undefined); // it is over
			if (over.signal.aborted) return;
			tell();
		}
	})();
	return { [Symbol.dispose]: () => over.abort() };
}
