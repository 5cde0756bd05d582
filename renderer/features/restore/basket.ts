/**
 * What has been picked for a restore, across folders of one restore point. Pure: every change gives a new basket.
 * A picked folder stands for all below it, so the basket never holds an entry together with one of its ancestors.
 */
export type Picked = { readonly path: string; readonly type: 'file' | 'directory' | 'link' | 'disk' | 'other'; readonly sizeBytes: number };
export type Basket = ReadonlyMap<string, Picked>;
/** `inherited`: an ancestor is picked · `partial`: something below is picked. */
export type PickState = 'none' | 'picked' | 'inherited' | 'partial';

export const emptyBasket: Basket = new Map();

export const isBelow = (path: string, ancestor: string): boolean => path !== ancestor && path.startsWith(ancestor === '/' ? '/' : `${ancestor}/`);

/** The picked ancestor that makes `path` part of the restore, if there is one. */
export function inheritedFrom(basket: Basket, path: string): string | null {
	for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
		const ancestor = at === 0 ? '/' : path.slice(0, at);
		if (ancestor !== path && basket.has(ancestor)) return ancestor;
		if (at === 0) break;
	}
	return null;
}

export function pickState(basket: Basket, path: string): PickState {
	if (basket.has(path)) return 'picked';
	if (inheritedFrom(basket, path)) return 'inherited';
	for (const picked of basket.keys()) if (isBelow(picked, path)) return 'partial';
	return 'none';
}

/** Adds entries; those below them leave, those under a picked folder are in already. */
export function pick(basket: Basket, entries: Iterable<Picked>): Basket {
	const next = new Map(basket);
	for (const entry of entries) {
		if (next.has(entry.path) || inheritedFrom(next, entry.path)) continue;
		if (entry.type === 'directory') for (const path of next.keys()) if (isBelow(path, entry.path)) next.delete(path);
		next.set(entry.path, entry);
	}
	return next;
}

export function drop(basket: Basket, paths: Iterable<string>): Basket {
	const next = new Map(basket);
	for (const path of paths) next.delete(path);
	return next;
}

/** What a click on the box of `entry` does; a folder that is picked in part becomes picked as a whole. */
export const toggle = (basket: Basket, entry: Picked): Basket => (basket.has(entry.path) ? drop(basket, [entry.path]) : pick(basket, [entry]));

export type BasketSummary = { readonly files: number; readonly folders: number; readonly knownBytes: number };

/** Folders count once; their content is known only after a dry run. */
export function summarise(basket: Basket): BasketSummary {
	let files = 0;
	let folders = 0;
	let knownBytes = 0;
	for (const { type, sizeBytes } of basket.values()) {
		if (type === 'directory') folders++;
		else {
			files++;
			knownBytes += sizeBytes;
		}
	}
	return { files, folders, knownBytes };
}
