import type { Clock } from '../base/index.ts';
import type { EngineEvent } from '../contract/index.ts';
import type { EventBus } from '../jobs/index.ts';

const INTERVAL_MS = 250;

/**
 * The events of the engine for one face, at most four a second of the same kind and id. The first of a burst comes at once and the last one
 * is never lost. Ends when the signal aborts or when nobody iterates any more.
 */
export async function* mergeEvents(bus: EventBus, clock: Clock, signal: AbortSignal | undefined): AsyncGenerator<EngineEvent> {
	const pending = new Map<string, EngineEvent>();
	const toldAt = new Map<string, number>();
	let wake = new AbortController();
	const stopListening = bus.listen((event) => {
		pending.set(`${event.kind} ${event.id}`, event);
		wake.abort();
	});
	try {
		while (!signal?.aborted) {
			wake = new AbortController();
			const now = clock.monotonic();
			for (const [key, at] of toldAt) if (now - at >= INTERVAL_MS) toldAt.delete(key);
			for (const [key, event] of pending) {
				if (toldAt.has(key)) continue;
				pending.delete(key);
				toldAt.set(key, now);
				yield event;
			}
			if (wake.signal.aborted) continue;
			const waits = [...pending.keys()].map((key) => (toldAt.get(key) ?? now) + INTERVAL_MS - now);
			// With nothing to come, it is the next event that wakes us.
			const waitMs = waits.length === 0 ? 3_600_000 : Math.max(1, Math.min(...waits));
			await clock.sleep(waitMs, { signal: signal === undefined ? wake.signal : AbortSignal.any([signal, wake.signal]) }).catch(() => undefined);
		}
	} finally {
		stopListening();
	}
}
