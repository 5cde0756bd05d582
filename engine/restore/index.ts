/**
 * The way back: browsing, planning, restoring files, disks and what machines are made of, verifying points and checking chains.
 * Guarantees: every byte is verified before it is written; a file has its name only when it is whole; reading never writes.
 * Heavy work runs in threads of its own; `Look` answers the faces' small questions.
 */
import type { CheckResult, RestorePlan } from '../contract/index.ts';
import { runInThread, type TaskObserver, type TaskOptions } from '../mover/index.ts';
import type { CheckChainTask } from './check-chain.ts';
import type { PlanRestoreTask } from './plan-restore.ts';
import type { RestorePlace } from './reached.ts';
import type { RestoreDiskTask } from './restore-disk.ts';
import type { RestoreFilesTask } from './restore-files.ts';
import type { RestoreMachineTask } from './restore-machine.ts';
import type { RestoreThereTask } from './restore-there.ts';
import type { RestoreTask } from './restore-thread.ts';
import { isStoragePort } from './storage-port.ts';
import type { VerifyTask } from './verify.ts';

export type { CheckChainTask, CheckPart } from './check-chain.ts';
export { chooseDisk } from './disk-content.ts';
export { Look } from './look.ts';
export type { PointPlace, RestorePlace } from './reached.ts';
export type { RestoreDiskTask } from './restore-disk.ts';
export type { RestoreFilesTask } from './restore-files.ts';
export type { RestoreMachineTask } from './restore-machine.ts';
export { serveStorage } from './storage-port.ts';
export { lookAtTargets, type TargetFacts } from './target-facts.ts';

const run = <Result>(task: RestoreTask, observer: TaskObserver, options: TaskOptions): Promise<Result> =>
	runInThread(new URL('./restore-thread.ts', import.meta.url), task, [observer], { ...options, transferList: portsIn(task) });

/** A storage that another thread reads is handed over to the task. */
const portsIn = ({ repositoryPath }: RestoreTask) => (isStoragePort(repositoryPath) ? [repositoryPath.port] : []);

/** @throws `not-found.*`, `restore.target`, `repository.*` */
export const restoreFiles = (task: RestoreFilesTask, observer: TaskObserver, options: TaskOptions): Promise<void> =>
	run({ kind: 'files', ...task }, observer, options);

/** @throws `not-found.*`, `exists.target`, `restore.target`, `repository.*` */
export const restoreDisk = (task: RestoreDiskTask, observer: TaskObserver, options: TaskOptions): Promise<void> =>
	run({ kind: 'disk', ...task }, observer, options);

/**
 * Writes disks and firmware variables of a virtual machine's point. @returns the files that were created
 * @throws `not-found.*`, `exists.target`, `restore.target`, `repository.*`; nothing that was created is left then
 */
export const restoreMachine = (task: RestoreMachineTask, observer: TaskObserver, options: TaskOptions): Promise<readonly string[]> =>
	run({ kind: 'machine', ...task }, observer, options);

/** What `restoreFiles` would do. Writes nothing. @throws as it before it writes */
export const planRestore = (task: PlanRestoreTask, observer: TaskObserver, options: TaskOptions): Promise<RestorePlan> =>
	run({ kind: 'plan', ...task }, observer, options);

/**
 * Has another machine restore files or a disk there, or say what it would do.
 * @throws what the restore throws there, `connection.*`, `auth.*`
 */
export const restoreThere = (task: RestoreThereTask, observer: TaskObserver, options: TaskOptions): Promise<RestorePlan | null> =>
	run({ kind: 'there', ...task }, observer, options);

/** Reads everything a point needs; damage is in the result, not an error. */
export const verifyPoint = (task: VerifyTask, observer: TaskObserver, options: TaskOptions): Promise<CheckResult> =>
	run({ kind: 'verify', ...task }, observer, options);

/** Reads every stored byte of a chain, or a share of it; damage is in the result, not an error. */
export const checkChain = (
	task: CheckChainTask & { readonly repositoryPath: RestorePlace },
	observer: TaskObserver,
	options: TaskOptions,
): Promise<CheckResult> => run({ kind: 'check', ...task }, observer, options);
