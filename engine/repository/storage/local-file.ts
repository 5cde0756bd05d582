import type { FileHandle } from 'node:fs/promises';
import { EarlySync } from '../../base/index.ts';
import type { FilePort } from '../../platform/index.ts';
import type { StorageFile } from './storage.ts';

/** Runs what touches the file, and says of a failure what could not be done with it. */
export type Attempt = <T>(what: string, action: () => Promise<T>) => Promise<T>;

/** An open file of a folder of this machine. */
export class LocalFile implements StorageFile {
	readonly path: string;
	readonly #handle: FileHandle;
	readonly #attempt: Attempt;
	readonly #files: () => FilePort;
	/** One after the other: the system lets one write to a file at a time, and others wait for their turn with a processor. */
	#written: Promise<void> = Promise.resolve();
	readonly #early: EarlySync;

	/** @param files asked for when something is copied */
	constructor(path: string, handle: FileHandle, files: () => FilePort, attempt: Attempt) {
		this.path = path;
		this.#handle = handle;
		this.#attempt = attempt;
		this.#files = files;
		this.#early = new EarlySync(() => attempt('sync', () => handle.datasync()));
	}

	sizeBytes(): Promise<number> {
		return this.#attempt('read', async () => (await this.#handle.stat()).size);
	}

	read(target: Uint8Array, offset: number): Promise<number> {
		return this.#attempt('read', async () => {
			let done = 0;
			while (done < target.byteLength) {
				const { bytesRead } = await this.#handle.read(target, done, target.byteLength - done, offset + done);
				if (bytesRead === 0) break;
				done += bytesRead;
			}
			return done;
		});
	}

	write(bytes: Uint8Array, offset: number): Promise<void> {
		const before = this.#written;
		const writing = this.#attempt('write', async () => {
			await before;
			for (let done = 0; done < bytes.byteLength; ) {
				const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, offset + done);
				done += bytesWritten;
			}
		}).then(() => this.#early.written(bytes.byteLength));
		this.#written = writing.catch(() => undefined); // the caller hears of it
		return writing;
	}

	async copyFrom(source: StorageFile, sourceOffset: number, length: number, offset: number): Promise<boolean> {
		if (!(source instanceof LocalFile)) return false;
		for (let done = 0; done < length; ) {
			const piece = Math.min(length - done, copyBytes);
			if (!(await this.#files().copyRange(source.#handle.fd, sourceOffset + done, piece, this.#handle.fd, offset + done))) return false;
			await this.#early.written(piece);
			done += piece;
		}
		return true;
	}

	truncate(sizeBytes: number): Promise<void> {
		return this.#attempt('write', async () => {
			if ((await this.#handle.stat()).size > sizeBytes) await this.#handle.truncate(sizeBytes);
		});
	}

	async sync(): Promise<void> {
		await this.#early.ended();
		await this.#attempt('sync', () => this.#handle.sync());
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.#handle.close();
	}
}

/** Of one call: it cannot be interrupted. */
const copyBytes = 8 * 1024 * 1024;
