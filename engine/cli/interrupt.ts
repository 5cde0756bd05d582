import { EngineError } from '../base/index.ts';
import { exitCode } from './exit-code.ts';

/** A launcher passes on a signal that the terminal has sent to the whole group already: both are one keystroke. */
const sameKeystrokeMs = 250;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl+C: the first asks politely, the second ends the process at once. A command that can cancel its work says how; any
 * other is abandoned with `cancelled`.
 */
export class Interrupts implements Disposable {
	readonly #rejection = Promise.withResolvers<never>();
	#firstAt: number | undefined;
	#handler: (() => void) | undefined;

	constructor() {
		this.#rejection.promise.catch(() => undefined); // nobody may be waiting
		for (const signal of signals) process.on(signal, this.#onSignal);
	}

	/** Rejects on a first interrupt that nobody handles. */
	get rejection(): Promise<never> {
		return this.#rejection.promise;
	}

	/** Replaces abandoning by `handler` until disposed. */
	handle(handler: () => void): Disposable {
		this.#handler = handler;
		return {
			[Symbol.dispose]: () => {
				if (this.#handler === handler) this.#handler = undefined;
			},
		};
	}

	[Symbol.dispose](): void {
		for (const signal of signals) process.off(signal, this.#onSignal);
	}

	readonly #onSignal = (): void => {
		const now = performance.now();
		if (this.#firstAt !== undefined) {
			if (now - this.#firstAt > sameKeystrokeMs) process.exit(exitCode.cancelled);
			return;
		}
		this.#firstAt = now;
		if (this.#handler === undefined) this.#rejection.reject(new EngineError('cancelled', 'Cancelled.'));
		else this.#handler();
	};
}
