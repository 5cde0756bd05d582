import * as fs from 'node:fs';
import * as path from 'node:path';
import { textFromBytes } from '../base/index.ts';
import { diskName } from '../block/index.ts';
import type { BrowseEntry, BrowsePage, OverwriteRule, RestorePlan } from '../contract/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { openPlatform } from '../platform/index.ts';
import { readDiskMap } from './disk-content.ts';
import { normalPath, type PointView } from './point-view.ts';
import { select } from './selection.ts';

const platform = openPlatform();
const nsPerMs = 1_000_000n;
const types: Readonly<Record<TreeEntry['type'], BrowseEntry['type']>> = {
	file: 'file',
	directory: 'directory',
	link: 'link',
	fifo: 'other',
	'character-device': 'other',
	'block-device': 'other',
};

const browseEntry = (entry: TreeEntry): BrowseEntry => ({
	name: textFromBytes(entry.name),
	type: types[entry.type],
	sizeBytes: entry.type === 'directory' ? entry.totals.bytes : entry.sizeBytes,
	modifiedAt: Number(entry.mtimeNs / nsPerMs),
	mode: entry.mode,
	owner: `${platform.metadata.ownerName(entry.uid)}:${platform.metadata.groupName(entry.gid)}`,
	target: entry.type === 'link' ? textFromBytes(entry.target) : null,
});

/** One page of a folder of a restore point; a disk shows as one entry. @throws `not-found.path` */
export async function browse(view: PointView, at: string, offset: number, limit: number): Promise<BrowsePage> {
	if (view.manifest.root.kind === 'disk') return browseDisk(view);
	const { entry, path: found } = await view.find(at);
	if (entry.type !== 'directory') return { path: found, total: 1, entries: [browseEntry(entry)] };
	const total = entry.pages.reduce((sum, page) => sum + page.entryCount, 0);
	const entries: BrowseEntry[] = [];
	for await (const child of view.children(entry, offset)) {
		if (entries.length === limit) break;
		entries.push(browseEntry(child));
	}
	return { path: found, total, entries };
}

async function browseDisk(view: PointView): Promise<BrowsePage> {
	const { sizeBytes } = await readDiskMap(view);
	const name = diskName(view.manifest.object.path);
	return { path: '/', total: 1, entries: [{ name, type: 'disk', sizeBytes, modifiedAt: view.manifest.createdAt, mode: 0, owner: '', target: null }] };
}

export async function stat(view: PointView, at: string): Promise<{ sizeBytes: number; modifiedAt: number | null } | null> {
	if (view.manifest.root.kind === 'disk') return null;
	const found = await view.tryFind(normalPath(at));
	return found && { sizeBytes: browseEntry(found.entry).sizeBytes, modifiedAt: Number(found.entry.mtimeNs / nsPerMs) };
}

const listedPaths = 100;

/** What a restore would do, without doing it. */
export async function plan(view: PointView, paths: readonly string[], to: string | null, overwrite: OverwriteRule, signal: AbortSignal): Promise<RestorePlan> {
	const counts = { files: 0, directories: 0, links: 0, others: 0, bytes: 0, overwritten: 0, kept: 0 };
	const overwrittenPaths: string[] = [];
	for await (const { entry, decision, target, isParent } of select({ view, paths, to, overwrite, signal })) {
		if (isParent || decision === 'merge' || decision === 'damaged') continue;
		if (decision === 'keep' || decision === 'conflict') {
			counts.kept++;
			continue;
		}
		if (decision === 'replace') {
			counts.overwritten++;
			if (overwrittenPaths.length < listedPaths) overwrittenPaths.push(textFromBytes(target));
		}
		if (entry.type === 'file') counts.files++;
		else if (entry.type === 'directory') counts.directories++;
		else if (entry.type === 'link') counts.links++;
		else counts.others++;
		counts.bytes += entry.sizeBytes;
	}
	const freeBytes = freeSpace(to ?? view.manifest.object.path);
	return { ...counts, overwrittenPaths, freeBytes, fits: freeBytes === null || counts.bytes <= freeBytes };
}

/** Of the volume that will hold `target`, which may not exist yet. */
function freeSpace(target: string): number | null {
	for (let at = path.resolve(target); ; at = path.dirname(at)) {
		try {
			const status = fs.statfsSync(at);
			return status.bavail * status.bsize;
		} catch {
			if (at === path.dirname(at)) return null; // not even the root can be asked
		}
	}
}
