import type { Storage } from '../repository/index.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** RATE-01: the same storage, read no faster than the limiter lets pass. */
export const limitReads = (storage: Storage, limiter: RateLimiter): Storage => ({
	properties: storage.properties,
	list: (folder) => storage.list(folder),
	replace: (path, bytes) => storage.replace(path, bytes),
	rename: (from, to, options) => storage.rename(from, to, options),
	remove: (path) => storage.remove(path),
	space: () => storage.space(),
	async open(path, mode) {
		const file = await storage.open(path, mode);
		return {
			path: file.path,
			sizeBytes: () => file.sizeBytes(),
			async read(target, offset) {
				await limiter.pass(target.byteLength);
				return file.read(target, offset);
			},
			write: (bytes, offset) => file.write(bytes, offset),
			truncate: (sizeBytes) => file.truncate(sizeBytes),
			sync: () => file.sync(),
			[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
		};
	},
});
