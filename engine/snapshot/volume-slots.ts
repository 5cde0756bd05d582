/** How many snapshots of a volume may be there at a time (SNAP-07, SNAP-09). */

export type SlotWish = { readonly volumeId: string; readonly limit: number };

type Waiting = { readonly wishes: readonly SlotWish[]; readonly grant: () => void };

/**
 * Whoever waits gets all slots at once, so that two who want the same volumes never wait for each other. Who came first is asked first. Snapshots of several
 * providers of one volume count together; the lower limit decides.
 */
export class VolumeSlots {
	/** The limits of those who hold one. */
	readonly #held = new Map<string, number[]>();
	readonly #queue: Waiting[] = [];

	/** @param onWait called once, with the volume, when there is no room at once. Rejects with the signal's reason when it aborts first. */
	take(wishes: readonly SlotWish[], { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (volumeId: string) => void }): Promise<Disposable> {
		return new Promise((resolve, reject) => {
			if (signal.aborted) return reject(signal.reason);
			const onAbort = (): void => {
				this.#queue.splice(this.#queue.indexOf(waiting), 1);
				reject(signal.reason);
			};
			const waiting: Waiting = {
				wishes,
				grant: () => {
					signal.removeEventListener('abort', onAbort);
					resolve(this.#slot(wishes));
				},
			};
			signal.addEventListener('abort', onAbort, { once: true });
			this.#queue.push(waiting);
			this.#grantWhatFits();
			const full = this.#queue.includes(waiting) ? this.#fullIn(wishes) : undefined;
			if (full !== undefined) onWait(full.volumeId);
		});
	}

	#fullIn(wishes: readonly SlotWish[]): SlotWish | undefined {
		return wishes.find(({ volumeId, limit }) => {
			const limits = this.#held.get(volumeId) ?? [];
			return limits.length >= Math.min(limit, ...limits);
		});
	}

	#grantWhatFits(): void {
		for (const waiting of [...this.#queue]) {
			if (this.#fullIn(waiting.wishes) !== undefined) continue;
			this.#queue.splice(this.#queue.indexOf(waiting), 1);
			for (const { volumeId, limit } of waiting.wishes) this.#held.set(volumeId, [...(this.#held.get(volumeId) ?? []), limit]);
			waiting.grant();
		}
	}

	#slot(wishes: readonly SlotWish[]): Disposable {
		let isHeld = true;
		return {
			[Symbol.dispose]: () => {
				if (!isHeld) return;
				isHeld = false;
				for (const { volumeId, limit } of wishes) {
					const limits = this.#held.get(volumeId) ?? [];
					limits.splice(limits.indexOf(limit), 1);
					if (limits.length === 0) this.#held.delete(volumeId);
				}
				this.#grantWhatFits();
			},
		};
	}
}
