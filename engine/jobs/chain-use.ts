import { EngineError } from '../base/index.ts';

export type WaitOptions = {
	readonly signal?: AbortSignal | undefined;
	/** Called once, when there is something to wait for: in words, what. */
	readonly onWait?: ((reason: string) => void) | undefined;
};

/** The seat of a chain's one writer. Readers stay; files may be added. Disposing gives the seat up. */
export interface ChainSeat extends Disposable {
	/** For what changes files in place or removes some: waits for those who read, and lets no others begin until it is disposed. */
	alone(options: WaitOptions): Promise<Disposable>;
	/** The same without waiting; undefined while somebody reads. `isRemoval`: who comes meanwhile is refused, since nothing will be left to read. */
	tryAlone(options?: { readonly isRemoval?: boolean }): Disposable | undefined;
}

/**
 * Who works on which chain, within this engine. Readers (restore, verification, check, download) share a chain, also with a run that only adds
 * files. One at a time may write. What changes files in place has the chain alone. Whoever waits for being alone goes before readers that come
 * later. No deadlocks: seats of several chains are taken in the order of their ids, seats before being alone, and both before slots of the repository.
 */
export interface ChainUse {
	/** Waits while somebody has the chain alone. `busy.chain` while it is being removed; the signal's reason. */
	read(chainId: string, options: WaitOptions): Promise<Disposable>;
	/** The same without waiting; undefined while somebody has or awaits the chain alone. */
	tryRead(chainId: string): Disposable | undefined;
	/** `what`: the work in words, for others who wait: `a backup`. */
	write(chainId: string, what: string, options: WaitOptions): Promise<ChainSeat>;
	/** The same without waiting: `busy.chain`. */
	tryWrite(chainId: string, what: string): ChainSeat;
}

type ChainState = { readers: number; writer: string | null; alone: 'free' | 'awaited' | 'held' | 'removing'; wake: PromiseWithResolvers<void> };

export function createChainUse(): ChainUse {
	const states = new Map<string, ChainState>();

	const stateOf = (chainId: string): ChainState => {
		let state = states.get(chainId);
		if (state === undefined) {
			state = { readers: 0, writer: null, alone: 'free', wake: Promise.withResolvers() };
			states.set(chainId, state);
		}
		return state;
	};
	function changed(chainId: string, state: ChainState): void {
		if (state.readers === 0 && state.writer === null) states.delete(chainId);
		const { wake } = state;
		state.wake = Promise.withResolvers();
		wake.resolve();
	}
	const once = (release: () => void): Disposable => {
		let isOver = false;
		return {
			[Symbol.dispose]() {
				if (!isOver) release();
				isOver = true;
			},
		};
	};
	/** Tries until it works: at once, and again whenever something about the chain has changed. */
	async function until<T>(chainId: string, attempt: () => T | undefined, reason: (state: ChainState) => string, { signal, onWait }: WaitOptions): Promise<T> {
		for (let isFirst = true; ; isFirst = false) {
			signal?.throwIfAborted();
			const result = attempt();
			if (result !== undefined) return result;
			const state = stateOf(chainId);
			if (isFirst) onWait?.(reason(state));
			await wakeOrAbort(state.wake.promise, signal);
		}
	}

	function tryRead(chainId: string): Disposable | undefined {
		const state = stateOf(chainId);
		if (state.alone === 'removing')
			throw new EngineError('busy.chain', `The chain ${chainId} is being removed by retention.`, { hint: 'Choose a newer restore point.' });
		if (state.alone !== 'free') return undefined;
		state.readers++;
		return once(() => {
			state.readers--;
			changed(chainId, state);
		});
	}

	function trySeat(chainId: string, what: string): ChainSeat | undefined {
		const state = stateOf(chainId);
		if (state.writer !== null) return undefined;
		state.writer = what;
		const setAlone = (alone: ChainState['alone']): Disposable => {
			state.alone = alone;
			return once(() => {
				state.alone = 'free';
				changed(chainId, state);
			});
		};
		const seat = once(() => {
			state.writer = null;
			state.alone = 'free';
			changed(chainId, state);
		});
		return {
			async alone(options) {
				const turn = setAlone('awaited');
				try {
					await until(
						chainId,
						() => (state.readers === 0 ? true : undefined),
						() => 'those who read the chain',
						options,
					);
				} catch (error) {
					turn[Symbol.dispose]();
					throw error;
				}
				state.alone = 'held';
				return turn;
			},
			tryAlone: ({ isRemoval = false } = {}) => (state.readers > 0 ? undefined : setAlone(isRemoval ? 'removing' : 'held')),
			[Symbol.dispose]: () => seat[Symbol.dispose](),
		};
	}

	return {
		tryRead,
		read: (chainId, options) =>
			until(
				chainId,
				() => tryRead(chainId),
				({ writer }) => writer ?? 'a change of the chain',
				options,
			),
		write: (chainId, what, options) =>
			until(
				chainId,
				() => trySeat(chainId, what),
				({ writer }) => writer ?? 'another change of the chain',
				options,
			),
		tryWrite(chainId, what) {
			const seat = trySeat(chainId, what);
			if (seat !== undefined) return seat;
			throw new EngineError('busy.chain', `The chain ${chainId} is in use by ${stateOf(chainId).writer}.`, { hint: 'Try again when that has ended.' });
		},
	};
}

async function wakeOrAbort(wake: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
	if (signal === undefined) return wake;
	const { promise: aborted, reject } = Promise.withResolvers<never>();
	const onAbort = (): void => reject(signal.reason);
	signal.addEventListener('abort', onAbort, { once: true });
	try {
		await Promise.race([wake, aborted]);
	} finally {
		signal.removeEventListener('abort', onAbort);
	}
}
