import { constants } from 'node:os';
import { systemError } from './system-error.ts';

/** Longest path the kernel takes in one call, with its NUL (Linux; macOS takes 1024 and says so itself). */
const pathMax = 4096;

/** Paths as C strings in one buffer that is used again and again: a call copies a few bytes instead of allocating. */
export class CPath {
	readonly #scratch = Buffer.alloc(pathMax);

	/** Valid until the next call. A path with a NUL in it is refused, since the kernel would see another, shorter one. */
	of(path: Uint8Array, syscall: string): Buffer {
		if (path.length >= pathMax) throw systemError(constants.errno.ENAMETOOLONG, { syscall, path });
		if (path.includes(0)) throw systemError(constants.errno.EINVAL, { syscall, path });
		this.#scratch.set(path);
		this.#scratch[path.length] = 0;
		return this.#scratch;
	}
}
