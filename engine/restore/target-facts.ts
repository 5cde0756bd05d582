import * as fs from 'node:fs';
import { bytesFromText, displayText, EngineError, systemErrorCode } from '../base/index.ts';

/** What stands at a path before something is written there. */
export type TargetFacts = {
	/** The same for all paths of one file. */
	readonly identity: string;
	readonly isFolder: boolean;
	/** Of the file system that it lies on; null: not known. */
	readonly freeBytes: number | null;
};

/** On the machine that this process runs on, in the order of the paths; null: nothing is there. @throws `restore.target` for what cannot be looked at */
export const lookAtTargets = (paths: readonly string[]): readonly (TargetFacts | null)[] => paths.map(lookAt);

function lookAt(path: string): TargetFacts | null {
	const name = bytesFromText(path);
	try {
		const stats = fs.statSync(name, { throwIfNoEntry: false });
		if (stats === undefined) return null;
		return { identity: `${stats.dev}:${stats.ino}`, isFolder: stats.isDirectory(), freeBytes: freeBytesAt(name) };
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === 'ENOTDIR') return null;
		throw new EngineError('restore.target', `${displayText(path)} cannot be looked at (${code ?? String(error)}).`, { cause: error });
	}
}

function freeBytesAt(name: Buffer): number | null {
	try {
		const { bavail, bsize } = fs.statfsSync(name);
		return bavail * bsize;
	} catch {
		return null; // shown only: the restore itself looks again, and says why
	}
}
