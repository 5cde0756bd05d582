/**
 * Two folders compared by reading both: kinds, sizes, modes, targets of links, and every byte. Shares no code with what
 * made the copy, so that it can contradict it.
 */
import { type BigIntStats, constants } from 'node:fs';
import { access, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export type TreeDifference = { readonly path: string; readonly what: string };
export type TreeComparison = {
	readonly entries: number;
	readonly bytes: number;
	readonly differences: readonly TreeDifference[];
	/** Touched in the original after `changedAfter`: they say nothing about the copy. */
	readonly changed: readonly string[];
	/** What this user may not read in the original: it cannot have been kept, and cannot be compared. */
	readonly unreadable: readonly string[];
};

export type CompareOptions = {
	readonly original: string;
	readonly copy: string;
	/** Names that are left out wherever they are, and paths below the root (without a leading slash). */
	readonly skipNames: ReadonlySet<string>;
	readonly skipPaths: ReadonlySet<string>;
	/** Epoch milliseconds. */
	readonly changedAfter: number;
	onProgress?(entries: number, bytes: number): void;
	readonly signal?: AbortSignal;
};

const bufferBytes = 1 << 20;

export async function compareTrees({ original, copy, skipNames, skipPaths, changedAfter, onProgress, signal }: CompareOptions): Promise<TreeComparison> {
	const differences: TreeDifference[] = [];
	const changed: string[] = [];
	const unreadable: string[] = [];
	const buffers = [Buffer.allocUnsafe(bufferBytes), Buffer.allocUnsafe(bufferBytes)] as const;
	let entries = 0;
	let bytes = 0;

	/** Notes a difference, unless the original has changed since. */
	const note = (path: string, what: string, stats?: BigIntStats): void => {
		if (stats !== undefined && Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs)) >= changedAfter) changed.push(path);
		else differences.push({ path, what });
	};

	const compareEntry = async (path: string): Promise<void> => {
		signal?.throwIfAborted();
		const [left, right] = [join(original, path), join(copy, path)];
		const [leftStats, rightStats] = await Promise.all([statOrNull(left), statOrNull(right)]);
		if (leftStats === null || leftStats.isSocket()) return; // vanished while we looked, or nothing that could be kept
		if ((leftStats.isFile() || leftStats.isDirectory()) && !(await isReadable(left))) return void unreadable.push(path);
		entries++;
		if (rightStats === null) return note(path, 'is missing in the copy', leftStats);
		if (kindOf(leftStats) !== kindOf(rightStats)) return note(path, `is a ${kindOf(leftStats)}, but a ${kindOf(rightStats)} in the copy`, leftStats);
		if (!leftStats.isSymbolicLink() && leftStats.mode !== rightStats.mode) {
			note(path, `has mode ${octal(leftStats.mode)}, but ${octal(rightStats.mode)} in the copy`, leftStats);
		}
		if (leftStats.isDirectory()) return compareFolder(path, leftStats);
		if (leftStats.isSymbolicLink()) {
			const [leftTarget, rightTarget] = await Promise.all([readlink(left, 'buffer'), readlink(right, 'buffer')]);
			if (!leftTarget.equals(rightTarget)) note(path, 'points elsewhere in the copy', leftStats);
		} else if (leftStats.isFile()) {
			if (leftStats.size !== rightStats.size) return note(path, `has ${leftStats.size} bytes, but ${rightStats.size} in the copy`, leftStats);
			const offset = await firstDifference(left, right, buffers);
			if (offset !== null) note(path, `differs from byte ${offset}`, leftStats);
			bytes += Number(leftStats.size);
		}
		onProgress?.(entries, bytes);
	};

	const compareFolder = async (path: string, stats: BigIntStats): Promise<void> => {
		const [left, right] = await Promise.all([readdir(join(original, path)), readdir(join(copy, path))]);
		const isWanted = (name: string): boolean => !skipNames.has(name) && !skipPaths.has(join(path, name));
		const wanted = new Set(left.filter(isWanted));
		for (const name of right) if (!wanted.has(name)) note(join(path, name), 'is only in the copy', stats);
		for (const name of wanted) await compareEntry(join(path, name));
	};

	await compareEntry('');
	return { entries, bytes, differences, changed, unreadable };
}

const isReadable = (path: string): Promise<boolean> =>
	access(path, constants.R_OK).then(
		() => true,
		() => false,
	);

const octal = (mode: bigint): string => (mode & 0o7777n).toString(8).padStart(4, '0');

function kindOf(stats: BigIntStats): string {
	if (stats.isFile()) return 'file';
	if (stats.isDirectory()) return 'folder';
	if (stats.isSymbolicLink()) return 'link';
	return stats.isFIFO() ? 'pipe' : stats.isBlockDevice() ? 'block device' : stats.isCharacterDevice() ? 'character device' : 'socket';
}

const statOrNull = (path: string): Promise<BigIntStats | null> =>
	lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return null;
		throw error;
	});

/** Offset of the first byte that differs; null when the two files are equal. */
async function firstDifference(left: string, right: string, [leftBuffer, rightBuffer]: readonly [Buffer, Buffer]): Promise<number | null> {
	await using leftFile = await open(left);
	await using rightFile = await open(right);
	for (let offset = 0; ; ) {
		const [leftBytes, rightBytes] = await Promise.all([fill(leftFile, leftBuffer, offset), fill(rightFile, rightBuffer, offset)]);
		const common = Math.min(leftBytes, rightBytes);
		if (leftBytes !== rightBytes || leftBuffer.compare(rightBuffer, 0, common, 0, common) !== 0) {
			let at = 0;
			while (at < common && leftBuffer[at] === rightBuffer[at]) at++;
			return offset + at;
		}
		if (common === 0) return null;
		offset += common;
	}
}

/** Reads until the buffer is full or the file ends: a single read may return less. */
async function fill(file: Awaited<ReturnType<typeof open>>, buffer: Buffer, position: number): Promise<number> {
	let filled = 0;
	while (filled < buffer.length) {
		const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
		if (bytesRead === 0) break;
		filled += bytesRead;
	}
	return filled;
}
