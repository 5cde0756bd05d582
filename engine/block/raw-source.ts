import { closeSync, readSync } from 'node:fs';
import type { Platform } from '../platform/index.ts';
import type { BlockExtent, BlockSource } from './block-source.ts';
import { ExtentList } from './extent-list.ts';
import { readError, shrunk } from './source-error.ts';

/** A disk stored byte for byte: an image file with holes, or a device. */
export class RawSource implements BlockSource {
	readonly sizeBytes: number;
	readonly format: 'raw' | 'device';
	readonly #path: string;
	readonly #platform: Platform;
	#fd: number | null;

	/** Takes over `fd`. */
	constructor(input: { path: string; fd: number; format: 'raw' | 'device'; sizeBytes: number; platform: Platform }) {
		this.#path = input.path;
		this.#fd = input.fd;
		this.format = input.format;
		this.sizeBytes = input.sizeBytes;
		this.#platform = input.platform;
	}

	extents(): readonly BlockExtent[] {
		if (this.#fd === null || this.sizeBytes === 0) return [];
		if (this.format === 'device') return [{ offsetBytes: 0, lengthBytes: this.sizeBytes }];
		const list = new ExtentList();
		try {
			for (const { offset, length } of this.#platform.files.dataExtents(this.#fd, this.sizeBytes)) list.add(offset, offset + length);
		} catch (error) {
			throw readError(this.#path, 0, error);
		}
		return list.toExtents();
	}

	readSync(target: Uint8Array, offsetBytes: number): number {
		const wanted = Math.max(0, Math.min(target.length, this.sizeBytes - offsetBytes));
		for (let done = 0; done < wanted; ) {
			const read = readAt(this.#path, this.#fd, target, done, wanted - done, offsetBytes + done);
			if (read === 0) throw shrunk(this.#path, offsetBytes + done);
			done += read;
		}
		return wanted;
	}

	close(): void {
		const fd = this.#fd;
		this.#fd = null;
		if (fd !== null) closeSync(fd);
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** One read, with the system's complaint in our words. May return less than asked for, 0 at the end of the file. */
export function readAt(path: string, fd: number | null, target: Uint8Array, at: number, length: number, position: number): number {
	if (fd === null) throw new Error(`Defect: ${path} is read after it was closed`);
	try {
		return readSync(fd, target, at, length, position);
	} catch (error) {
		throw readError(path, position, error);
	}
}
