import { type BlockNames, blocksInSegment, type DiskMapRoot, isZeroHash, parseDiskMap, parseMapSegment, zeroBlocks } from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';

const what = 'the disk map of the point before';

/** What a disk was at the point before. Segments of its map are read when they are asked for. */
export class MapBefore {
	readonly #map: DiskMapRoot;
	readonly #reader: ChunkReader;

	private constructor(map: DiskMapRoot, reader: ChunkReader) {
		this.#map = map;
		this.#reader = reader;
	}

	/** @returns null where the disk, or its blocks, had another size @throws `repository.damaged`, `repository.io` */
	static async open(root: Uint8Array, reader: ChunkReader, shape: { readonly sizeBytes: number; readonly blockSizeBytes: number }): Promise<MapBefore | null> {
		const map = parseDiskMap(await reader.readChunk(root), what);
		return map.sizeBytes === shape.sizeBytes && map.blockSizeBytes === shape.blockSizeBytes ? new MapBefore(map, reader) : null;
	}

	/** Names of all segments. */
	get segments(): readonly Uint8Array[] {
		return this.#map.segments;
	}

	/** The names of the blocks of a segment. @throws `repository.damaged`, `repository.io` */
	async readSegment(index: number): Promise<BlockNames> {
		const name = this.#map.segments[index] as Uint8Array;
		const blocks = blocksInSegment(this.#map, index);
		if (isZeroHash(name)) return zeroBlocks(blocks, { isFingerprinted: false });
		const { hashes, fingerprints } = parseMapSegment(await this.#reader.readChunk(name), blocks, what);
		return { hashes: Uint8Array.from(hashes), fingerprints: fingerprints && Uint8Array.from(fingerprints) }; // what the reader gave is the reader's
	}
}
