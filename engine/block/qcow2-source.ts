import { closeSync, fstatSync } from 'node:fs';
import type { BlockExtent, BlockSource } from './block-source.ts';
import { ExtentCursor, ExtentList } from './extent-list.ts';
import { decompressCluster } from './qcow2-cluster.ts';
import type { Qcow2Header } from './qcow2-header.ts';
import { readAt } from './raw-source.ts';
import { damaged, shrunk } from './source-error.ts';

const l2CacheBytes = 16 * 1024 * 1024;
const maxCompressedBytes = 4 * 1024 * 1024; // twice the largest cluster: compression never grows it that much

/** What an L2 entry says about a cluster of the disk. */
type ClusterKind = 'unallocated' | 'zero' | 'data' | 'compressed';

/**
 * Reads qcow2 images of versions 2 and 3, with compressed clusters and a backing file. The image is hostile input: every table lies in the
 * file or is refused, and the work is bounded by the size of the file, not by what it claims.
 */
export class Qcow2Source implements BlockSource {
	readonly format = 'qcow2';
	readonly sizeBytes: number;
	readonly #path: string;
	readonly #header: Qcow2Header;
	readonly #backing: BlockSource | null;
	readonly #clusterSize: number;
	/** Size of what one decoded entry describes: a cluster, or one of its 32 subclusters. */
	readonly #unit: number;
	readonly #entryBytes: 8 | 16;
	/** Clusters that one L2 table describes. */
	readonly #l2Count: number;
	readonly #l1: Buffer;
	readonly #l2Cache = new Map<number, Buffer>();
	readonly #l2CacheMax: number;
	#fd: number | null;
	#fileSize: number;
	/** The cluster decompressed last, for reads smaller than a cluster. */
	#decompressed: { readonly high: number; readonly low: number; readonly bytes: Buffer } | null = null;
	// The result of #lookUp: fields instead of an object, since it is called for every cluster
	#kind: ClusterKind = 'unallocated';
	#high = 0;
	#low = 0;
	/** Where a unit of the kind `data` begins in the file. */
	#host = 0;

