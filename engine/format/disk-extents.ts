import { hashBytes, isZeroHash, zeroHash } from './chunk.ts';
import { type Extent, parseExtents, writeExtent } from './content.ts';
import { ByteWriter } from './cursor.ts';
import { blockCount, blocksInSegment, blocksPerSegment } from './disk-map.ts';

/**
 * A disk as the content of a file, as a tree keeps those of a virtual machine: one list of extents per segment of 1,024 blocks, so that a block that changes
 * costs the list of its segment; zeros are holes. A reader needs to know nothing of it: these are extents like others.
 */
export type DiskShape = { readonly sizeBytes: number; readonly blockSizeBytes: number };

const segmentBytesOf = ({ blockSizeBytes }: DiskShape): number => blockSizeBytes * blocksPerSegment;
const lengthAt = (offset: number, wanted: number, { sizeBytes }: DiskShape): number => Math.min(wanted, sizeBytes - offset);

/** Joins holes that touch. */
class ExtentWriter {
	readonly #writer = new ByteWriter(1024);
	#holeBytes = 0;

	hole(lengthBytes: number): void {
		this.#holeBytes += lengthBytes;
	}

	add(extent: Extent): void {
		this.#closeHole();
		writeExtent(this.#writer, extent);
	}

	end(): Uint8Array {
		this.#closeHole();
		return this.#writer.copy();
	}

	#closeHole(): void {
		if (this.#holeBytes > 0) writeExtent(this.#writer, { kind: 'hole', lengthBytes: this.#holeBytes });
		this.#holeBytes = 0;
	}
}

/** The list of one segment. @param hashes names of its blocks, one after the other */
export function encodeDiskSegment(hashes: Uint8Array, index: number, shape: DiskShape): Uint8Array {
	const writer = new ExtentWriter();
	for (let i = 0; i < hashes.byteLength / hashBytes; i++) {
		const lengthBytes = lengthAt(index * segmentBytesOf(shape) + i * shape.blockSizeBytes, shape.blockSizeBytes, shape);
		const hash = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
		if (isZeroHash(hash)) writer.hole(lengthBytes);
		else writer.add({ kind: 'data', lengthBytes, hash });
	}
	return writer.end();
}

/** The extents of the whole disk. @param segments names of the lists; the zero hash for one of nothing but zeros */
export function encodeDiskExtents(segments: readonly Uint8Array[], shape: DiskShape): Uint8Array {
	const writer = new ExtentWriter();
	for (const [i, hash] of segments.entries()) {
		const lengthBytes = lengthAt(i * segmentBytesOf(shape), segmentBytesOf(shape), shape);
		if (isZeroHash(hash)) writer.hole(lengthBytes);
		else writer.add({ kind: 'list', lengthBytes, hash });
	}
	return writer.end();
}

/** The names of a segment's blocks from its list; null when it is cut in another way. @throws `repository.damaged` */
export function parseDiskSegment(list: Uint8Array, index: number, shape: DiskShape): Uint8Array | null {
	const first = index * segmentBytesOf(shape);
	const blocks = blocksInSegment(shape, index);
	const hashes = new Uint8Array(blocks * hashBytes);
	let at = first;
	for (const extent of parseExtents(list, 'a segment of a disk')) {
		const block = (at - first) / shape.blockSizeBytes;
		if (!Number.isInteger(block) || block >= blocks || at + extent.lengthBytes > shape.sizeBytes) return null;
		if (extent.kind === 'list') return null;
		if (extent.kind === 'data') {
			if (extent.lengthBytes !== lengthAt(at, shape.blockSizeBytes, shape)) return null;
			hashes.set(extent.hash, block * hashBytes);
		}
		at += extent.lengthBytes;
	}
	return at === first + lengthAt(first, segmentBytesOf(shape), shape) ? hashes : null;
}

/**
 * The names of all segments of a disk; null when it is cut in another way.
 * @param readList reads a list that was too long to stand in its place
 * @throws `repository.damaged`
 */
export async function readDiskSegments(
	extents: Uint8Array,
	shape: DiskShape,
	readList: (hash: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array[] | null> {
	const segmentBytes = segmentBytesOf(shape);
	const segments = Array.from({ length: Math.ceil(blockCount(shape) / blocksPerSegment) }, () => zeroHash);
	const outer = [...parseExtents(extents, 'the extents of a disk')];
	const isPacked = outer.some(({ kind, lengthBytes }) => kind === 'list' && lengthBytes > segmentBytes);
	const lists = isPacked
		? await Promise.all(outer.map(async (extent) => ('hash' in extent ? [...parseExtents(await readList(extent.hash), 'the extents of a disk')] : [extent])))
		: [outer];
	let at = 0;
	for (const extent of lists.flat()) {
		const index = at / segmentBytes;
		if (!Number.isInteger(index)) return null;
		if ('hash' in extent) {
			if (extent.kind !== 'list' || extent.lengthBytes !== lengthAt(at, segmentBytes, shape)) return null;
			segments[index] = extent.hash;
		}
		at += extent.lengthBytes;
	}
	return at === shape.sizeBytes ? segments : null;
}
