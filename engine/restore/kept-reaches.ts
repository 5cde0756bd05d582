import { isRemotePlace } from '../mover/index.ts';
import { openVault, type Vault } from '../repository/index.ts';
import { placeKey, type Reached, type RestorePlace, reach } from './reached.ts';

/** Whoever browses asks again soon; a session that nobody uses holds connections for nothing. */
const idleMs = 60_000;

type Kept = { readonly reaching: Promise<Reached>; users: number; idle: NodeJS.Timeout | undefined };

/** Sessions with data movers, one per repository, kept between questions. */
export class KeptReaches implements AsyncDisposable {
	readonly #kept = new Map<string, Kept>();

	/** @throws what `work` throws, `connection.*`, `auth.*`, `repository.unreachable` */
	async use<Result>(place: RestorePlace, work: (vault: Vault) => Promise<Result>): Promise<Result> {
		if (!isRemotePlace(place)) return work(openVault(place));
		const key = placeKey(place);
		const kept = this.#kept.get(key) ?? this.#begin(key, place);
		kept.users++;
		clearTimeout(kept.idle);
		try {
			const { vault } = await kept.reaching;
			return await work({ ...vault, keys: place.keys }); // a key may have become known since
		} finally {
			kept.users--;
			if (kept.users === 0) kept.idle = setTimeout(() => this.#end(key, kept), idleMs).unref();
		}
	}

	#begin(key: string, place: RestorePlace): Kept {
		const kept: Kept = { reaching: reach(place, { signal: new AbortController().signal }), users: 0, idle: undefined };
		this.#kept.set(key, kept);
		const forget = (): void => void (this.#kept.get(key) === kept && this.#kept.delete(key));
		kept.reaching.then(({ signal }) => {
			signal.addEventListener('abort', forget, { once: true });
			if (signal.aborted) forget();
		}, forget);
		return kept;
	}

	#end(key: string, kept: Kept): void {
		if (this.#kept.get(key) === kept) this.#kept.delete(key);
		void kept.reaching.then(
			(reached) => reached[Symbol.asyncDispose](),
			() => undefined, // it never began
		);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const [key, kept] of this.#kept) {
			clearTimeout(kept.idle);
			this.#end(key, kept);
		}
	}
}
