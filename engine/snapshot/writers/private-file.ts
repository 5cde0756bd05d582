import { open } from 'node:fs/promises';
import { EngineError, systemErrorCode } from '../../base/index.ts';

const maxBytes = 64 * 1024;

/**
 * Content of a file that holds passwords. Null: it is not there, and nobody said that it should be.
 * @throws `snapshot.writer` when a file that was named is not there, or when others may read or replace it
 */
export async function readPrivateFile(path: string, { isNamed }: { readonly isNamed: boolean }): Promise<string | null> {
	const refuse = (why: string, hint: string, cause?: unknown): EngineError =>
		new EngineError('snapshot.writer', `${path}, which holds passwords, ${why}.`, { hint, cause });
	const file = await open(path).catch((error: unknown) => {
		if (!isNamed && systemErrorCode(error) === 'ENOENT') return null;
		throw refuse('cannot be read', 'Check that it exists, and that the user of Holdfast may read it.', error);
	});
	if (file === null) return null;
	try {
		const stats = await file.stat();
		if (!stats.isFile() || stats.size > maxBytes) throw refuse('is no file of the usual kind and size', 'Name the right file.');
		const isOwn = process.getuid === undefined || stats.uid === 0 || stats.uid === process.getuid();
		if (process.platform !== 'win32' && ((stats.mode & 0o077) !== 0 || !isOwn))
			throw refuse('may be read or replaced by others', `Give it to the user of Holdfast alone: chmod 600 ${path}`);
		return await file.readFile('utf8');
	} finally {
		await file.close();
	}
}
