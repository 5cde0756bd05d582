import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';

export function isInside(path: string, folder: string): boolean {
	const way = relative(folder, path);
	return way === '' || (!way.startsWith(`..${sep}`) && way !== '..' && !isAbsolute(way));
}

/** The path without symbolic links, as far as it exists. */
export async function realPathOf(path: string): Promise<string> {
	try {
		return await realpath(path);
	} catch {
		const parent = dirname(path);
		// Does not exist yet: its parent may be reached through a link all the same.
		return parent === path ? path : join(await realPathOf(parent), path.slice(parent.length));
	}
}
