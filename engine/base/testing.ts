/** For tests only: tools that a machine may lack, and a clock that obeys. Not part of the index, so that no product code sees it. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from './clock.ts';

/** Administrator tools live here, and are often missing on the PATH of an ordinary user. */
const extraFolders = process.platform === 'win32' ? [] : ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export function findTool(name: string): string | undefined {
	const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
	for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...extraFolders]) {
		for (const suffix of suffixes) {
			const path = join(folder || '.', name + suffix);
			try {
				accessSync(path, constants.X_OK);
				return path;
			} catch {
				// Not in this folder: the next one may have it.
			}
		}
	}
	return undefined;
}

/**
 * True when every named tool is there. Otherwise the test is skipped with the tool's name, or fails when
 * HOLDFAST_TEST_REQUIRE=all (the CI) forbids skipping; then the caller returns at once.
 */
export function requireTool(t: TestContext, ...names: string[]): boolean {
	const missing = names.filter((name) => findTool(name) === undefined);
	if (missing.length === 0) return true;
	const message = `needs ${missing.join(', ')}, which this machine lacks`;
	if (process.env.HOLDFAST_TEST_REQUIRE === 'all') throw new Error(`The test ${message}.`);
	t.skip(message);
	return false;
}

type Sleeper = { readonly at: number; readonly wake: () => void };

/** Time that passes only when a test says so. */
export class FakeClock implements Clock {
	#now: number;
	#monotonic = 1;
	#sleepers: Sleeper[] = [];

	constructor(now: number | string) {
		this.#now = typeof now === 'number' ? now : Date.parse(now);
	}

	now(): number {
		return this.#now;
	}

	monotonic(): number {
		return this.#monotonic;
	}

	sleep(ms: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
		return new Promise((resolve, reject) => {
			if (signal?.aborted) return reject(signal.reason);
			const sleeper: Sleeper = {
				at: this.#monotonic + ms,
				wake: () => {
					signal?.removeEventListener('abort', onAbort);
					resolve();
				},
			};
			const onAbort = (): void => {
				this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
				reject(signal?.reason);
			};
			signal?.addEventListener('abort', onAbort, { once: true });
			this.#sleepers.push(sleeper);
		});
	}

	/** Lets time pass, waking sleepers in their order and giving what they wake time to settle. */
	async advance(ms: number): Promise<void> {
		const until = this.#monotonic + ms;
		await settle();
		for (;;) {
			const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
			if (next === undefined || next.at > until) break;
			this.#pass(Math.max(0, next.at - this.#monotonic));
			this.#sleepers = this.#sleepers.filter((other) => other !== next);
			next.wake();
			await settle(4);
		}
		this.#pass(until - this.#monotonic);
		await settle();
	}

	/** The machine sleeps: the time of day goes on, timers do not. */
	suspend(ms: number): void {
		this.#now += ms;
	}

	/** Somebody sets the clock. */
	set(now: number | string): void {
		this.#now = typeof now === 'number' ? now : Date.parse(now);
	}

	#pass(ms: number): void {
		this.#now += ms;
		this.#monotonic += ms;
	}
}

/** Lets everything that is not waiting for time or for the outside come to rest. */
export async function settle(turns = 20): Promise<void> {
	for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
