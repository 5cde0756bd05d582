import * as fs from 'node:fs';
import { bytesFromText, EngineError, systemErrorCode } from '../../base/index.ts';
import { type ExtendedAttribute, nearestTime, noContent, type TreeEntry } from '../../format/index.ts';
import type { Platform } from '../../platform/index.ts';
import { originAttribute } from '../../snapshot/index.ts';
import type { FoundEntry } from './scan.ts';

const permissionBits = 0o7777n;

/** The same content and metadata as in the point before: size, both times and inode have not moved. A change of mode, owner or attributes moves ctime. */
export const isUnchanged = (found: FoundEntry, previous: TreeEntry): boolean =>
	previous.type === found.type &&
	previous.ctimeNs !== 0n &&
	previous.ctimeNs === found.stats.ctimeNs &&
	previous.mtimeNs === found.stats.mtimeNs &&
	previous.inode === found.stats.ino &&
	(found.type !== 'file' || BigInt(previous.sizeBytes) === found.stats.size);

/**
 * Everything but content, pages and totals. Attributes that cannot be read are reported and left out.
 * @throws the system's error when a link cannot be read
 */
export function describeEntry(found: FoundEntry, platform: Platform, onTrouble: (what: string, error: unknown) => void): TreeEntry {
	const { stats, name } = found;
	if (nearestTime(stats.mtimeNs) !== stats.mtimeNs)
		onTrouble('time', new EngineError('source.metadata', 'its time of modification lies outside of the years 1677 to 2262; the nearest time in them is kept'));
	if (found.type === 'socket' || found.type === 'unknown') throw new Error(`Defect: ${found.type} has no entry`);
	return {
		...noContent,
		name,
		type: found.type,
		mode: Number(stats.mode & permissionBits),
		uid: Number(stats.uid),
		gid: Number(stats.gid),
		mtimeNs: stats.mtimeNs,
		ctimeNs: stats.ctimeNs,
		inode: stats.ino,
		linkDevice: stats.nlink > 1n && found.type !== 'directory' ? stats.dev : null,
		xattrs: readAttributes(found.path, platform, onTrouble),
		target: found.type === 'link' ? fs.readlinkSync(found.path, { encoding: 'buffer' }) : noContent.target,
		rdev: found.type === 'character-device' || found.type === 'block-device' ? stats.rdev : 0n,
	};
}

const noAttributes: readonly ExtendedAttribute[] = [];

function readAttributes(path: Buffer, platform: Platform, onTrouble: (what: string, error: unknown) => void): readonly ExtendedAttribute[] {
	if (!platform.capabilities.xattrs.available) return noAttributes;
	try {
		const attributes = platform.metadata
			.listXattrs(path, (name, error) => onTrouble(`attribute ${name}`, error))
			.filter(({ name }) => name !== originAttribute);
		return attributes.length === 0 ? noAttributes : attributes.map(({ name, value }) => ({ name: bytesFromText(name), value }));
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') throw error; // all of it is gone, not its attributes alone
		onTrouble('extended attributes', error);
		return noAttributes;
	}
}
