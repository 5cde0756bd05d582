import { isEngineError, textFromBytes } from '../../base/index.ts';
import type { Damage } from '../../contract/index.ts';
import {
	blocksInSegment,
	type FileIndex,
	hashText,
	isZeroHash,
	maxListDepth,
	type PointManifest,
	parseDiskMap,
	parseExtents,
	parseMapSegment,
	parsePage,
	storedBlocks,
	type TreeEntry,
} from '../../format/index.ts';
import type { ChainReader } from '../chain-reader.ts';
import { filesNeeded } from '../chain-store.ts';
import { LiveMap } from '../liveness.ts';
import type { OpenChain, StoredFile } from '../open-chain.ts';
import { type Fault, type FileCheck, faultOf, type RecordFault } from './check-file.ts';

/** A chain that lies in ruins must not fill the memory with its complaints. */
export const maxFindings = 10_000;

export type Findings = { readonly damaged: Damage[]; readonly unreadable: Damage[] };
/** A chunk that no index of a point's files names. */
type LostChunk = Omit<Fault, 'structure'> & { readonly structure: 'chunk'; readonly chunk: string };
type AnyFault = Fault | RecordFault | LostChunk;

const childPath = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);

/** The files that one point needs, its own last, and the parts of trees and maps that were found to be whole in them. */
type Line = { readonly files: readonly StoredFile[]; readonly whole: LiveMap };

/**
 * Which points, and which paths in them, broken structures hurt: walks trees and maps, of which a part that was found whole is not walked again.
 * Also finds chunks that points need and no file has.
 */
export async function findHurt(
	chain: OpenChain,
	checks: ReadonlyMap<StoredFile, FileCheck>,
	options: { readonly signal: AbortSignal; readonly onPoint?: (point: PointManifest) => void },
): Promise<Findings> {
	const findings: Findings = { damaged: [], unreadable: [] };
	const told = new Set<string>();
	const hurting = new Set<AnyFault>();
	const tell = (fault: AnyFault, point: PointManifest | null, path: string | null): void => {
		hurting.add(fault);
		const { file, structure, offset, reason, isUnreadable } = fault;
		const list = isUnreadable ? findings.unreadable : findings.damaged;
		const key = `${structure}\n${file}\n${offset}\n${'chunk' in fault ? fault.chunk : ''}\n${point?.id}\n${path}`;
		if (told.has(key) || list.length >= maxFindings) return;
		told.add(key);
		list.push({
			file,
			point: point?.id ?? null,
			path,
			reason,
			structure,
			offset,
			...('chunk' in fault && { chunk: fault.chunk }),
			...(point === null && { isHarmless: true }),
		});
	};
	const lines: Line[] = [];
	const walks = chain.files.map((file) => ({ own: file, files: filesNeeded(chain.stored, file) })).sort((a, b) => a.files.length - b.files.length); // what is whole in few files is whole in more
	for (const { own, files } of walks) {
		const closed = files.flatMap((file) => (checks.get(file)?.index ? [] : (checks.get(file)?.faults ?? [])));
		for (const fault of closed) for (const point of own.points) tell(fault, point, null);
		if (closed.length > 0) continue;
		const indexes = files.map((file) => checks.get(file)?.index as FileIndex);
		const line: Line = { files, whole: new LiveMap(indexes) };
		const smaller = lines.filter((other) => other.files.every((file) => files.includes(file)));
		lines.push(line);
		await using reader = chain.reader(files, indexes);
		const walk = new PointWalk({ chain, line, smaller, indexes, bad: files.map((file) => badChunks(checks.get(file))), reader, tell, signal: options.signal });
		for (const point of own.points) {
			options.onPoint?.(point);
			await walk.visit(point);
		}
	}
	for (const { faults } of checks.values()) for (const fault of faults) if (!hurting.has(fault)) tell(fault, null, null);
	return findings;
}

const badChunks = (check: FileCheck | undefined): ReadonlyMap<string, RecordFault> =>
	new Map((check?.faults ?? []).flatMap((fault) => ('hashes' in fault ? fault.hashes.map((hash) => [hashText(hash), fault] as const) : [])));

type WalkInput = {
	readonly chain: OpenChain;
	readonly line: Line;
	readonly smaller: readonly Line[];
	readonly indexes: readonly FileIndex[];
	/** By file, as in the line. */
	readonly bad: readonly ReadonlyMap<string, RecordFault>[];
	readonly reader: ChainReader;
	readonly tell: (fault: AnyFault, point: PointManifest, path: string | null) => void;
	readonly signal: AbortSignal;
};

class PointWalk {
	readonly #in: WalkInput;
	#point: PointManifest | null = null;
	/** Faults that the walk itself has met in records that were not due. */
	readonly #met = new Map<string, Fault>();

	constructor(input: WalkInput) {
		this.#in = input;
	}

	async visit(point: PointManifest): Promise<void> {
		this.#point = point;
		const root = Buffer.from(point.root.hash, 'hex');
		if (point.root.kind === 'disk') await this.#disk(root, point.object.path);
		else await this.#page(root, '/', true);
	}

