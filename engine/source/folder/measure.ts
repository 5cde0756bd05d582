import * as fs from 'node:fs';
import { bytesFromText, type Exclusion, textFromBytes } from '../../base/index.ts';
import { hiddenFolderName, isKernelFileSystem, joinPath, scanFolder } from './scan.ts';

const hidden = Buffer.from(hiddenFolderName);

export type Measure = { readonly bytes: number; readonly items: number; readonly complete: boolean };

/** Adds up a folder as a backup would see it, without opening a file. What cannot be read counts nothing. */
export function measureFolder(root: string, exclude: Exclusion | null, shouldStop: () => boolean): Measure {
	let bytes = 0;
	let items = 1;
	const rootPath = bytesFromText(root);
	const pending: { path: Buffer; relative: Buffer }[] = [{ path: rootPath, relative: Buffer.alloc(0) }];
	const rootDevice = fs.lstatSync(rootPath, { bigint: true }).dev;
	for (let folder = pending.pop(); folder; folder = pending.pop()) {
		if (shouldStop()) return { bytes, items, complete: false };
		let entries: ReturnType<typeof scanFolder>;
		try {
			entries = scanFolder(folder.path, () => undefined);
		} catch {
			continue; // the backup itself will say so
		}
		for (const entry of entries) {
			const relative = folder.relative.length === 0 ? entry.name : joinPath(folder.relative, entry.name);
			if (entry.name.equals(hidden) || exclude?.(textFromBytes(relative))) continue;
			items++;
			if (entry.type === 'file') bytes += Number(entry.stats.size);
			else if (entry.type === 'directory' && !(entry.stats.dev !== rootDevice && isKernelFileSystem(entry.path))) pending.push({ path: entry.path, relative });
		}
	}
	return { bytes, items, complete: true };
}
