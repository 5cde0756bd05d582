import { EngineError, textFromBytes } from '../base/index.ts';
import {
	blocksInSegment,
	blocksPerSegment,
	type DiskMapRoot,
	hashBytes,
	isZeroHash,
	parseDiskMap,
	parseMapSegment,
	type TreeEntry,
	zeroBlocks,
} from '../format/index.ts';
import { diskInFile } from '../source/index.ts';
import type { PointView } from './point-view.ts';

/** A range of a disk: one chunk, or zeros. */
export type DiskPiece = { readonly offsetBytes: number; readonly lengthBytes: number; readonly hash: Uint8Array | null };

/** A disk of a restore point, however the point keeps it. */
export type DiskContent = {
	readonly sizeBytes: number;
	/** All of it in order, some pieces at a time. Fails with `repository.damaged`. */
	pieces(): AsyncIterable<readonly DiskPiece[]>;
};

const piecesAtOnce = 1024;

/**
 * The disk of a point of a disk, or one of a virtual machine.
 * @param name of the disk, where there are several
 * @throws `usage.invalid`, `not-found.disk`, `repository.*`
 */
export async function openDiskContent(view: PointView, name: string | null): Promise<DiskContent> {
	const { object, root } = view.manifest;
	if (root.kind === 'disk') {
		const map = await readDiskMap(view);
		return { sizeBytes: map.sizeBytes, pieces: () => piecesOfMap(view, map) };
	}
	if (object.kind !== 'vm')
		throw new EngineError('usage.invalid', `${object.path} is a folder, not a disk.`, { hint: 'Restore it with "holdfast restore files".' });
	const disks = await machineDisks(view);
	const chosen = chooseDisk([...disks.keys()], name, view.manifest.id);
	return fileContent(view, disks.get(chosen) as TreeEntry);
}

/** @throws `not-found.disk`; `usage.invalid` where it must be said which */
export function chooseDisk(disks: readonly string[], name: string | null, point: string): string {
	const hint = `It holds ${disks.join(', ') || 'none'}.`;
	const [only, second] = disks;
	if (name === null) {
		if (only !== undefined && second === undefined) return only;
		throw new EngineError('usage.invalid', `The restore point ${point} is one of a virtual machine: say which of its disks is meant.`, {
			hint,
			data: { field: 'disk' },
		});
	}
	if (disks.includes(name)) return name;
	throw new EngineError('not-found.disk', `The restore point ${point} holds no disk “${name}”.`, { hint, data: { field: 'disk' } });
}

/** The files of a virtual machine's disks by the names of these. */
export async function machineDisks(view: PointView): Promise<ReadonlyMap<string, TreeEntry>> {
	const disks = new Map<string, TreeEntry>();
	for await (const entry of view.children(await view.root())) {
		const disk = entry.type === 'file' ? diskInFile(textFromBytes(entry.name)) : null;
		if (disk !== null) disks.set(disk, entry);
	}
	return disks;
}

export const fileContent = (view: PointView, entry: TreeEntry): DiskContent => ({ sizeBytes: entry.sizeBytes, pieces: () => piecesOfFile(view, entry) });

async function* piecesOfFile(view: PointView, entry: TreeEntry): AsyncGenerator<readonly DiskPiece[]> {
	let pieces: DiskPiece[] = [];
	let offsetBytes = 0;
	for await (const extent of view.extents(entry)) {
		const { lengthBytes } = extent;
		if (offsetBytes + lengthBytes > entry.sizeBytes) break;
		pieces.push({ offsetBytes, lengthBytes, hash: extent.kind === 'data' ? extent.hash : null });
		offsetBytes += lengthBytes;
		if (pieces.length < piecesAtOnce) continue;
		yield pieces;
		pieces = [];
	}
	if (offsetBytes !== entry.sizeBytes)
		throw new EngineError('repository.damaged', `The extents of ${textFromBytes(entry.name)} in ${view.manifest.id} do not have its length.`);
	yield pieces;
}

async function* piecesOfMap(view: PointView, map: DiskMapRoot): AsyncGenerator<readonly DiskPiece[]> {
	const { blockSizeBytes, sizeBytes } = map;
	for await (const { firstBlock, hashes } of readSegments(view, map)) {
		yield Array.from({ length: hashes.byteLength / hashBytes }, (_, i) => {
			const hash = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
			const offsetBytes = (firstBlock + i) * blockSizeBytes;
			return { offsetBytes, lengthBytes: Math.min(blockSizeBytes, sizeBytes - offsetBytes), hash: isZeroHash(hash) ? null : hash };
		});
	}
}

export async function readDiskMap(view: PointView): Promise<DiskMapRoot> {
	return parseDiskMap(await view.reader.readChunk(view.rootHash), `the disk map of ${view.manifest.id}`);
}

/** Block hashes, segment by segment, with the number of the first block. @throws `repository.damaged` */
export async function* readSegments(view: PointView, map: DiskMapRoot): AsyncGenerator<{ firstBlock: number; hashes: Uint8Array }> {
	for (const [i, segment] of map.segments.entries()) {
		const blocks = blocksInSegment(map, i);
		const { hashes } = isZeroHash(segment)
			? zeroBlocks(blocks, { isFingerprinted: false })
			: parseMapSegment(await view.reader.readChunk(segment), blocks, `the disk map of ${view.manifest.id}`);
		yield { firstBlock: i * blocksPerSegment, hashes };
	}
}
