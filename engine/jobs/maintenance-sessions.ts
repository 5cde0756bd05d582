/** Sessions that work on a chain without making restore points. */
import type { Entity } from '../config/index.ts';
import type { RepositorySettings } from '../contract/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainUse } from './chain-use.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveTask } from './live-task.ts';
import type { DataPlane } from './ports.ts';
import type { Sessions } from './sessions.ts';
import { type TaskSlots, tasksOf } from './slots.ts';

export type MaintenanceParts = {
	readonly sessions: Sessions;
	readonly plane: DataPlane;
	readonly catalogue: Catalogue;
	readonly chainUse: ChainUse;
	readonly slots: TaskSlots;
	/** Resolves when what a dead session of the job left has been cleaned up. */
	readonly cleanedUp: (jobId: string) => Promise<void>;
};

/** What such a session was asked; kept with it, so that it can be run again. */
export type MaintenanceInput = { readonly kind: 'compact'; readonly repositoryId: string; readonly chainId: string };

export interface MaintenanceSessions {
	/** Writes the files of a chain anew without dead room (JOB-08). `busy.chain` while something else changes it; waits for those who read it. */
	compact(asked: {
		readonly repository: Entity<RepositorySettings>;
		readonly chainId: string;
		readonly jobId: string | null;
		readonly title: string;
	}): Promise<LiveSession>;
}

export function createMaintenanceSessions({ sessions, plane, catalogue, chainUse, slots, cleanedUp }: MaintenanceParts): MaintenanceSessions {
	return {
		async compact({ repository, chainId, jobId, title }) {
			const seat = chainUse.tryWrite(chainId, `the compaction of ${title}`);
			const input: MaintenanceInput = { kind: 'compact', repositoryId: repository.id, chainId };
			try {
				return await sessions.start(
					{ kind: 'compact', jobId, title, trigger: 'manual', attempt: 1, input, objects: [{ object: chainId, name: title }] },
					async (session) => {
						using _seat = seat;
						const { signal } = session;
						const task = session.tasks[0] as LiveTask;
						if (jobId !== null) await cleanedUp(jobId);
						using _alone = await seat.alone({ signal, onWait: (reason) => session.note('info', `Waiting for ${reason} to end.`) });
						using _slot = await slots.take(tasksOf(repository), { signal, onWait: (reason) => task.waits(reason) });
						signal.throwIfAborted();
						session.begin();
						task.start(null);
						try {
							const { savedBytes } = await plane.runStep({ repository: repository.settings, chainId, step: { kind: 'compact' } }, task, { signal });
							session.note('info', savedBytes > 0 ? `${(savedBytes / 1_048_576).toFixed(1)} MiB were freed.` : 'There was nothing to free.');
							task.succeed(null);
						} finally {
							await catalogue.refresh(repository.id);
						}
					},
				);
			} catch (error) {
				seat[Symbol.dispose]();
				throw error;
			}
		},
	};
}
