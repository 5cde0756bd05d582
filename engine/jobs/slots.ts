/** How many tasks may work in one repository at a time, whatever sessions they belong to (TASK-03). First come, first served. */
export interface TaskSlots {
	/** Resolves with a slot, to be given back by disposing; rejects with the signal's reason when it aborts first. */
	take(repositoryId: string, limit: number, options: { readonly signal?: AbortSignal | undefined }): Promise<Disposable>;
}

type Waiting = { readonly limit: number; readonly grant: () => void };

export function createTaskSlots(): TaskSlots {
	const running = new Map<string, number>();
	const queues = new Map<string, Waiting[]>();

	const grantWhatFits = (repositoryId: string): void => {
		const queue = queues.get(repositoryId) ?? [];
		for (let next = queue[0]; next !== undefined && (running.get(repositoryId) ?? 0) < next.limit; next = queue[0]) {
			queue.shift();
			running.set(repositoryId, (running.get(repositoryId) ?? 0) + 1);
			next.grant();
		}
	};

	const slot = (repositoryId: string): Disposable => {
		let isHeld = true;
		return {
			[Symbol.dispose]() {
				if (!isHeld) return;
				isHeld = false;
				running.set(repositoryId, (running.get(repositoryId) ?? 1) - 1);
				grantWhatFits(repositoryId);
			},
		};
	};

	return {
		take: (repositoryId, limit, { signal }) =>
			new Promise((resolve, reject) => {
				if (signal?.aborted) return reject(signal.reason);
				const queue = queues.get(repositoryId) ?? [];
				queues.set(repositoryId, queue);
				const onAbort = (): void => {
					const at = queue.indexOf(waiting);
					if (at >= 0) queue.splice(at, 1);
					reject(signal?.reason);
					// Whoever waited behind it may have a higher limit.
					grantWhatFits(repositoryId);
				};
				const waiting: Waiting = {
					limit,
					grant: () => {
						signal?.removeEventListener('abort', onAbort);
						resolve(slot(repositoryId));
					},
				};
				signal?.addEventListener('abort', onAbort, { once: true });
				queue.push(waiting);
				grantWhatFits(repositoryId);
			}),
	};
}
