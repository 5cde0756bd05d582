import type { Storage, StorageFile } from '../storage/storage.ts';
import type { Random } from './random.ts';

/**
 * Lets one step of several sessions happen at a time, in an order that chance decides: the same for the same seed, however busy the machine is.
 * It begins when all have met; what they do before that is free.
 */
export class Turns {
	readonly #random: Random;
	readonly #players: Set<number>;
	readonly #waiting: { readonly who: number; begin(): void }[] = [];
	readonly #met = Promise.withResolvers<void>();
	#missing: number;
	#isTaken = false;

	constructor(random: Random, players: number) {
		this.#random = random;
		this.#players = new Set(Array.from({ length: players }, (_, who) => who));
		this.#missing = players;
	}

	meet(): Promise<void> {
		if (--this.#missing === 0) this.#met.resolve();
		return this.#met.promise;
	}

	/** Waits until it is this player's turn, and ends the turn with the step. */
	async take<T>(who: number, step: () => Promise<T>): Promise<T> {
		if (this.#missing > 0) return step();
		const begun = new Promise<void>((begin) => this.#waiting.push({ who, begin }));
		this.#next();
		await begun;
		try {
			return await step();
		} finally {
			this.#isTaken = false;
			this.#next();
		}
	}

	/** The others play on without this one. */
	leave(who: number): void {
		this.#players.delete(who);
		this.#next();
	}

	/** Only when everybody has said what comes next: who is quicker to ask has no advantage. */
	#next(): void {
		if (this.#isTaken || this.#waiting.length === 0 || new Set(this.#waiting.map(({ who }) => who)).size < this.#players.size) return;
		const who = this.#random.pick([...this.#players]);
		const [next] = this.#waiting.splice(
			this.#waiting.findIndex((waiting) => waiting.who === who),
			1,
		);
		this.#isTaken = true;
		next?.begin();
	}
}

/** A storage whose every step that another session can see waits for its player's turn. */
export class TurnStorage implements Storage {
	readonly properties;
	readonly #inner: Storage;
	readonly #turns: Turns;
	readonly #who: number;

	constructor(inner: Storage, turns: Turns, who: number) {
		this.#inner = inner;
		this.properties = inner.properties;
		this.#turns = turns;
		this.#who = who;
	}

	list(folder: string): ReturnType<Storage['list']> {
		return this.#turns.take(this.#who, () => this.#inner.list(folder));
	}

	open(path: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile> {
		return this.#turns.take(this.#who, () => this.#inner.open(path, mode));
	}

	replace(path: string, bytes: Uint8Array): Promise<void> {
		return this.#turns.take(this.#who, () => this.#inner.replace(path, bytes));
	}

	rename(from: string, to: string, options?: { readonly replace?: boolean }): Promise<void> {
		return this.#turns.take(this.#who, () => this.#inner.rename(from, to, options));
	}

	remove(path: string): Promise<void> {
		return this.#turns.take(this.#who, () => this.#inner.remove(path));
	}

	space(): ReturnType<Storage['space']> {
		return this.#inner.space();
	}
}
