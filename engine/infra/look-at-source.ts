/** What stands where a source is said to be, on the machine that this process runs on. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { EngineError, isEngineError, systemErrorCode } from '../base/index.ts';
import { isNbdUri, parseNbdUri } from '../block/index.ts';
import type { ErrorShape, SourceSpec } from '../contract/index.ts';
import { realPathOf } from './paths.ts';

export type SourceFacts = {
	/** Why it cannot be protected as it is; null: nothing is known against it. */
	readonly problem: ErrorShape | null;
	/** Null: it is no path. */
	readonly realPath: string | null;
};

export async function lookAtSource(source: SourceSpec): Promise<SourceFacts> {
	if (source.kind === 'disk' && isNbdUri(source.path)) return { problem: nbdProblem(source.path), realPath: null };
	if (!isAbsolute(source.path)) {
		const problem = new EngineError('usage.invalid', `“${source.path}” is not an absolute path.`, { hint: 'Write the path from the root.' });
		return { problem: problem.shape, realPath: null };
	}
	return { problem: (await sourceProblem(source))?.shape ?? null, realPath: await realPathOf(source.path) };
}

/** @throws what speaks against it: `source.*`, `usage.invalid` */
export async function requireSource(source: SourceSpec): Promise<void> {
	const { problem } = await lookAtSource(source);
	if (problem) throw EngineError.from(problem);
}

function nbdProblem(uri: string): ErrorShape | null {
	try {
		parseNbdUri(uri);
		return null;
	} catch (error) {
		if (isEngineError(error)) return error.shape;
		throw error;
	}
}

async function sourceProblem({ kind, path }: SourceSpec): Promise<EngineError | null> {
	try {
		const facts = await stat(path);
		if (kind === 'folder' && !facts.isDirectory()) {
			return new EngineError('source.unsupported', `${path} is not a folder.`, {
				hint: facts.isFile() ? 'Choose its folder, or protect it as a disk if it is a disk image.' : undefined,
			});
		}
		if (kind === 'disk' && !facts.isFile() && !facts.isBlockDevice()) {
			return new EngineError('source.unsupported', `${path} is neither a disk image nor a block device.`, { hint: 'Choose a file or a device.' });
		}
		await access(path, constants.R_OK);
		return null;
	} catch (cause) {
		const code = systemErrorCode(cause);
		if (code === 'ENOENT' || code === 'ENOTDIR') return new EngineError('source.missing', `${path} does not exist.`, { hint: 'Check the spelling.', cause });
		return new EngineError('source.unreadable', `${path} cannot be read${code === undefined ? '' : ` (${code})`}.`, {
			hint: 'Run Holdfast as a user who may read it.',
			cause,
		});
	}
}
