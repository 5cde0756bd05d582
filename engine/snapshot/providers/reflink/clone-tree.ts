/** Clones of files share their blocks with the originals until one of the two is written to (ioctl_ficlone(2)). */
import * as fs from 'node:fs';
import { bytesFromText, EngineError, systemErrorCode, textFromBytes } from '../../../base/index.ts';
import type { Platform } from '../../../platform/index.ts';
import { hiddenFolderName } from '../../hidden-folder.ts';
import { encodeOrigin, originAttribute } from '../../origin.ts';

const hidden = Buffer.from(hiddenFolderName);
const separator = Buffer.from('/');
/** BTRFS_FIRST_FREE_OBJECTID: of another device and this inode is a subvolume of the same file system, and not a mount. */
const subvolumeInode = 256n;
/** More files than this that cannot be cloned mean that something else is wrong. */
const maxRefused = 1000;
const linkable = fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE_FORCE;

/**
 * Makes `target` a tree like `source`, every file of it a clone taken at one instant of its own, with owners, modes, times and attributes, and with what it is a
 * clone of. What is mounted below is left out, and so are sockets, what vanishes meanwhile, and what `isLeftOut` says.
 * @returns files that could not be cloned, and are to be read where they are
 * @throws `snapshot.failed` when the file system cannot clone, the system's error when there is no room
 */
export function cloneTree(source: string, target: string, platform: Platform, isLeftOut: ((path: string) => boolean) | null): readonly string[] {
	const cloning = new Cloning(platform, isLeftOut);
	const path = bytesFromText(source);
	const stats = fs.lstatSync(path, { bigint: true });
	cloning.entry(path, bytesFromText(target), stats, stats.dev);
	return cloning.refused.map(textFromBytes);
}

class Cloning {
	readonly #platform: Platform;
	readonly #isLeftOut: ((path: string) => boolean) | null;
	/** Inodes with several names, by the first of them. */
	readonly #linked = new Map<string, Buffer>();
	readonly refused: Buffer[] = [];

	constructor(platform: Platform, isLeftOut: ((path: string) => boolean) | null) {
		this.#platform = platform;
		this.#isLeftOut = isLeftOut;
	}

	entry(source: Buffer, target: Buffer, stats: fs.BigIntStats, device: bigint): void {
		if (stats.isDirectory()) {
			this.#folder(source, target, stats, device);
			return;
		}
		const link = stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : null;
		const first = link && this.#linked.get(link);
		if (first) {
			fs.linkSync(first, target);
			return;
		}
		if (stats.isFile()) {
			if (!this.#file(source, target, stats)) return;
		} else if (stats.isSymbolicLink()) {
			fs.symlinkSync(fs.readlinkSync(source, { encoding: 'buffer' }), target);
			this.#metadata(source, target, stats, stats.ctimeNs);
		} else if (stats.isFIFO() || stats.isCharacterDevice() || stats.isBlockDevice()) {
			this.#platform.metadata.makeNode(target, Number(stats.mode), stats.rdev);
			this.#metadata(source, target, stats, stats.ctimeNs);
		} else return;
		if (link) this.#linked.set(link, target);
	}

	#folder(source: Buffer, target: Buffer, stats: fs.BigIntStats, device: bigint): void {
		fs.mkdirSync(target, { mode: 0o700 });
		for (const name of fs.readdirSync(source, { encoding: 'buffer' }) as Buffer[]) {
			if (name.equals(hidden)) continue;
			const child = Buffer.concat([source.length === 1 ? Buffer.alloc(0) : source, separator, name]);
			if (this.#isLeftOut?.(textFromBytes(child))) continue;
			const found = fs.lstatSync(child, { bigint: true, throwIfNoEntry: false });
			if (found === undefined || (found.dev !== device && found.ino !== subvolumeInode)) continue; // gone, or another file system
			try {
				this.entry(child, Buffer.concat([target, separator, name]), found, found.dev);
			} catch (error) {
				if (systemErrorCode(error) !== 'ENOENT') throw error;
			}
		}
		this.#metadata(source, target, stats, stats.ctimeNs); // afterwards: names that were added moved its time
	}

	#file(source: Buffer, target: Buffer, stats: fs.BigIntStats): boolean {
		try {
			fs.copyFileSync(source as unknown as string, target as unknown as string, linkable); // takes bytes, as all of fs does
		} catch (error) {
			const code = systemErrorCode(error);
			if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EDQUOT') throw error;
			fs.rmSync(target as unknown as string, { force: true });
			this.refused.push(source);
			if (this.refused.length > maxRefused)
				throw new EngineError('snapshot.failed', `${textFromBytes(source).toWellFormed()} and many others cannot be cloned (${code}).`, { cause: error });
			return false;
		}
		const now = fs.lstatSync(source, { bigint: true, throwIfNoEntry: false });
		const isSame = now?.ctimeNs === stats.ctimeNs && now.ino === stats.ino && now.size === stats.size;
		// a file that changed around its clone is recognised by nothing, and read again at the next run
		this.#metadata(source, target, stats, isSame ? stats.ctimeNs : 0n);
		return true;
	}

	#metadata(source: Buffer, target: Buffer, stats: fs.BigIntStats, ctimeNs: bigint): void {
		const { metadata } = this.#platform;
		fs.lchownSync(target, Number(stats.uid), Number(stats.gid)); // before what it would take away again
		if (!stats.isSymbolicLink()) fs.chmodSync(target, Number(stats.mode & 0o7777n));
		for (const { name, value } of metadata.listXattrs(source, () => undefined)) metadata.setXattr(target, name, value);
		metadata.setXattr(target, originAttribute, encodeOrigin({ dev: stats.dev, ino: stats.ino, ctimeNs }));
		metadata.setTimes(target, { atimeNs: stats.atimeNs, mtimeNs: stats.mtimeNs });
	}
}
