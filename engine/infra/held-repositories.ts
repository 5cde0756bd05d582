import { assert, EngineError } from '../base/index.ts';
import { type HoldOptions, prepareRepository } from '../repository/index.ts';
import { requireAbsolute } from './list-places.ts';
import type { MoverFolder } from './mover-folder.ts';
import { isInside, realPathOf } from './paths.ts';

/**
 * Tries a folder out, marks it as a repository, and remembers that the backup server may use it.
 * @throws `usage.*` for a folder that cannot be one, `repository.*`
 */
export async function holdRepository(folder: MoverFolder, path: string, options?: HoldOptions): Promise<void> {
	const { membership } = folder;
	assert(membership, 'who tells it to hold a repository is its backup server');
	requireAbsolute(path, 'path');
	const refuse = (message: string): EngineError => new EngineError('usage.conflict', message, { hint: 'Choose a folder beside it.', data: { field: 'path' } });
	const realPath = await realPathOf(path);
	const own = await realPathOf(folder.path);
	if (isInside(realPath, own) || isInside(own, realPath)) throw refuse(`${path} and the folder of the data mover lie one inside the other.`);
	for (const other of membership.repositories) {
		if (other === path) continue;
		const otherPath = await realPathOf(other);
		if (isInside(realPath, otherPath) || isInside(otherPath, realPath)) throw refuse(`${path} and the repository in ${other} lie one inside the other.`);
	}
	await prepareRepository(path, options);
	const current = folder.membership ?? membership; // a certificate may have been renewed meanwhile
	if (!current.repositories.includes(path)) await folder.join({ ...current, repositories: [...current.repositories, path] });
}

/** The backup server has no business there any more. Its files stay. */
export async function letRepositoryGo(folder: MoverFolder, path: string): Promise<void> {
	const { membership } = folder;
	if (membership?.repositories.includes(path)) await folder.join({ ...membership, repositories: membership.repositories.filter((other) => other !== path) });
}
