/** Puts one entry of a backup into place. Synchronous: it runs in worker threads. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { displayText, EngineError, systemErrorCode, textFromBytes } from '../base/index.ts';
import type { ItemWarning } from '../contract/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { Platform } from '../platform/index.ts';

export type Warn = (warning: ItemWarning) => void;

const fileTypeBits = { fifo: 0o010000, 'character-device': 0o020000, 'block-device': 0o060000 } as const;

/** Of this thread: no other has the same, today or before. */
const temporaryPrefix = `.holdfast-${randomBytes(8).toString('hex')}-`;
let temporaryCount = 0;

/** What a file is called while it is written: it gets its name when it is whole. */
export const temporaryName = (target: Buffer): Buffer => {
	const slash = target.lastIndexOf(0x2f);
	return Buffer.concat([target.subarray(0, slash + 1), Buffer.from(`${temporaryPrefix}${temporaryCount++}.part`)]);
};

/** @throws `restore.target` in words */
export function targetError(target: Buffer, error: unknown): EngineError {
	if (error instanceof EngineError) return error;
	const name = displayText(textFromBytes(target));
	const code = systemErrorCode(error);
	if (code === undefined) throw error;
	if (code === 'ENOSPC' || code === 'EDQUOT')
		return new EngineError('restore.target', `There is no room left for ${name}.`, {
			hint: 'Free some space or restore to another disk.',
			data: { isFull: true },
			cause: error,
		});
	if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
		return new EngineError('restore.target', `${name}: no permission to write it.`, {
			hint: 'Restore to another folder, or run Holdfast as an account that may write there.',
			cause: error,
		});
	return new EngineError('restore.target', `${name} could not be written (${code}).`, { cause: error });
}

const mayChown = process.platform !== 'win32';
const setIdBits = 0o6000;

/**
 * Owner, mode, attributes and times, in the order in which the kernel does not undo them: a change of owner clears setuid and capabilities,
 * everything moves the times. What cannot be set is a warning.
 */
export function applyMetadata(target: Buffer, entry: TreeEntry, platform: Platform, warn: Warn): void {
	const attempt = (what: string, action: () => void): void => {
		try {
			action();
		} catch (error) {
			const code = systemErrorCode(error);
			if (code === undefined) throw error;
			const name = textFromBytes(target);
			warn({ code: 'restore.metadata', message: `${displayText(name)}: its ${what} could not be set (${code}).`, path: name });
		}
	};
	let isOwned = true;
	if (mayChown) {
		const now = fs.lstatSync(target);
		if (now.uid !== entry.uid || now.gid !== entry.gid) {
			isOwned = false;
			attempt('owner', () => {
				fs.lchownSync(target, entry.uid, entry.gid);
				isOwned = true;
			});
		}
	}
	// a program that runs as its owner must not run as somebody else
	if (entry.type !== 'link') attempt('mode', () => fs.chmodSync(target, isOwned ? entry.mode : entry.mode & ~setIdBits));
	attempt('attributes', () => removeForeignAttributes(target, entry, platform));
	for (const { name, value } of entry.xattrs) {
		const attribute = textFromBytes(name);
		attempt(`attribute ${displayText(attribute)}`, () => platform.metadata.setXattr(target, attribute, value));
	}
	attempt('time', () => platform.metadata.setTimes(target, { atimeNs: entry.mtimeNs, mtimeNs: entry.mtimeNs }));
}

/** A default ACL of the target's folder gives every new file attributes that the backup does not know. A label is the system's own. */
function removeForeignAttributes(target: Buffer, entry: TreeEntry, platform: Platform): void {
	if (!platform.capabilities.xattrs.available) return;
	const wanted = entry.xattrs.map(({ name }) => textFromBytes(name));
	for (const { name } of platform.metadata.listXattrs(target, () => undefined))
		if (!wanted.includes(name) && !name.startsWith('security.')) platform.metadata.removeXattr(target, name);
}

/** Links, fifos and device nodes: everything without content. Replaces what is there if `replace`. */
export function createSpecial(target: Buffer, entry: TreeEntry, platform: Platform, replace: boolean, warn: Warn): void {
	const temporary = replace ? temporaryName(target) : target;
	if (entry.type === 'link') fs.symlinkSync(Buffer.from(entry.target), temporary);
	else if (entry.type === 'fifo' || entry.type === 'character-device' || entry.type === 'block-device')
		platform.metadata.makeNode(temporary, fileTypeBits[entry.type] | entry.mode, entry.rdev);
	applyMetadata(temporary, entry, platform, warn);
	if (replace) fs.renameSync(temporary, target);
}

/** Another name for a file that was restored. Replaces what is there if `replace`. */
export function createHardLink(first: Buffer, target: Buffer, replace: boolean): void {
	const temporary = replace ? temporaryName(target) : target;
	fs.linkSync(first, temporary);
	if (!replace) return;
	fs.renameSync(temporary, target);
	removeExisting(temporary); // renaming one name of a file over another of its names does nothing (POSIX)
}

/** Removes what should be replaced; a folder never is. */
export function removeExisting(target: Buffer): void {
	fs.rmSync(target, { force: true });
}
