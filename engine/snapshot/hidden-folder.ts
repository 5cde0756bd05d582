import { rmdir } from 'node:fs/promises';
import { systemErrorCode } from '../base/index.ts';

/** Where providers that need room on the volume itself keep snapshots, at the root of a mount. Backups leave it out. */
export const hiddenFolderName = '.holdfast-snapshots';

export async function removeIfEmpty(folder: string): Promise<void> {
	try {
		await rmdir(folder);
	} catch (error) {
		if (!['ENOENT', 'ENOTEMPTY'].includes(systemErrorCode(error) ?? '')) throw error; // gone already, or another lease uses it
	}
}
