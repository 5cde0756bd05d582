/** Where Node keeps the compiled form of the program, so that it is compiled once and not at each start. */
import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * What lies in the cache is run: it must be in nobody's reach who could not change the program as well. That is beside the program where we may
 * write there, else in the cache folder of this user. Without either the program only starts slower.
 * @param {string} root folder of package.json
 */
export function enableCompileCache(root) {
	const folder = besideProgram(root) ?? ofUser();
	if (folder !== undefined) module.enableCompileCache(folder);
}

function besideProgram(root) {
	try {
		accessSync(join(root, 'node_modules'), constants.W_OK);
		return join(root, 'node_modules', '.cache', 'holdfast');
	} catch {
		return undefined; // installed for all users, by another
	}
}

function ofUser() {
	const folder = join(userCacheFolder(), 'holdfast', 'compiled');
	try {
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		const { uid, mode } = lstatSync(folder);
		// HOME may be that of somebody else (sudo), or lie where others write
		const isOurs = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
		return isOurs ? folder : undefined;
	} catch {
		return undefined; // no home, or a read-only one
	}
}

function userCacheFolder() {
	if (process.platform === 'win32') return process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
	if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
	return process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
}