	#tell(fault: AnyFault, path: string): void {
		if (this.#point) this.#in.tell(fault, this.#point, path);
	}

	/** Why a chunk cannot be had from any of the files; null: it can. */
	#loss(hash: Uint8Array): AnyFault | null {
		const { indexes, bad, line } = this.#in;
		let loss: AnyFault | null = null;
		for (let i = indexes.length - 1; i >= 0; i--) {
			if (!indexes[i]?.has(hash)) continue;
			const faults = bad[i];
			const fault = faults && faults.size > 0 ? faults.get(hashText(hash)) : undefined;
			if (fault === undefined) return null;
			loss = fault;
		}
		if (loss) return loss;
		const chunk = hashText(hash);
		const file = this.#in.chain.pathOf(line.files.at(-1) as StoredFile);
		return { file, structure: 'chunk', offset: 0, chunk, reason: `The chain has lost the chunk ${chunk}.`, isUnreadable: false };
	}

	/** A part of a tree or map; null when it cannot be had, which is then said. */
	async #part<T>(hash: Uint8Array, path: string, parse: (bytes: Uint8Array) => T): Promise<T | null> {
		const loss = this.#loss(hash);
		if (loss) {
			this.#tell(loss, path);
			return null;
		}
		try {
			return parse(await this.#in.reader.readChunk(hash));
		} catch (error) {
			if (!isEngineError(error)) throw error;
			const found = this.#in.reader.locate(hash);
			const file = this.#in.line.files[found?.fileNumber ?? -1];
			const place = file ? this.#in.chain.pathOf(file) : '';
			const key = `${place}:${found?.location.recordOffset}`;
			const fault = this.#met.get(key) ?? faultOf(place, 'record', found?.location.recordOffset ?? 0, error);
			this.#met.set(key, fault);
			this.#tell(fault, path);
			return null;
		}
	}

	/** Whether the part below `hash` was walked before and is whole. */
	#isKnownWhole(hash: Uint8Array): boolean {
		return this.#in.line.whole.has(hash) || this.#in.smaller.some(({ whole }) => whole.has(hash));
	}

	/** @returns whether all below is whole */
	async #page(hash: Uint8Array, folder: string, isRoot = false): Promise<boolean> {
		this.#in.signal.throwIfAborted();
		if (this.#isKnownWhole(hash)) return true;
		const entries = await this.#part(hash, folder, (bytes) => parsePage(bytes, 'a directory'));
		if (entries === null) return false;
		let isWhole = true;
		for (const entry of entries) isWhole = (await this.#entry(entry, isRoot ? '/' : childPath(folder, textFromBytes(entry.name)))) && isWhole;
		if (isWhole) this.#in.line.whole.mark(hash);
		return isWhole;
	}

	async #entry(entry: TreeEntry, path: string): Promise<boolean> {
		if (entry.type === 'file') return this.#extents(entry.extents, path, 0);
		let isWhole = true;
		for (const page of entry.pages) isWhole = (await this.#page(page.hash, path)) && isWhole;
		return isWhole;
	}

	async #extents(extents: Uint8Array, path: string, depth: number): Promise<boolean> {
		let isWhole = depth <= maxListDepth;
		if (!isWhole) return false;
		for (const extent of parseExtents(extents, 'the extents of a file')) {
			if (extent.kind === 'data') isWhole = this.#chunk(extent.hash, path) && isWhole;
			else if (extent.kind === 'list' && !this.#isKnownWhole(extent.hash)) {
				const list = await this.#part(extent.hash, path, (bytes) => bytes);
				const isListWhole = list !== null && (await this.#extents(list, path, depth + 1));
				if (isListWhole) this.#in.line.whole.mark(extent.hash);
				isWhole = isListWhole && isWhole;
			}
		}
		return isWhole;
	}

	#chunk(hash: Uint8Array, path: string): boolean {
		const loss = this.#loss(hash);
		if (loss) this.#tell(loss, path);
		return loss === null;
	}

	async #disk(root: Uint8Array, path: string): Promise<void> {
		if (this.#isKnownWhole(root)) return;
		const map = await this.#part(root, path, (bytes) => parseDiskMap(bytes, 'a disk map'));
		let isWhole = map !== null;
		for (const [i, segment] of map?.segments.entries() ?? []) {
			this.#in.signal.throwIfAborted();
			if (map === null || isZeroHash(segment) || this.#isKnownWhole(segment)) continue;
			const names = await this.#part(segment, path, (bytes) => parseMapSegment(bytes, blocksInSegment(map, i), 'a disk map'));
			let isSegmentWhole = names !== null;
			for (const block of names ? storedBlocks(names) : []) isSegmentWhole = this.#chunk(block, path) && isSegmentWhole;
			if (isSegmentWhole) this.#in.line.whole.mark(segment);
			isWhole = isSegmentWhole && isWhole;
		}
		if (isWhole) this.#in.line.whole.mark(root);
	}
}
