/** The thread of one restore, verification or check. */
import type { CheckResult } from '../contract/index.ts';
import { serveTask, type TaskObserver } from '../mover/index.ts';
import { type CheckChainTask, checkChain } from './check-chain.ts';
import { type PlanRestoreTask, planRestore } from './plan-restore.ts';
import { type RestorePlace, reach, type TaskSignal } from './reached.ts';
import { type RestoreDiskTask, restoreDisk } from './restore-disk.ts';
import { type RestoreFilesTask, restoreFiles } from './restore-files.ts';
import { type RestoreMachineTask, restoreMachine } from './restore-machine.ts';
import { type RestoreThereTask, restoreThere } from './restore-there.ts';
import { type VerifyTask, verifyPoint } from './verify.ts';

export type RestoreTask =
	| ({ readonly kind: 'files' } & RestoreFilesTask)
	| ({ readonly kind: 'disk' } & RestoreDiskTask)
	| ({ readonly kind: 'machine' } & RestoreMachineTask)
	| ({ readonly kind: 'plan' } & PlanRestoreTask)
	| ({ readonly kind: 'there' } & RestoreThereTask)
	| ({ readonly kind: 'verify' } & VerifyTask)
	| ({ readonly kind: 'check'; readonly repositoryPath: RestorePlace } & Omit<CheckChainTask, 'repositoryPath'>);

async function checkReached(task: Extract<RestoreTask, { kind: 'check' }>, observers: readonly TaskObserver[], options: TaskSignal): Promise<CheckResult> {
	await using repository = await reach(task.repositoryPath, options);
	return await checkChain({ ...task, repositoryPath: repository.vault }, observers, repository);
}

serveTask<RestoreTask>((task, observers, options) => {
	switch (task.kind) {
		case 'files':
			return restoreFiles(task, observers, options);
		case 'disk':
			return restoreDisk(task, observers, options);
		case 'machine':
			return restoreMachine(task, observers, options);
		case 'plan':
			return planRestore(task, observers, options);
		case 'there':
			return restoreThere(task, observers, options);
		case 'verify':
			return verifyPoint(task, observers, options);
		case 'check':
			return checkReached(task, observers, options);
	}
});
