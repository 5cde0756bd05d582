import { isEngineError } from '../../base/index.ts';
import {
	blocksInSegment,
	cipherOf,
	FileIndex,
	IndexBuilder,
	isZeroHash,
	maxListDepth,
	parseDiskMap,
	parseExtents,
	parseMapSegment,
	storedBlocks,
} from '../../format/index.ts';
import type { ChainHandle, ChunkReader } from '../chain-reader.ts';
import { openVault, type RepositoryPlace } from '../storage/open-storage.ts';
import { RecordVerifier } from './check-file.ts';
import type { Suspect } from './mend.ts';

/**
 * What a run must not rely on, although the chain that it builds on seems to hold it: chunks of which no copy is whole. They are read again from the
 * source and stored again, wherever that still has them.
 */
export class Distrust {
	/** Names of the chunks, as an index that threads can share. */
	readonly lost: FileIndex;
	readonly #base: readonly FileIndex[];

	private constructor(lost: FileIndex, base: readonly FileIndex[]) {
		this.lost = lost;
		this.#base = base;
	}

	/**
	 * Looks at the suspects again: what is whole by now, or cannot be read, is not distrusted.
	 * @returns null when there is nothing to distrust
	 */
	static async find(base: ChainHandle, suspects: readonly Suspect[], place: RepositoryPlace = base.repositoryPath): Promise<Distrust | null> {
		const { storage } = openVault(place);
		const cipher = cipherOf(base.keys);
		const own = suspects.filter(({ file }) => base.files.some(({ path }) => path === file));
		if (own.length === 0) return null;
		const indexes = base.files.map(({ index }) => new FileIndex(index));
		const bad = new Map<string, { readonly hash: Uint8Array; copies: number }>();
		for (const [i, { path }] of base.files.entries()) {
			const offsets = new Set(own.filter(({ file }) => file === path).map(({ offset }) => offset));
			if (offsets.size === 0) continue;
			await using file = await storage.open(path, 'read');
			const index = indexes[i] as FileIndex;
			const verifier = new RecordVerifier(file, index, cipher);
			let number = 0;
			for (const record of index.records()) {
				const recordNumber = number++;
				if (!offsets.has(record.offset)) continue;
				const fault = await verifier.verify(record, recordNumber);
				if (!fault || fault.isUnreadable) continue;
				for (const hash of fault.hashes) {
					const key = Buffer.from(hash).toString('hex');
					const known = bad.get(key) ?? { hash: Uint8Array.from(hash), copies: 0 };
					bad.set(key, { ...known, copies: known.copies + 1 });
				}
			}
		}
		const lost = [...bad.values()].filter(({ hash, copies }) => indexes.filter((index) => index.has(hash)).length === copies).map(({ hash }) => hash);
		const isMissing = own.some(({ chunk }) => chunk !== undefined && !indexes.some((index) => index.has(Buffer.from(chunk, 'hex'))));
		if (lost.length === 0 && !isMissing) return null;
		const builder = new IndexBuilder();
		builder.add(
			{ offset: 0, storedBytes: 0, rawBytes: 0, payloadCrc: 0, codec: 'none' },
			lost.map((hash) => ({ hash, rawOffset: 0, rawBytes: 0 })),
		);
		return new Distrust(builder.build(), indexes);
	}

	/** Whether the chain cannot give this chunk. */
	isLost(hash: Uint8Array): boolean {
		return this.lost.has(hash) || !this.#base.some((index) => index.has(hash));
	}

	/** Whether anything of a file's content cannot be had. @param reader of the chain */
	async isHurt(extents: Uint8Array, reader: ChunkReader, depth = 0): Promise<boolean> {
		if (depth > maxListDepth) return true;
		for (const extent of parseExtents(extents, 'the extents of a file')) {
			if (extent.kind !== 'data' && extent.kind !== 'list') continue;
			if (this.isLost(extent.hash)) return true;
			if (extent.kind === 'list' && (await this.#isListHurt(extent.hash, reader, depth))) return true;
		}
		return false;
	}

	async #isListHurt(hash: Uint8Array, reader: ChunkReader, depth: number): Promise<boolean> {
		try {
			return await this.isHurt(await reader.readChunk(hash), reader, depth + 1);
		} catch (error) {
			if (isEngineError(error, 'repository.damaged')) return true;
			throw error;
		}
	}

	/** Whether anything of a disk's map, or a block that it names, cannot be had any more. @param reader of the chain */
	async isDiskHurt(root: Uint8Array, reader: ChunkReader): Promise<boolean> {
		try {
			if (this.isLost(root)) return true;
			const where = 'the disk map of the point before';
			const map = parseDiskMap(await reader.readChunk(root), where);
			for (const [i, segment] of map.segments.entries()) {
				if (isZeroHash(segment)) continue;
				if (this.isLost(segment)) return true;
				const names = parseMapSegment(await reader.readChunk(segment), blocksInSegment(map, i), where);
				for (const block of storedBlocks(names)) if (this.isLost(block)) return true;
			}
			return false;
		} catch (error) {
			if (isEngineError(error, 'repository.damaged')) return true;
			throw error;
		}
	}
}
