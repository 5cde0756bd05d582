import { fsyncSync, ftruncateSync } from 'node:fs';
import { qcow2Magic } from './qcow2-header.ts';
import type { ClusterMap, Qcow2Layout } from './qcow2-layout.ts';
import { writeAt } from './write-at.ts';

/** The only reference to what it points at: a writer may change it in place. */
const isOnlyReference = 0x8000_0000;
const headerBytes = 104;
/** Of a reference count: 2^4 bits. */
const refcountOrder = 4;

/**
 * Makes a qcow2 image of a file that holds nothing but the data of `used` clusters, and returns when it is on stable storage. The header comes last: what is interrupted before
 * is no image to anybody.
 */
export function sealQcow2(fd: number, layout: Qcow2Layout, used: ClusterMap): void {
	ftruncateSync(fd, (layout.dataAt + used.end) * layout.clusterBytes); // nothing beyond is in use
	const l1 = writeL2Tables(fd, layout, used);
	writeAt(fd, l1.bytes, layout.l1At * layout.clusterBytes);
	writeReferenceCounts(fd, layout, used, l1.tablesInUse);
	fsyncSync(fd);
	writeAt(fd, header(layout), 0);
	fsyncSync(fd);
}

/** @param cluster in the file */
function pointAt(table: Buffer, index: number, cluster: number, clusterBytes: number, flag = 0): void {
	const offset = cluster * clusterBytes;
	table.writeUInt32BE((flag | Math.floor(offset / 2 ** 32)) >>> 0, index * 8);
	table.writeUInt32BE(offset % 2 ** 32, index * 8 + 4);
}

function writeL2Tables(fd: number, layout: Qcow2Layout, used: ClusterMap): { readonly bytes: Buffer; readonly tablesInUse: number } {
	const { clusterBytes, clusterCount, clustersPerTable, tableCount, l1At, l2At, dataAt } = layout;
	const l1 = Buffer.alloc((l2At - l1At) * clusterBytes);
	const table = Buffer.alloc(clusterBytes);
	let tablesInUse = 0;
	for (let i = 0; i < tableCount; i++) {
		const first = i * clustersPerTable;
		const end = Math.min(first + clustersPerTable, clusterCount);
		if (!used.hasAny(first, end)) continue;
		table.fill(0);
		used.forEach(first, end, (cluster) => pointAt(table, cluster - first, dataAt + cluster, clusterBytes, isOnlyReference));
		const at = l2At + tablesInUse++;
		writeAt(fd, table, at * clusterBytes);
		pointAt(l1, i, at, clusterBytes, isOnlyReference);
	}
	return { bytes: l1, tablesInUse };
}

function writeReferenceCounts(fd: number, layout: Qcow2Layout, used: ClusterMap, tablesInUse: number): void {
	const { clusterBytes, clusterCount, clustersPerRefcountBlock, refcountBlockCount, refcountTableAt, refcountBlocksAt, l1At, l2At, dataAt } = layout;
	const ofDisk = (block: number): readonly [number, number] => [
		Math.max(0, block * clustersPerRefcountBlock - dataAt),
		Math.max(0, Math.min(clusterCount, (block + 1) * clustersPerRefcountBlock - dataAt)),
	];
	// Those that count tables and blocks are always needed; they lie at the beginning
	const isNeeded = (block: number): boolean => block * clustersPerRefcountBlock < dataAt || used.hasAny(...ofDisk(block));
	const isTableInUse = (cluster: number): boolean => {
		if (cluster < refcountBlocksAt) return true;
		if (cluster < l1At) return isNeeded(cluster - refcountBlocksAt);
		return cluster < l2At + tablesInUse;
	};
	const table = Buffer.alloc((refcountBlocksAt - refcountTableAt) * clusterBytes);
	const counts = Buffer.alloc(clusterBytes);
	for (let block = 0; block < refcountBlockCount; block++) {
		if (!isNeeded(block)) continue;
		counts.fill(0);
		const first = block * clustersPerRefcountBlock;
		const count = (cluster: number): unknown => counts.writeUInt16BE(1, (cluster - first) * 2);
		for (let cluster = first; cluster < Math.min(dataAt, first + clustersPerRefcountBlock); cluster++) if (isTableInUse(cluster)) count(cluster);
		used.forEach(...ofDisk(block), (cluster) => count(dataAt + cluster));
		writeAt(fd, counts, (refcountBlocksAt + block) * clusterBytes);
		pointAt(table, block, refcountBlocksAt + block, clusterBytes);
	}
	writeAt(fd, table, refcountTableAt * clusterBytes);
}

/** Version 3, without backing file, encryption, snapshots, extensions, and without features that a reader would have to know. */
function header({ clusterBits, clusterBytes, virtualBytes, tableCount, l1At, refcountTableAt, refcountBlocksAt }: Qcow2Layout): Buffer {
	const bytes = Buffer.alloc(clusterBytes);
	bytes.writeUInt32BE(qcow2Magic, 0);
	bytes.writeUInt32BE(3, 4);
	bytes.writeUInt32BE(clusterBits, 20);
	bytes.writeBigUInt64BE(BigInt(virtualBytes), 24);
	bytes.writeUInt32BE(tableCount, 36);
	bytes.writeBigUInt64BE(BigInt(l1At * clusterBytes), 40);
	bytes.writeBigUInt64BE(BigInt(refcountTableAt * clusterBytes), 48);
	bytes.writeUInt32BE(refcountBlocksAt - refcountTableAt, 56);
	bytes.writeUInt32BE(refcountOrder, 96);
	bytes.writeUInt32BE(headerBytes, 100);
	return bytes;
}
