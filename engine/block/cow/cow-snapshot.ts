import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs';
import { EngineError, isZero, systemErrorCode } from '../../base/index.ts';
import type { BlockExtent } from '../block-source.ts';
import { allocationFlag, baseAllocation, dirtyBitmapPrefix, dirtyFlag, instantPrefix, type NbdDevice, type StatusExtent } from '../nbd/index.ts';
import { writeAt } from '../write-at.ts';
import { BlockMap, cowBlockBytes } from './block-map.ts';

/** Copied at a time before an overwrite: sixteen blocks. */
const copyBytes = 16 * cowBlockBytes;

export type CowSnapshotInput = {
	readonly name: string;
	readonly sizeBytes: number;
	/** Reads what the device holds now. */
	readonly readLive: (target: Uint8Array, offsetBytes: number) => void;
	/** Where data lay at the instant of the snapshot. */
	readonly extents: readonly BlockExtent[];
	/** By token of an earlier point: what has changed from then to this snapshot. */
	readonly changes: ReadonlyMap<string, () => BlockMap>;
	/** The token of this very instant. */
	readonly token: string;
	/** Nobody else uses this name. The file is removed at once and lives on as long as it is open: no crash can leave it. */
	readonly cachePath: string;
	readonly cacheLimitBytes: number;
};

/**
 * A device as it was at one instant. Blocks that were overwritten since are read from the cache file, all others from the device (COW-02). The cache is laid out like the
 * device, with holes: it needs no more memory than a bit per block.
 */
export class CowSnapshot implements NbdDevice {
	readonly name: string;
	readonly sizeBytes: number;
	readonly token: string;
	readonly contexts: ReadonlyMap<string, (offsetBytes: number, lengthBytes: number) => readonly StatusExtent[]>;
	readonly #input: CowSnapshotInput;
	/** Blocks whose originals are in the cache. */
	readonly #kept: BlockMap;
	readonly #scratch = Buffer.allocUnsafeSlow(copyBytes);
	#cacheFd: number | null;
	#cachedBytes = 0;
	#failure: EngineError | null = null;

