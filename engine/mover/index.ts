/**
 * The data pipe: read → process → write. `backUp` runs it in a thread of its own with process workers beside it.
 * Guarantees: bounded memory; all or nothing; trouble with single items of the source is told and never stops the run.
 * Not here: when to run (jobs), what a chain is (repository).
 */
import type { StepOutcome } from '../repository/index.ts';
import type { MaintainTask } from './maintain.ts';
import type { TaskObserver, TaskOptions } from './task.ts';
import { runInThread } from './thread.ts';

export { backUp, prepareBackUp } from './back-up.ts';
export type { MaintainTask } from './maintain.ts';
export { backupWords, findBottleneck, LaneMeter, type StageTimes, type StageWords } from './meter.ts';
export {
	type BackupRun,
	deafObserver,
	type MutableCounters,
	noCounters,
	type ObjectOutcome,
	type ObjectSource,
	type TaskObserver,
	type TaskOptions,
} from './task.ts';
export { tellRegularly } from './tell-regularly.ts';
export { runInThread, serveTask } from './thread.ts';
export * from './throttle/index.ts';
export type { Calls } from './wire/calls.ts';
export type { GiveBackWords, GivenBack } from './wire/give-back-words.ts';
export { isRemotePlace, type MoverAddress, type RemotePlace, type SourceMachine } from './wire/place.ts';
export type { ProtectWords, ThirdMachine } from './wire/protect-words.ts';
export type { ReachOptions, RemoteRepository } from './wire/remote-repository.ts';
export type { HostOutcome, HostWork } from './wire/remote-work.ts';
export type { RepositoryHostOptions } from './wire/repository-host.ts';

/** What data movers say to each other. Loaded by who needs it: TLS would cost every thread a part of its start. */
export const loadWire = (): Promise<typeof import('./wire/index.ts')> => import('./wire/index.ts');

/** Merges or compacts a chain, which the caller has for itself. @throws `not-found.chain`, `usage.conflict`, `repository.*`, the signal's reason */
export const maintainChain = (task: MaintainTask, observer: TaskObserver, options: TaskOptions): Promise<StepOutcome> =>
	runInThread(new URL('./maintain-thread.ts', import.meta.url), task, [observer], options);
