import { EngineError } from '../base/index.ts';
import {
	blocksInSegment,
	type FileIndex,
	isZeroHash,
	maxListDepth,
	type PointManifest,
	parseDiskMap,
	parseMapSegment,
	storedBlocks,
	visitExtents,
	visitPage,
} from '../format/index.ts';
import type { ChunkReader } from './chain-reader.ts';

/** Which chunks of some files are needed: one bit per chunk, whatever the files measure. A chunk that lies in several files has its bit in the first of them. */
export class LiveMap {
	readonly #indexes: readonly FileIndex[];
	readonly #bits: readonly Uint8Array[];

	constructor(indexes: readonly FileIndex[]) {
		this.#indexes = indexes;
		this.#bits = indexes.map((index) => new Uint8Array(Math.ceil(index.chunkCount / 8)));
	}

	/** @returns whether the chunk was unmarked before; null when no file has it */
	mark(hash: Uint8Array): boolean | null {
		const place = this.#find(hash);
		if (place === null) return null;
		const { bits, position } = place;
		const isNew = !isSet(bits, position);
		bits[position >> 3] = (bits[position >> 3] as number) | (1 << (position & 7));
		return isNew;
	}

	has(hash: Uint8Array): boolean {
		const place = this.#find(hash);
		return place !== null && isSet(place.bits, place.position);
	}

	#find(hash: Uint8Array): { readonly bits: Uint8Array; readonly position: number } | null {
		for (let file = 0; file < this.#indexes.length; file++) {
			const position = (this.#indexes[file] as FileIndex).position(hash);
			if (position >= 0) return { bits: this.#bits[file] as Uint8Array, position };
		}
		return null;
	}
}

const isSet = (bits: Uint8Array, position: number): boolean => ((bits[position >> 3] as number) & (1 << (position & 7))) !== 0;

/**
 * Marks everything that the points need. A part that was marked before is not walked again, so that many points that share most of
 * their content cost little more than one.
 * @throws `repository.damaged` when a part of a tree or map is missing or damaged: nothing may then be thrown away
 */
export async function markLive(
	reader: ChunkReader,
	points: readonly PointManifest[],
	live: LiveMap,
	{ signal }: { readonly signal: AbortSignal },
): Promise<void> {
	const mark = (hash: Uint8Array): boolean => {
		const isNew = live.mark(hash);
		if (isNew === null)
			throw new EngineError('repository.damaged', 'The chain has lost a chunk that a restore point needs.', { hint: 'Run a check of the chain.' });
		return isNew;
	};
	const markLists = async (lists: readonly Uint8Array[], depth: number): Promise<void> => {
		if (lists.length > 0 && depth > maxListDepth) throw new EngineError('repository.damaged', 'The extents of a file are nested too deeply.');
		for (const hash of lists) {
			const inner: Uint8Array[] = [];
			visitExtents(await reader.readChunk(hash), 'the extents of a file', { data: mark, list: (list) => mark(list) && inner.push(list) });
			await markLists(inner, depth + 1);
		}
	};
	const markPage = async (hash: Uint8Array): Promise<void> => {
		signal.throwIfAborted();
		if (!mark(hash)) return;
		const [lists, pages]: [Uint8Array[], Uint8Array[]] = [[], []];
		visitPage(await reader.readChunk(hash), 'a directory', { data: mark, list: (list) => mark(list) && lists.push(list), page: (page) => pages.push(page) });
		await markLists(lists, 1);
		for (const page of pages) await markPage(page);
	};
	const markDisk = async (hash: Uint8Array): Promise<void> => {
		if (!mark(hash)) return;
		const map = parseDiskMap(await reader.readChunk(hash), 'a disk map');
		for (const [i, segment] of map.segments.entries()) {
			signal.throwIfAborted();
			if (isZeroHash(segment) || !mark(segment)) continue;
			const names = parseMapSegment(await reader.readChunk(segment), blocksInSegment(map, i), 'a disk map');
			for (const block of storedBlocks(names)) mark(block);
		}
	};
	for (const { root } of points) await (root.kind === 'disk' ? markDisk : markPage)(Buffer.from(root.hash, 'hex'));
}
