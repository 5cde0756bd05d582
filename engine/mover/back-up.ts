import { prepareThread } from '../base/index.ts';
import type { BackupRun, ObjectOutcome, TaskObserver, TaskOptions } from './task.ts';
import { runInThread } from './thread.ts';
import { isTargetPort } from './wire/target-port.ts';

const backupThread = new URL('./backup-thread.ts', import.meta.url);

/** A run is about to be asked for: its thread begins to load. Who prepares ends what was not used (`endIdleThreads`). */
export const prepareBackUp = (): void => prepareThread(backupThread);

/** @throws `source.missing`, `source.unreadable`, `repository.*`, the signal's reason */
export const backUp = (run: BackupRun, observers: readonly TaskObserver[], options: TaskOptions): Promise<readonly ObjectOutcome[]> =>
	runInThread(backupThread, run, observers, {
		...options,
		transferList: isTargetPort(run.repositoryPath) ? [run.repositoryPath.port] : [],
	});
