import { openDiskTarget } from '../block/index.ts';
import type { DiskFormat } from '../contract/index.ts';
import type { TaskObserver, TaskShares } from '../mover/index.ts';
import { openDiskContent } from './disk-content.ts';
import { RestoreProgress } from './progress.ts';
import { type PointPlace, reachPoint, type TaskSignal } from './reached.ts';
import { RestorePool } from './restore-pool.ts';
import { countBlocks, writeDisk } from './write-disk.ts';

export type RestoreDiskTask = PointPlace & {
	/** Which, where the point is one of a virtual machine. */
	readonly disk: string | null;
	readonly to: string;
	readonly format: DiskFormat;
	readonly overwrite: boolean;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

/**
 * Writes a disk to an image file (sparse) or a device.
 * @throws `exists.target`, `restore.target`, `not-found.disk`, `repository.damaged`; a file that was created here is removed again
 */
export async function restoreDisk(task: RestoreDiskTask, [observer]: readonly TaskObserver[], options: TaskSignal): Promise<void> {
	await using reached = await reachPoint(task, options);
	const { chain, view, signal } = reached;
	const content = await openDiskContent(view, task.disk);
	const progress = new RestoreProgress(observer as TaskObserver);
	progress.counters.totalBytes = content.sizeBytes;
	progress.counters.totalItems = 1;
	progress.report();

	using target = openDiskTarget(task.to, content.sizeBytes, task);
	try {
		await using pool = new RestorePool(chain, reached, task.shares, { onAnswer: (answer) => countBlocks(progress, answer) });
		using _telling = progress.tellRegularly(pool);
		await writeDisk(content, target, pool, progress, signal);
		progress.observer.activity('syncing');
		await target.sync();
		progress.bottleneck(pool);
		progress.counters.doneItems = 1;
		progress.report();
	} catch (error) {
		target.discard();
		throw error;
	}
}