	constructor(input: CowSnapshotInput) {
		this.#input = input;
		this.name = input.name;
		this.sizeBytes = input.sizeBytes;
		this.token = input.token;
		this.#kept = new BlockMap(input.sizeBytes);
		this.contexts = new Map([
			[baseAllocation, (offset, length) => describe(input.extents, offset, offset + length, 0, allocationFlag.hole | allocationFlag.zero)],
			[instantPrefix + input.token, () => [{ lengthBytes: input.sizeBytes, flags: 0 }]],
			...[...input.changes].map(([token, changes]) => {
				let map: BlockMap | undefined;
				return [
					dirtyBitmapPrefix + token,
					(offset: number, length: number) => {
						map ??= changes();
						return describeMap(map, offset, length);
					},
				] as const;
			}),
		]);
		this.#cacheFd = openSync(input.cachePath, 'wx+', 0o600);
		try {
			unlinkSync(input.cachePath);
			ftruncateSync(this.#cacheFd, input.sizeBytes);
		} catch (error) {
			this.discard();
			throw error;
		}
	}

	/** Of the cache, without originals that were zeros. */
	get cachedBytes(): number {
		return this.#cachedBytes;
	}

	/** Why the snapshot cannot be read any more. */
	get failure(): EngineError | null {
		return this.#failure;
	}

	/**
	 * Called before a range of the device is overwritten: copies what is there, once per block (COW-01, COW-03). Never fails: a snapshot whose originals cannot be kept is lost,
	 * and the device goes on.
	 */
	preserve(offsetBytes: number, lengthBytes: number): void {
		if (this.#cacheFd === null) return;
		const start = offsetBytes - (offsetBytes % cowBlockBytes);
		const end = Math.min(Math.ceil((offsetBytes + lengthBytes) / cowBlockBytes) * cowBlockBytes, this.sizeBytes);
		try {
			for (let at = start; at < end; ) {
				const run = this.#kept.run(at, Math.min(copyBytes, end - at));
				if (!run.isIn) this.#copy(at, run.lengthBytes);
				at += run.lengthBytes;
			}
		} catch (error) {
			this.#fail(error);
		}
	}

	#copy(offsetBytes: number, lengthBytes: number): void {
		const original = this.#scratch.subarray(0, lengthBytes);
		this.#input.readLive(original, offsetBytes);
		for (let at = 0; at < lengthBytes; at += cowBlockBytes) {
			const block = original.subarray(at, at + cowBlockBytes);
			if (isZero(block)) continue; // which is how the cache reads where nothing was written
			if (this.#cachedBytes + block.length > this.#input.cacheLimitBytes) throw Object.assign(new Error('its limit is reached'), { code: 'ENOSPC' });
			writeAt(this.#cacheFd as number, block, offsetBytes + at);
			this.#cachedBytes += block.length;
		}
		this.#kept.addRange(offsetBytes, lengthBytes);
	}

	readSync(target: Uint8Array, offsetBytes: number): void {
		if (this.#failure) throw this.#failure;
		for (let done = 0; done < target.byteLength; ) {
			const { isIn, lengthBytes } = this.#kept.run(offsetBytes + done, target.byteLength - done);
			const part = target.subarray(done, done + lengthBytes);
			if (isIn) readFully(this.#cacheFd as number, part, offsetBytes + done);
			else this.#input.readLive(part, offsetBytes + done);
			done += lengthBytes;
		}
	}

	#fail(cause: unknown): void {
		const isFull = systemErrorCode(cause) === 'ENOSPC';
		const why = cause instanceof Error ? cause.message : String(cause);
		this.#failure = new EngineError(
			'snapshot.failed',
			`The snapshot of the device ${this.name} is lost: its cache ${isFull ? 'is full' : 'cannot be written'} (${why}).`,
			{
				hint: isFull ? 'Give the cache more room, or back up when less is written.' : 'Check the disk that holds the cache.',
				cause,
			},
		);
		this.discard();
	}

	/** Gives the cache back (COW-03). Calling it again does nothing. */
	discard(): void {
		const fd = this.#cacheFd;
		this.#cacheFd = null;
		if (fd !== null) closeSync(fd);
	}
}

export function readFully(fd: number, target: Uint8Array, offsetBytes: number): void {
	for (let done = 0; done < target.byteLength; ) {
		const count = readSync(fd, target, done, target.byteLength - done, offsetBytes + done);
		if (count === 0) throw Object.assign(new Error(`nothing can be read at byte ${offsetBytes + done}`), { code: 'EIO' });
		done += count;
	}
}

/** Extents of one context between two places; `inside` and `outside` are the flags of what is in the list and of what is not. */
function describe(extents: readonly BlockExtent[], start: number, end: number, inside: number, outside: number): StatusExtent[] {
	const found: StatusExtent[] = [];
	let at = start;
	for (let i = firstEndingAfter(extents, start); at < end; i++) {
		const extent = extents[i];
		const from = Math.min(end, Math.max(at, extent?.offsetBytes ?? end));
		if (from > at) found.push({ lengthBytes: from - at, flags: outside });
		const to = Math.min(end, extent === undefined ? from : extent.offsetBytes + extent.lengthBytes);
		if (to > from) found.push({ lengthBytes: to - from, flags: inside });
		at = Math.max(from, to);
	}
	return found;
}

function firstEndingAfter(extents: readonly BlockExtent[], offset: number): number {
	let low = 0;
	for (let high = extents.length; low < high; ) {
		const middle = (low + high) >>> 1;
		const { offsetBytes, lengthBytes } = extents[middle] as BlockExtent;
		if (offsetBytes + lengthBytes > offset) high = middle;
		else low = middle + 1;
	}
	return low;
}

function describeMap(map: BlockMap, start: number, length: number): StatusExtent[] {
	const found: StatusExtent[] = [];
	for (let at = start; at < start + length; ) {
		const { isIn, lengthBytes } = map.run(at, start + length - at);
		found.push({ lengthBytes, flags: isIn ? dirtyFlag : 0 });
		at += lengthBytes;
	}
	return found;
}
