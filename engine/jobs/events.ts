import type { EngineEvent } from '../contract/index.ts';

/** Who wants to know that something changed. Listeners are called at once and must not throw. */
export interface EventBus {
	emit(event: EngineEvent): void;
	/** Returns how to stop listening. */
	listen(listener: (event: EngineEvent) => void): () => void;
}

export function createEventBus(): EventBus {
	const listeners = new Set<(event: EngineEvent) => void>();
	return {
		emit: (event) => {
			for (const listener of listeners) listener(event);
		},
		listen: (listener) => {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	};
}
