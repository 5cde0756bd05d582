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
	/** Clusters that one L2 table describes. */
	readonly #l2Count: number;
	readonly #l1: Buffer;
	readonly #l2Cache = new Map<number, Buffer>();
	readonly #l2CacheMax: number;
	#fd: number | null;
	#fileSize: number;
	/** The cluster decompressed last, for reads smaller than a cluster. */
	#decompressed: { readonly entry: number; readonly low: number; readonly bytes: Buffer } | null = null;
	// The result of #lookUp: fields instead of an object, since it is called for every cluster
	#kind: ClusterKind = 'unallocated';
	#high = 0;
	#low = 0;

	/** Takes over `fd` and `backing`, also when it throws. */
	constructor(input: { path: string; fd: number; header: Qcow2Header; backing: BlockSource | null }) {
		const { path, fd, header, backing } = input;
		this.#path = path;
		this.#fd = fd;
		this.#header = header;
		this.#backing = backing;
		this.sizeBytes = header.sizeBytes;
		this.#clusterSize = 2 ** header.clusterBits;
		this.#l2Count = this.#clusterSize / 8;
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
		let dataClusters = 0;
		for (let l1Index = 0; l1Index < this.#header.l1Count; l1Index++) {
			const tableStart = l1Index * tableSpan;
			const tableEnd = Math.min(tableStart + tableSpan, this.sizeBytes);
			const table = this.#l2Table(l1Index);
			if (table === null) {
				inherited.copyRange(tableStart, tableEnd, list);
				continue;
			}
			for (let start = tableStart, i = 0; start < tableEnd; start += this.#clusterSize, i++) {
				const end = Math.min(start + this.#clusterSize, tableEnd);
				this.#decode(table, i);
				if (this.#kind === 'zero') continue;
				if (this.#kind === 'unallocated') inherited.copyRange(start, end, list);
				else {
					if (this.#kind === 'data') dataClusters++;
					list.add(start, end);
				}
			}
		}
		// Nor are clusters of the active disk: an image that says so claims more data than it can hold
		if (dataClusters > this.#fileSize / this.#clusterSize + 1) throw damaged(this.#path, 'its tables name more clusters than fit into the file');
		return list.toExtents();
	}

	readSync(target: Uint8Array, offsetBytes: number): number {
		const wanted = Math.max(0, Math.min(target.length, this.sizeBytes - offsetBytes));
		for (let done = 0; done < wanted; ) {
			const at = offsetBytes + done;
			const inCluster = at % this.#clusterSize;
			this.#lookUp(at);
			const kind = this.#kind;
			let length = Math.min(this.#clusterSize - inCluster, wanted - done);
			if (kind === 'compressed') {
				this.#cluster(at).copy(target, done, inCluster, inCluster + length);
			} else {
				const host = this.#hostOffset() + inCluster;
				// One read for as many clusters as lie in a row
				while (done + length < wanted) {
					this.#lookUp(at + length);
					if (this.#kind !== kind || (kind === 'data' && this.#hostOffset() !== host + length)) break;
					length = Math.min(length + this.#clusterSize, wanted - done);
				}
				if (kind === 'data') this.#readData(target, { at: done, length, host });
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
		const cluster = Math.floor(offsetBytes / this.#clusterSize);
		const table = this.#l2Table(Math.floor(cluster / this.#l2Count));
		if (table === null) this.#kind = 'unallocated';
		else this.#decode(table, cluster % this.#l2Count);
	}

	/** "Standard cluster descriptor" and "compressed cluster descriptor" of the specification. */
	#decode(table: Buffer, index: number): void {
		this.#high = table.readUInt32BE(index * 8);
		this.#low = table.readUInt32BE(index * 8 + 4);
		if ((this.#high & 0x4000_0000) !== 0) this.#kind = 'compressed';
		else if ((this.#low & 1) === 1 && this.#header.version === 3) this.#kind = 'zero';
		else this.#kind = this.#hostOffset() === 0 ? 'unallocated' : 'data';
	}

	/** Bits 9 to 55. Above 2^53 it loses precision, which does not matter: no file is that long. */
	#hostOffset(): number {
		return (this.#high & 0x00ff_ffff) * 2 ** 32 + ((this.#low & 0xffff_fe00) >>> 0);
	}

	#l2Offset(l1Index: number): number {
		const high = this.#l1.readUInt32BE(l1Index * 8);
		const low = this.#l1.readUInt32BE(l1Index * 8 + 4);
		return (high & 0x00ff_ffff) * 2 ** 32 + ((low & 0xffff_fe00) >>> 0);
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

	#readData(target: Uint8Array, { at, length, host }: { at: number; length: number; host: number }): void {
		const firstCluster = host - (host % this.#clusterSize);
		// Hosts of data clusters are aligned by the specification; `host` itself may be anywhere in one
		if (!this.#isInFile(host, length)) {
			// QEMU writes the last cluster of a file only as far as it has data; the rest of that one cluster is zeros
			const lastCluster = Math.floor((host + length - 1) / this.#clusterSize) * this.#clusterSize;
			if (lastCluster >= this.#fileSize || firstCluster >= this.#fileSize) throw damaged(this.#path, `a cluster at byte ${host} lies outside of the file`);
			const present = Math.max(0, this.#fileSize - host);
			this.#readFully(target, { at, length: present, host });
			target.fill(0, at + present, at + length);
			return;
		}
		this.#readFully(target, { at, length, host });
	}

	#readBacking(target: Uint8Array, offsetBytes: number): void {
		const read = this.#backing === null ? 0 : this.#backing.readSync(target, offsetBytes);
		target.fill(0, read); // a backing file may be shorter than the disk
	}

	/** The decompressed cluster that #lookUp has just found. */
	#cluster(offsetBytes: number): Buffer {
		const known = this.#decompressed;
		if (known !== null && known.entry === this.#high && known.low === this.#low) return known.bytes;
		const [entry, low] = [this.#high, this.#low];
		const value = (BigInt(entry & 0x3fff_ffff) << 32n) | BigInt(low);
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
		this.#decompressed = { entry, low, bytes };
		return bytes;
	}
}
