import * as fs from 'node:fs';
import * as path from 'node:path';
import { bytesFromText, EngineError, systemErrorCode, textFromBytes } from '../base/index.ts';
import type { OverwriteRule } from '../contract/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { joinPath, typeOf } from '../source/index.ts';
import { childPath, type LocatedEntry, normalPath, type PointView } from './point-view.ts';

/** What happens to one entry at its target. `damaged`: a directory, yielded once more, of which a part cannot be listed. */
export type Decision = 'create' | 'replace' | 'keep' | 'merge' | 'conflict' | 'damaged';

/** An entry of the selection with the place it goes to. Directories come before what is in them. */
export type SelectedEntry = LocatedEntry & {
	readonly target: Buffer;
	readonly decision: Decision;
	/** True for directories that only lead to something selected: made if missing, their metadata set only then. */
	readonly isParent: boolean;
};

export type SelectionOptions = {
	readonly view: PointView;
	readonly paths: readonly string[];
	/** A folder; null: where it came from. */
	readonly to: string | null;
	readonly overwrite: OverwriteRule;
	readonly signal: AbortSignal;
};

/** Removes paths that lie below other chosen paths, so that nothing is restored twice. */
export function topmostPaths(paths: readonly string[]): string[] {
	const normal = [...new Set(paths.map(normalPath))];
	return normal.filter((candidate) => !normal.some((other) => other !== candidate && (other === '/' || candidate.startsWith(`${other}/`))));
}

/**
 * Walks what was chosen, in order, and decides for each entry by the overwrite rule. Nothing is written.
 * Below a directory that cannot be entered (something else is in its place and stays) nothing is yielded. A symbolic link in the place
 * of a directory is never followed; only the target folder itself may be one, as the user named it.
 * @throws `not-found.path`, `usage.invalid`, `repository.damaged`
 */
export async function* select(options: SelectionOptions): AsyncGenerator<SelectedEntry> {
	const { view, to } = options;
	const base = realFolder(bytesFromText(to === null ? view.manifest.object.path : path.resolve(to)));
	const parents = new Map<string, Decision>();
	for (const chosen of topmostPaths(options.paths)) {
		const found = await view.find(chosen);
		const around = yield* parentsOf(options, base, chosen, parents);
		const target = chosen === '/' ? base : joinPath(base, bytesFromText(chosen.slice(1)));
		if (around === 'keep' || around === 'conflict') yield { ...found, target, decision: 'conflict', isParent: false };
		else yield* walk(options, found, target, around === 'create');
	}
}

function realFolder(folder: Buffer): Buffer {
	try {
		return fs.realpathSync(folder, { encoding: 'buffer' }) as Buffer;
	} catch {
		return folder; // not there yet, or what is in the way is said when it is to be made
	}
}

/** Yields the directories that lead to `chosen`, each once. @returns what happens to the one that holds it */
async function* parentsOf(
	options: SelectionOptions,
	base: Buffer,
	chosen: string,
	done: Map<string, Decision>,
): AsyncGenerator<SelectedEntry, Decision | null> {
	const parts = chosen.split('/').slice(1, -1);
	let around: Decision | null = null;
	for (let count = 0; count <= parts.length && chosen !== '/'; count++) {
		const parent = `/${parts.slice(0, count).join('/')}`;
		const known = done.get(parent);
		const { entry } = await options.view.find(parent);
		const target = count === 0 ? base : joinPath(base, bytesFromText(parent.slice(1)));
		// directories that lead somewhere never replace what is there, and nothing is looked up through something that is no directory
		around = known ?? (around === 'create' ? 'create' : decide(entry, target, 'never'));
		done.set(parent, around);
		if (around === 'keep' || around === 'conflict') return around;
		if (!known) yield { path: parent, entry, target, decision: around, isParent: true };
	}
	return around;
}

/** @param isFresh the directory around it is made by this restore: nothing can be in the way */
async function* walk(options: SelectionOptions, { path: at, entry }: LocatedEntry, target: Buffer, isFresh: boolean): AsyncGenerator<SelectedEntry> {
	options.signal.throwIfAborted();
	const decision = isFresh ? 'create' : decide(entry, target, options.overwrite);
	yield { path: at, entry, target, decision, isParent: false };
	if (entry.type !== 'directory' || decision === 'keep' || decision === 'conflict') return;
	let isDamaged = false;
	for await (const child of options.view.children(entry, 0, () => (isDamaged = true))) {
		const location = { path: childPath(at, textFromBytes(child.name)), entry: child };
		yield* walk(options, location, joinPath(target, Buffer.from(child.name)), decision !== 'merge');
	}
	if (isDamaged) yield { path: at, entry, target, decision: 'damaged', isParent: false };
}

function decide(entry: TreeEntry, target: Buffer, rule: OverwriteRule): Decision {
	let existing: fs.BigIntStats;
	try {
		existing = fs.lstatSync(target, { bigint: true });
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === 'ENOENT') return 'create';
		if (code === 'ENOTDIR') return 'conflict';
		throw new EngineError('restore.target', `${textFromBytes(target).toWellFormed()} cannot be looked at (${code}).`, {
			hint: 'Restore to another folder, or give the account that runs Holdfast permission.',
			cause: error,
		});
	}
	const isFolder = typeOf(existing) === 'directory';
	if (entry.type === 'directory' && isFolder) return 'merge';
	const mayReplace = rule === 'always' || (rule === 'newer' && entry.mtimeNs > existing.mtimeNs);
	if (!mayReplace) return 'keep';
	return isFolder ? 'conflict' : 'replace'; // a folder with all that is in it is never removed for a file
}
