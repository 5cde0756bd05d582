import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, systemErrorCode } from '../base/index.ts';

const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

export const newToken = (): string => randomBytes(32).toString('base64url');

/** Where the token of a data folder lies, unless somebody says otherwise. */
export const tokenPath = (dataFolder: string): string => join(dataFolder, 'token');

/** Compares in a time that does not depend on where the two differ; hashing makes the lengths equal. */
export function isSameToken(given: string, expected: string): boolean {
	const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
	return timingSafeEqual(digest(given), digest(expected));
}

/** The token in a file, for a client; `auth.required` when there is none that could be meant. */
export async function readToken(file: string): Promise<string> {
	const text = await readFile(file, 'utf8').catch((cause: unknown) => {
		throw new EngineError('auth.required', `The token file ${file} cannot be read (${systemErrorCode(cause) ?? 'unknown reason'}).`, {
			hint: 'The server keeps its token in the file "token" of its data folder. Name a readable copy with --token-file.',
			cause,
		});
	});
	const token = text.trim();
	if (!tokenPattern.test(token)) throw new EngineError('auth.required', `The file ${file} does not hold a token of Holdfast.`);
	return token;
}

/**
 * The token of this server: created at the first start and kept, so that bookmarks and scripts go on working.
 * One that others could have read is replaced: it is no secret any more.
 */
export async function ensureToken(file: string): Promise<string> {
	const isPrivate = await stat(file).then(
		({ mode }) => process.platform === 'win32' || (mode & 0o077) === 0,
		() => false,
	);
	if (isPrivate) {
		const text = (await readFile(file, 'utf8')).trim();
		if (tokenPattern.test(text)) return text;
	}
	const token = newToken();
	const temporary = `${file}.${randomBytes(4).toString('hex')}`;
	try {
		await using handle = await open(temporary, 'wx', 0o600);
		await handle.writeFile(`${token}\n`);
		await handle.sync();
		await chmod(temporary, 0o600); // whatever the umask took away
		await rename(temporary, file);
	} catch (cause) {
		await rm(temporary, { force: true });
		throw new EngineError('data-folder.unusable', `The token file ${file} cannot be written (${systemErrorCode(cause) ?? 'unknown reason'}).`, { cause });
	}
	return token;
}