	/** Takes over `fd` and `backing`, also when it throws. */
	constructor(input: { path: string; fd: number; header: Qcow2Header; backing: BlockSource | null }) {
		const { path, fd, header, backing } = input;
		this.#path = path;
		this.#fd = fd;
		this.#header = header;
		this.#backing = backing;
		this.sizeBytes = header.sizeBytes;
		this.#clusterSize = 2 ** header.clusterBits;
		this.#unit = header.hasSubclusters ? this.#clusterSize / 32 : this.#clusterSize;
		this.#entryBytes = header.hasSubclusters ? 16 : 8;
		this.#l2Count = this.#clusterSize / this.#entryBytes;
		this.#l2CacheMax = Math.max(2, Math.floor(l2CacheBytes / this.#clusterSize));
		try {
			this.#fileSize = fstatSync(fd).size;
			this.#l1 = this.#readTable(header.l1Offset, header.l1Count * 8, 'L1 table');
			this.#checkTableCount();
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/** Tables are never shared, so there cannot be more of them than fit into the file. Bounds the work of `extents`. */
	#checkTableCount(): void {
		let count = 0;
		for (let i = 0; i < this.#header.l1Count; i++) if (this.#l2Offset(i) !== 0) count++;
		if (count > this.#fileSize / this.#clusterSize) throw damaged(this.#path, 'its L1 table names more tables than fit into the file');
	}

	extents(): readonly BlockExtent[] {
		const list = new ExtentList();
		const inherited = new ExtentCursor(this.#backing?.extents() ?? []);
		const tableSpan = this.#clusterSize * this.#l2Count;
		let dataBytes = 0;
		for (let l1Index = 0; l1Index < this.#header.l1Count; l1Index++) {
			const tableStart = l1Index * tableSpan;
			const tableEnd = Math.min(tableStart + tableSpan, this.sizeBytes);
			const table = this.#l2Table(l1Index);
			if (table === null) {
				inherited.copyRange(tableStart, tableEnd, list);
				continue;
			}
			for (let start = tableStart; start < tableEnd; start += this.#unit) {
				const end = Math.min(start + this.#unit, tableEnd);
				this.#decode(table, start - tableStart);
				if (this.#kind === 'zero') continue;
				if (this.#kind === 'unallocated') inherited.copyRange(start, end, list);
				else {
					if (this.#kind === 'data') dataBytes += end - start;
					list.add(start, end);
				}
			}
		}
		// Nor are clusters of the active disk: an image that says so claims more data than it can hold
		if (!this.#isInFile(0, dataBytes - this.#clusterSize)) throw damaged(this.#path, 'its tables name more data than fits into the file');
		return list.toExtents();
	}

	readSync(target: Uint8Array, offsetBytes: number): number {
		const wanted = Math.max(0, Math.min(target.length, this.sizeBytes - offsetBytes));
		for (let done = 0; done < wanted; ) {
			const at = offsetBytes + done;
			const inUnit = at % this.#unit;
			this.#lookUp(at);
			const kind = this.#kind;
			let length = Math.min(this.#unit - inUnit, wanted - done);
			if (kind === 'compressed') {
				const inCluster = at % this.#clusterSize;
				this.#cluster(at).copy(target, done, inCluster, inCluster + length);
			} else {
				const host = this.#host + inUnit;
				// One read for as many units as lie in a row
				while (done + length < wanted) {
					this.#lookUp(at + length);
					if (this.#kind !== kind || (kind === 'data' && this.#host !== host + length)) break;
					length = Math.min(length + this.#unit, wanted - done);
				}
				if (kind === 'data') this.#readData(target, { at: done, length, host, offsetBytes: at });
				else if (kind === 'zero') target.fill(0, done, done + length);
				else this.#readBacking(target.subarray(done, done + length), at);
			}
			done += length;
		}
		return wanted;
	}

	close(): void {
		const fd = this.#fd;
		this.#fd = null;
		this.#l2Cache.clear();
		this.#decompressed = null;
		if (fd === null) return;
		this.#backing?.close();
		closeSync(fd);
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#lookUp(offsetBytes: number): void {
		const tableSpan = this.#clusterSize * this.#l2Count;
		const table = this.#l2Table(Math.floor(offsetBytes / tableSpan));
		if (table === null) this.#kind = 'unallocated';
		else this.#decode(table, offsetBytes % tableSpan);
	}

	/** "Standard", "compressed" and "extended" cluster descriptors of the specification, for a place in the range of a table. */
	#decode(table: Buffer, offsetInTable: number): void {
		const at = Math.floor(offsetInTable / this.#clusterSize) * this.#entryBytes;
		this.#high = table.readUInt32BE(at);
		this.#low = table.readUInt32BE(at + 4);
		this.#host = hostOffset(this.#high, this.#low);
		if ((this.#high & 0x4000_0000) !== 0) {
			this.#kind = 'compressed';
		} else if (this.#header.hasSubclusters) {
			const index = Math.floor((offsetInTable % this.#clusterSize) / this.#unit);
			const reads = (bitmap: number): boolean => ((bitmap >>> index) & 1) === 1;
			this.#kind = reads(table.readUInt32BE(at + 8)) ? 'zero' : reads(table.readUInt32BE(at + 12)) ? 'data' : 'unallocated';
			this.#host += index * this.#unit;
		} else if ((this.#low & 1) === 1 && this.#header.version === 3) {
			this.#kind = 'zero';
		} else {
			this.#kind = this.#host === 0 ? 'unallocated' : 'data';
		}
	}

	#l2Offset(l1Index: number): number {
		return hostOffset(this.#l1.readUInt32BE(l1Index * 8), this.#l1.readUInt32BE(l1Index * 8 + 4));
	}

	/** Null where nothing of the table's range is allocated. */
	#l2Table(l1Index: number): Buffer | null {
		const cached = this.#l2Cache.get(l1Index);
		if (cached !== undefined) return cached;
		const offset = this.#l2Offset(l1Index);
		if (offset === 0) return null;
		if (offset % this.#clusterSize !== 0) throw damaged(this.#path, `L2 table ${l1Index} is not aligned`);
		// Oldest first: disks are read from front to back, so that what came in first is what is done with
		let reused: Buffer | undefined;
		if (this.#l2Cache.size >= this.#l2CacheMax) {
			const [oldest, table] = this.#l2Cache.entries().next().value as [number, Buffer];
			this.#l2Cache.delete(oldest);
			reused = table;
		}
		const table = this.#readTable(offset, this.#clusterSize, `L2 table ${l1Index}`, reused);
		this.#l2Cache.set(l1Index, table);
		return table;
	}

	/** Checks the place before it allocates: a length comes from the image. */
	#readTable(offset: number, length: number, what: string, reused?: Buffer): Buffer {
		if (!this.#isInFile(offset, length)) throw damaged(this.#path, `${what} lies outside of the file`);
		const table = reused ?? Buffer.allocUnsafeSlow(length);
		this.#readFully(table, { at: 0, length, host: offset });
		return table;
	}

	/** A machine that runs lets its image grow, so a place beyond the end is looked at again before it counts as damage. */
	#isInFile(offset: number, length: number): boolean {
		if (offset + length <= this.#fileSize) return true;
		if (this.#fd !== null) this.#fileSize = fstatSync(this.#fd).size;
		return offset + length <= this.#fileSize;
	}

	#readFully(target: Uint8Array, { at, length, host }: { at: number; length: number; host: number }): void {
		for (let done = 0; done < length; ) {
			const read = readAt(this.#path, this.#fd, target, at + done, length - done, host + done);
			if (read === 0) throw shrunk(this.#path, host + done);
			done += read;
		}
	}

	#readData(target: Uint8Array, { at, length, host, offsetBytes }: { at: number; length: number; host: number; offsetBytes: number }): void {
		// A cluster keeps its inner order, so a place in the disk and in the file are equally far into theirs
		if (host < this.#clusterSize || (host - offsetBytes) % this.#clusterSize !== 0)
			throw damaged(this.#path, `the cluster of byte ${offsetBytes} of the disk is said to begin where no cluster can`);
		if (this.#isInFile(host, length)) {
			this.#readFully(target, { at, length, host });
			return;
		}
		// QEMU writes the last cluster of a file only as far as it has data; the rest of that one cluster is zeros
		const lastCluster = host + length - 1 - ((host + length - 1) % this.#clusterSize);
		if (lastCluster >= this.#fileSize) throw damaged(this.#path, `the cluster of byte ${offsetBytes} of the disk lies outside of the file`);
		const present = Math.max(0, this.#fileSize - host);
		this.#readFully(target, { at, length: present, host });
		target.fill(0, at + present, at + length);
	}

	#readBacking(target: Uint8Array, offsetBytes: number): void {
		const read = this.#backing === null ? 0 : this.#backing.readSync(target, offsetBytes);
		target.fill(0, read); // a backing file may be shorter than the disk
	}

	/** The decompressed cluster that #lookUp has just found. */
	#cluster(offsetBytes: number): Buffer {
		const known = this.#decompressed;
		if (known !== null && known.high === this.#high && known.low === this.#low) return known.bytes;
		const [high, low] = [this.#high, this.#low];
		const value = (BigInt(high & 0x3fff_ffff) << 32n) | BigInt(low);
		const offsetBits = BigInt(62 - (this.#header.clusterBits - 8));
		const host = Number(value & ((1n << offsetBits) - 1n));
		const sectors = Number(value >> offsetBits) + 1;
		const length = Math.min(sectors * 512 - (host % 512), maxCompressedBytes);
		// The last compressed cluster of a file need not fill its last sector
		if (!this.#isInFile(host, length) && host >= this.#fileSize) throw damaged(this.#path, `a compressed cluster at byte ${host} lies outside of the file`);
		const packed = Buffer.allocUnsafeSlow(Math.min(length, this.#fileSize - host));
		this.#readFully(packed, { at: 0, length: packed.length, host });
		const bytes = decompressCluster(this.#header.compression, packed, this.#clusterSize);
		if (bytes === null)
			throw damaged(this.#path, `the compressed cluster at byte ${offsetBytes - (offsetBytes % this.#clusterSize)} of the disk cannot be decompressed`);
		this.#decompressed = { high, low, bytes };
		return bytes;
	}
}

/** Bits 9 to 55 of an entry. Above 2^53 it loses precision, which does not matter: no file is that long. */
const hostOffset = (high: number, low: number): number => (high & 0x00ff_ffff) * 2 ** 32 + ((low & 0xffff_fe00) >>> 0);
