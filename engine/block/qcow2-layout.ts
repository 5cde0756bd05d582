/**
 * Where a qcow2 image that is written here keeps what it holds (QEMU's docs/interop/qcow2.txt). It is linear: byte N of the disk lies at `dataOffset + N` of the file, so that
 * threads can write data wherever they are in the disk, and know nothing of the tables. The file is sparse: tables and clusters that are not used are holes in it.
 *
 * | region | clusters |
 * |---|---|
 * | header | 1 |
 * | reference count table | as many as it takes |
 * | reference count blocks | one per `clustersPerRefcountBlock` clusters of the file; only those that count something are written |
 * | L1 table | as many as it takes |
 * | L2 tables | one per `clustersPerTable` clusters of the disk; those in use lie at the beginning |
 * | data | the disk |
 */
export type Qcow2Layout = {
	readonly clusterBits: number;
	readonly clusterBytes: number;
	/** Whole sectors: QEMU sees nothing of a part of one. */
	readonly virtualBytes: number;
	/** Clusters of the disk. */
	readonly clusterCount: number;
	readonly clustersPerTable: number;
	readonly tableCount: number;
	readonly clustersPerRefcountBlock: number;
	readonly refcountBlockCount: number;
	/** Numbers of clusters in the file. */
	readonly refcountTableAt: number;
	readonly refcountBlocksAt: number;
	readonly l1At: number;
	readonly l2At: number;
	readonly dataAt: number;
	readonly dataOffset: number;
	/** Of the file, with all that it may come to hold. */
	readonly fileBytes: number;
};

const sectorBytes = 512;
const leastClusterBits = 16;
const mostClusterBits = 21;
/** Keeps the map of used clusters at 16 MiB: up to 8 TiB clusters have 64 KiB. */
const clustersAtMost = 2 ** 27;
/** Data begins at a whole word of the map of used clusters, so that tables can be made word by word. */
export const clustersPerWord = 32;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

export function planQcow2(sizeBytes: number): Qcow2Layout {
	let clusterBits = leastClusterBits;
	while (clusterBits < mostClusterBits && sizeBytes / 2 ** clusterBits > clustersAtMost) clusterBits++;
	const clusterBytes = 2 ** clusterBits;
	const clusterCount = Math.ceil(sizeBytes / clusterBytes);
	const clustersPerTable = clusterBytes / 8;
	const tableCount = Math.max(1, Math.ceil(clusterCount / clustersPerTable));
	const l1Clusters = Math.ceil(tableCount / clustersPerTable);
	const clustersPerRefcountBlock = clusterBytes / 2;
	// Blocks count themselves and their table, too
	for (let refcountBlockCount = 1; ; ) {
		const refcountBlocksAt = 1 + Math.ceil(refcountBlockCount / clustersPerTable);
		const l1At = refcountBlocksAt + refcountBlockCount;
		const l2At = l1At + l1Clusters;
		const dataAt = roundUp(l2At + tableCount, clustersPerWord);
		const needed = Math.ceil((dataAt + clusterCount) / clustersPerRefcountBlock);
		if (needed <= refcountBlockCount) {
			return {
				...{ clusterBits, clusterBytes, clusterCount, clustersPerTable, tableCount, clustersPerRefcountBlock, refcountBlockCount },
				...{ refcountTableAt: 1, refcountBlocksAt, l1At, l2At, dataAt },
				virtualBytes: roundUp(sizeBytes, sectorBytes),
				dataOffset: dataAt * clusterBytes,
				fileBytes: (dataAt + clusterCount) * clusterBytes,
			};
		}
		refcountBlockCount = needed;
	}
}

/** The clusters of a disk that hold data, marked by any thread. */
export class ClusterMap {
	readonly shared: SharedArrayBuffer;
	readonly #words: Int32Array;
	readonly #clusterBytes: number;

	private constructor(shared: SharedArrayBuffer, clusterBytes: number) {
		this.shared = shared;
		this.#words = new Int32Array(shared);
		this.#clusterBytes = clusterBytes;
	}

	static create({ clusterCount, clusterBytes }: Pick<Qcow2Layout, 'clusterCount' | 'clusterBytes'>): ClusterMap {
		return new ClusterMap(new SharedArrayBuffer(Math.ceil(clusterCount / clustersPerWord) * 4), clusterBytes);
	}

	/** In another thread. */
	static attach(shared: SharedArrayBuffer, clusterBytes: number): ClusterMap {
		return new ClusterMap(shared, clusterBytes);
	}

	/** All clusters that a range of the disk touches. */
	mark(offsetBytes: number, lengthBytes: number): void {
		const last = Math.floor((offsetBytes + lengthBytes - 1) / this.#clusterBytes);
		for (let cluster = Math.floor(offsetBytes / this.#clusterBytes); cluster <= last; cluster++)
			Atomics.or(this.#words, Math.floor(cluster / clustersPerWord), 1 << (cluster % clustersPerWord));
	}

	/** Calls for each marked cluster from `first` on, which begins a word, and before `end`. */
	forEach(first: number, end: number, action: (cluster: number) => void): void {
		for (let at = first; at < end; at += clustersPerWord) {
			const word = this.#words[at / clustersPerWord] ?? 0;
			if (word === 0) continue;
			for (let bit = 0; bit < clustersPerWord; bit++) if ((word >>> bit) & 1) action(at + bit);
		}
	}

	/** Whether any is marked from `first` on, which begins a word, and before `end`. */
	hasAny(first: number, end: number): boolean {
		return this.#words.subarray(first / clustersPerWord, Math.ceil(end / clustersPerWord)).some((word) => word !== 0);
	}

	/** Behind the last that is marked; 0: none is. */
	get end(): number {
		const at = this.#words.findLastIndex((word) => word !== 0);
		return at < 0 ? 0 : at * clustersPerWord + clustersPerWord - Math.clz32(this.#words[at] ?? 0);
	}
}
