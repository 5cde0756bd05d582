import type { OverwriteRule, RestorePlan } from '../contract/index.ts';
import type { TaskObserver } from '../mover/index.ts';
import { plan } from './browse.ts';
import { type PointPlace, reachPoint, type TaskSignal } from './reached.ts';

export type PlanRestoreTask = PointPlace & { readonly paths: readonly string[]; readonly to: string | null; readonly overwrite: OverwriteRule };

/** What a restore of files would do on this machine. @throws as `restoreFiles` before it writes */
export async function planRestore(task: PlanRestoreTask, _: readonly TaskObserver[], options: TaskSignal): Promise<RestorePlan> {
	await using reached = await reachPoint(task, options);
	return await plan(reached.view, task.paths, task.to, task.overwrite, reached.signal);
}
