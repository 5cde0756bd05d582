/**
 * Sealed records on their way from a worker to the writer: a few slots of shared memory per worker. A worker that finds none free waits for
 * the writer, and so memory is bounded and the target sets the pace when it is the slowest.
 */
export type SlotMemory = { readonly data: SharedArrayBuffer; readonly states: SharedArrayBuffer; readonly slotBytes: number };

const free = 0;
const taken = 1;

export const createSlots = (slotCount: number, slotBytes: number): SlotMemory => ({
	data: new SharedArrayBuffer(slotCount * slotBytes),
	// the last cell counts releases: it is what a waiting worker sleeps on
	states: new SharedArrayBuffer((slotCount + 1) * 4),
	slotBytes,
});

export class Slots {
	readonly #memory: SlotMemory;
	readonly #states: Int32Array;
	readonly #count: number;

	constructor(memory: SlotMemory) {
		this.#memory = memory;
		this.#states = new Int32Array(memory.states);
		this.#count = this.#states.length - 1;
	}

	bytes(slot: number, length = this.#memory.slotBytes): Uint8Array {
		return new Uint8Array(this.#memory.data, slot * this.#memory.slotBytes, length);
	}

	/** The number of a slot that is now the caller's. Blocks the thread while all are taken; gives up when `shouldStop`. */
	acquire(shouldStop: () => boolean): number {
		for (;;) {
			const releases = Atomics.load(this.#states, this.#count);
			for (let slot = 0; slot < this.#count; slot++) if (Atomics.compareExchange(this.#states, slot, free, taken) === free) return slot;
			if (shouldStop()) return -1;
			Atomics.wait(this.#states, this.#count, releases, 100);
		}
	}

	release(slot: number): void {
		Atomics.store(this.#states, slot, free);
		Atomics.add(this.#states, this.#count, 1);
		Atomics.notify(this.#states, this.#count);
	}
}
