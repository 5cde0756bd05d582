import type { BlockSource } from '../block-source.ts';

/** Why nothing of a region may be left out. Never leaves this folder: it becomes a note, and the region counts as used. */
export class Doubt extends Error {}

/** Throws a doubt unless `isSure`. */
export function sure(isSure: boolean, reason: string): asserts isSure {
	if (!isSure) throw new Doubt(reason);
}

/** The largest piece of tables that is read at once. */
const maxReadBytes = 8 * 1024 * 1024;

/** A part of a disk that a partition table or the disk itself bounds. Everything that is read lies inside, or is a doubt. */
export class Region {
	readonly name: string;
	readonly offsetBytes: number;
	readonly sizeBytes: number;
	readonly #source: BlockSource;

	constructor(source: BlockSource, { name, offsetBytes, sizeBytes }: { readonly name: string; readonly offsetBytes: number; readonly sizeBytes: number }) {
		this.#source = source;
		this.name = name;
		this.offsetBytes = offsetBytes;
		this.sizeBytes = sizeBytes;
	}

	/** @throws Doubt, or `source.*` of what stores the disk */
	read(offset: number, length: number): Buffer {
		const isInside = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= maxReadBytes && offset + length <= this.sizeBytes;
		sure(isInside, 'its tables point outside of it');
		const bytes = Buffer.alloc(length);
		sure(this.#source.readSync(bytes, this.offsetBytes + offset) === length, 'it is shorter than it says');
		return bytes;
	}

	/** Whether `text` stands at `offset`; false outside of the region. */
	has(text: string, offset: number): boolean {
		return offset + text.length <= this.sizeBytes && this.read(offset, text.length).toString('latin1') === text;
	}
}

/** A 64-bit number that must be one that JavaScript holds exactly; larger ones are never true of a disk. */
export function exact(value: bigint): number {
	sure(value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER), 'its tables hold absurd numbers');
	return Number(value);
}
