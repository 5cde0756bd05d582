import { closeSync, constants, fdatasync, fstatSync, fsyncSync, ftruncateSync, openSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { bytesFromText, displayText, EarlySync, EngineError, systemErrorCode } from '../base/index.ts';
import type { DiskFormat } from '../contract/index.ts';
import { openPlatform, type Platform } from '../platform/index.ts';
import { attachDiskWriter, type DiskTargetHandle, type DiskWriter } from './disk-writer.ts';
import { sealQcow2 } from './qcow2-image.ts';
import { ClusterMap, planQcow2, type Qcow2Layout } from './qcow2-layout.ts';
import { targetError } from './target-error.ts';

/** Where a disk is restored to. All failures are `restore.target`. */
export interface DiskTarget extends DiskWriter, Disposable {
	readonly kind: 'file' | 'device';
	/** A file that was created here. */
	readonly isNew: boolean;
	/** Of the disk that is written; a device may be larger and keeps the rest of its content. */
	readonly sizeBytes: number;
	/** For `attachDiskWriter` in other threads, as long as this is open. */
	readonly handle: DiskTargetHandle;
	/** So many bytes more were written, by whomever: they are stored while more is. Waits while much more was written than is stored. */
	written(bytes: number): Promise<void>;
	/**
	 * The disk is written: resolves when everything is on stable storage, with the file's name. Before that a qcow2 file is no
	 * image.
	 */
	sync(): Promise<void>;
	/** Nobody writes any more. Calling it again does nothing. Without `sync` before, nothing is promised. */
	close(): void;
	/** Closes, and removes a file that was created here: a half-written disk must not look like one. What existed before stays as it is by now. */
	discard(): void;
}

export type OpenDiskTargetOptions = {
	readonly format: DiskFormat;
	/** Allows to replace a file, or to write to a device: both lose what they hold. */
	readonly overwrite: boolean;
	readonly platform?: Platform;
};

/**
 * Opens an image file (created sparse, readable by its owner only) or an existing block device, which takes a raw disk only.
 * Fails with `exists.target` where something would be lost and `overwrite` is false, else with `restore.target`.
 */
export function openDiskTarget(path: string, sizeBytes: number, options: OpenDiskTargetOptions): DiskTarget {
	const { format, overwrite, platform = openPlatform() } = options;
	const name = bytesFromText(path);
	const kind = existingKind(path, name);
	if (kind === 'device' && format !== 'raw') {
		throw new EngineError('restore.target', `${displayText(path)} is a device: it takes the disk itself, not an image of the format ${format}.`, {
			hint: 'Choose the format raw, or a file.',
		});
	}
	if (kind !== null && !overwrite) {
		const what = kind === 'device' ? `The device ${displayText(path)} holds data that would be lost.` : `The file ${displayText(path)} exists already.`;
		throw new EngineError('exists.target', what, { hint: 'Choose another target, or allow to overwrite it.' });
	}
	let fd: number;
	try {
		// On a device O_EXCL refuses one that is mounted or otherwise in use
		const flags = kind === 'file' ? 0 : kind === 'device' ? constants.O_EXCL : constants.O_CREAT | constants.O_EXCL;
		fd = openSync(name, constants.O_RDWR | flags, 0o600);
	} catch (error) {
		if (kind === 'device' && systemErrorCode(error) === 'EBUSY')
			throw new EngineError('restore.target', `The device ${displayText(path)} is in use.`, { hint: 'Unmount its file systems first.', cause: error });
		throw targetError(path, 'opened', error);
	}
	const image = format === 'qcow2' ? openImage(sizeBytes) : null;
	const handle: DiskTargetHandle = { path, fd, kind: kind === 'device' ? 'device' : 'file', sizeBytes, image: image && imageHandle(image) };
	const target = new OpenTarget(handle, { isNew: kind === null, image, platform });
	try {
		target.prepare();
		return target;
	} catch (error) {
		target.discard();
		throw error;
	}
}

function existingKind(path: string, name: Buffer): 'file' | 'device' | null {
	let stats: ReturnType<typeof statSync>;
	try {
		stats = statSync(name);
	} catch (error) {
		if (systemErrorCode(error) === 'ENOENT') return null;
		throw targetError(path, 'opened', error);
	}
	if (stats?.isFile()) return 'file';
	if (stats?.isBlockDevice()) return 'device';
	throw new EngineError('restore.target', `${displayText(path)} is neither a file nor a block device.`, { hint: 'Name a file to create, or a device.' });
}

type Qcow2Image = { readonly layout: Qcow2Layout; readonly used: ClusterMap };

function openImage(sizeBytes: number): Qcow2Image {
	const layout = planQcow2(sizeBytes);
	return { layout, used: ClusterMap.create(layout) };
}

const imageHandle = ({ layout: { dataOffset, clusterBytes }, used }: Qcow2Image): DiskTargetHandle['image'] => ({
	dataOffset,
	clusterBytes,
	used: used.shared,
});

const store = promisify(fdatasync);

class OpenTarget implements DiskTarget {
	readonly handle: DiskTargetHandle;
	readonly #writer: DiskWriter;
	readonly #platform: Platform;
	readonly isNew: boolean;
	readonly #image: Qcow2Image | null;
	readonly #early: EarlySync;
	#isOpen = true;

	constructor(handle: DiskTargetHandle, { isNew, image, platform }: { isNew: boolean; image: Qcow2Image | null; platform: Platform }) {
		this.handle = handle;
		this.#writer = attachDiskWriter(handle, platform);
		this.isNew = isNew;
		this.#image = image;
		this.#platform = platform;
		this.#early = new EarlySync(() =>
			store(handle.fd).catch((error: unknown) => {
				throw targetError(handle.path, 'written', error);
			}),
		);
	}

	get kind(): 'file' | 'device' {
		return this.handle.kind;
	}

	get sizeBytes(): number {
		return this.handle.sizeBytes;
	}

	prepare(): void {
		this.#attempt('prepared', (fd) => {
			if (this.kind === 'file') {
				ftruncateSync(fd, 0); // what it held would show through the holes
				ftruncateSync(fd, this.#image?.layout.fileBytes ?? this.sizeBytes);
				return;
			}
			const deviceSize = this.#platform.files.blockDeviceSize(fd);
			if (deviceSize < this.sizeBytes) {
				throw new EngineError(
					'restore.target',
					`The device ${displayText(this.handle.path)} is too small: it has ${deviceSize} bytes, the disk has ${this.sizeBytes}.`,
					{ hint: 'Choose a device of at least that size.', data: { deviceSizeBytes: deviceSize, sizeBytes: this.sizeBytes } },
				);
			}
		});
	}

	write(offsetBytes: number, data: Uint8Array): void {
		this.#checkOpen();
		this.#writer.write(offsetBytes, data);
	}

	writeZeros(offsetBytes: number, lengthBytes: number): void {
		this.#checkOpen();
		this.#writer.writeZeros(offsetBytes, lengthBytes);
	}

	written(bytes: number): Promise<void> {
		this.#checkOpen();
		return this.#early.written(bytes);
	}

	async sync(): Promise<void> {
		await this.#early.ended();
		this.#attempt('written', (fd) => {
			if (this.#image) sealQcow2(fd, this.#image.layout, this.#image.used);
			else fsyncSync(fd);
			if (this.isNew && process.platform !== 'win32') syncFolder(dirname(this.handle.path));
		});
	}

	close(): void {
		if (!this.#isOpen) return;
		this.#isOpen = false;
		closeSync(this.handle.fd);
	}

	discard(): void {
		if (!this.#isOpen) return;
		const { fd, path } = this.handle;
		const isStillOurs = this.isNew && isSameFile(fd, path);
		this.close();
		if (isStillOurs) unlinkSync(bytesFromText(path));
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#checkOpen(): void {
		if (!this.#isOpen) throw new Error(`Defect: ${this.handle.path} is used after it was closed`);
	}

	#attempt<T>(verb: string, action: (fd: number) => T): T {
		this.#checkOpen();
		try {
			return action(this.handle.fd);
		} catch (error) {
			throw targetError(this.handle.path, verb, error);
		}
	}
}

function isSameFile(fd: number, path: string): boolean {
	const open = fstatSync(fd, { bigint: true });
	const named = statSync(bytesFromText(path), { bigint: true, throwIfNoEntry: false });
	return named?.ino === open.ino && named.dev === open.dev;
}

function syncFolder(path: string): void {
	const fd = openSync(bytesFromText(path), constants.O_RDONLY);
	try {
		fsyncSync(fd);
	} finally {
		closeSync(fd);
	}
}
