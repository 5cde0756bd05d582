/** Granularity of everything that is remembered of a device: what is copied before it is overwritten, and what has changed since when. */
export const cowBlockBytes = 65_536;

/** One bit per block of a device: 2 MiB for 1 TiB. */
export class BlockMap {
	readonly bits: Uint8Array;
	readonly sizeBytes: number;

	/** @param bits taken over; its length fits the size */
	constructor(sizeBytes: number, bits: Uint8Array = new Uint8Array(BlockMap.bytesFor(sizeBytes))) {
		this.sizeBytes = sizeBytes;
		this.bits = bits;
	}

	static bytesFor(sizeBytes: number): number {
		return Math.ceil(sizeBytes / cowBlockBytes / 8);
	}

	has(block: number): boolean {
		return (((this.bits[block >>> 3] ?? 0) >>> (block & 7)) & 1) === 1;
	}

	add(block: number): void {
		this.bits[block >>> 3] = (this.bits[block >>> 3] ?? 0) | (1 << (block & 7));
	}

	/** Every block that a range touches. */
	addRange(offsetBytes: number, lengthBytes: number): void {
		const end = Math.ceil((offsetBytes + lengthBytes) / cowBlockBytes);
		for (let block = Math.floor(offsetBytes / cowBlockBytes); block < end; block++) this.add(block);
	}

	addAll(other: BlockMap): void {
		for (let i = 0; i < this.bits.length; i++) this.bits[i] = (this.bits[i] ?? 0) | (other.bits[i] ?? 0);
	}

	/** The longest run of bytes from `offsetBytes` on whose blocks are all in the map or all not; at most `maxBytes`, and within the device. */
	run(offsetBytes: number, maxBytes: number): { readonly isIn: boolean; readonly lengthBytes: number } {
		const end = Math.min(offsetBytes + maxBytes, this.sizeBytes);
		let block = Math.floor(offsetBytes / cowBlockBytes);
		const isIn = this.has(block);
		do block++;
		while (block * cowBlockBytes < end && this.has(block) === isIn);
		return { isIn, lengthBytes: Math.min(block * cowBlockBytes, end) - offsetBytes };
	}
}
