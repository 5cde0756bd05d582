/** The thread of one restore, verification or check. */
import { serveTask, type TaskShares } from '../mover/index.ts';
import type { RepositoryFolder } from '../repository/index.ts';
import { type CheckChainTask, checkChain } from './check-chain.ts';
import { type RestoreDiskTask, restoreDisk } from './restore-disk.ts';
import { type RestoreFilesTask, restoreFiles } from './restore-files.ts';
import { verifyPoint } from './verify.ts';

export type RestoreTask =
	| ({ readonly kind: 'files' } & RestoreFilesTask)
	| ({ readonly kind: 'disk' } & RestoreDiskTask)
	| { readonly kind: 'verify'; readonly repositoryPath: RepositoryFolder; readonly pointId: string; readonly shares?: TaskShares }
	| ({ readonly kind: 'check'; readonly repositoryPath: RepositoryFolder } & CheckChainTask);

serveTask<RestoreTask>((task, observers, options) => {
	switch (task.kind) {
		case 'files':
			return restoreFiles(task, observers, options);
		case 'disk':
			return restoreDisk(task, observers, options);
		case 'verify':
			return verifyPoint(task, observers, options);
		case 'check':
			return checkChain(task, observers, options);
	}
});
