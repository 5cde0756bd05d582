import type { Entity } from '../config/index.ts';
import type { JobSettings, MachineRef, RepositorySettings } from '../contract/index.ts';

/** A component that works on so many tasks at a time: a repository, a proxy. */
export type TaskLimit = {
	readonly id: string;
	readonly limit: number;
	/** For people, e.g. `the repository “Main”`. */
	readonly name: string;
};

export type TaskWait = {
	readonly signal?: AbortSignal | undefined;
	/** Called when there is no room at once, and whenever the reason becomes another, e.g. `the repository “Main” (2 of 2 tasks run)`. */
	readonly onWait?: ((reason: string) => void) | undefined;
};

/**
 * How many tasks may work in one component at a time, whatever sessions they belong to. Of those who wait, who came first is asked first; somebody who
 * waits for one component keeps nobody out of another.
 */
export interface TaskSlots {
	/**
	 * Resolves when there is room in all of them (TASK-03), with a slot in each, to be given back by disposing; rejects with the signal's reason when it
	 * aborts first.
	 */
	take(components: readonly TaskLimit[], wait?: TaskWait): Promise<Disposable>;
	/** Tasks that work in a component, or wait for it. */
	load(component: TaskLimit): number;
}

/** What a task in a repository is counted in. */
export const tasksOf = ({ id, settings }: Entity<RepositorySettings>): readonly TaskLimit[] => [
	{ id, limit: settings.maxTasks, name: `the repository “${settings.name}”` },
];

/** What a task on a managed machine is counted in: all that reads or is given back there (TASK-04). */
export const tasksOn = ({ id, name, maxTasks }: MachineRef & { readonly maxTasks: number }): TaskLimit => ({
	id: `machine ${id}`,
	limit: maxTasks,
	name: `the machine “${name}”`,
});

/** What the objects of a job are counted in where they are processed strictly one after the other (TASK-07). */
export const tasksInTurn = ({ id, settings }: Entity<JobSettings>): TaskLimit => ({
	id: `job ${id}`,
	limit: 1,
	name: `the object before it, as the server processes those of “${settings.name}” one after the other`,
});

type Waiting = { readonly components: readonly TaskLimit[]; readonly onWait: TaskWait['onWait']; reason: string; readonly grant: () => void };

export function createTaskSlots(): TaskSlots {
	const running = new Map<string, number>();
	const queue: Waiting[] = [];

	const runningIn = ({ id }: TaskLimit): number => running.get(id) ?? 0;

	const grantWhatFits = (): void => {
		for (const waiting of [...queue]) {
			const full = waiting.components.find((component) => runningIn(component) >= component.limit);
			if (full === undefined) {
				queue.splice(queue.indexOf(waiting), 1);
				for (const component of waiting.components) running.set(component.id, runningIn(component) + 1);
				waiting.grant();
				continue;
			}
			const reason = `${full.name} (${runningIn(full)} of ${full.limit} tasks run)`;
			if (reason === waiting.reason) continue;
			waiting.reason = reason;
			waiting.onWait?.(reason);
		}
	};

	const slot = (components: readonly TaskLimit[]): Disposable => {
		let isHeld = true;
		return {
			[Symbol.dispose]() {
				if (!isHeld) return;
				isHeld = false;
				for (const component of components) running.set(component.id, runningIn(component) - 1);
				grantWhatFits();
			},
		};
	};

	return {
		load: (component) => runningIn(component) + queue.filter(({ components }) => components.some(({ id }) => id === component.id)).length,
		take: (components, { signal, onWait } = {}) =>
			new Promise((resolve, reject) => {
				if (signal?.aborted) return reject(signal.reason);
				const onAbort = (): void => {
					const at = queue.indexOf(waiting);
					if (at >= 0) queue.splice(at, 1);
					reject(signal?.reason);
				};
				const waiting: Waiting = {
					components,
					onWait,
					reason: '',
					grant: () => {
						signal?.removeEventListener('abort', onAbort);
						resolve(slot(components));
					},
				};
				signal?.addEventListener('abort', onAbort, { once: true });
				queue.push(waiting);
				grantWhatFits();
			}),
	};
}
