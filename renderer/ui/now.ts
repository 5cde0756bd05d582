import { useSyncExternalStore } from 'react';

/** One ticking clock for the whole console: "3 minutes ago" becomes "4 minutes ago" everywhere at once. */
const intervalMs = 15_000;
let current = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();
const subscribe = (listener: () => void): (() => void) => {
	listeners.add(listener);
	timer ??= setInterval(() => {
		current = Date.now();
		for (const each of listeners) each();
	}, intervalMs);
	return () => {
		listeners.delete(listener);
		if (listeners.size === 0) {
			clearInterval(timer);
			timer = undefined;
		}
	};
};

/** Epoch milliseconds, moving on about four times a minute. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => current);
