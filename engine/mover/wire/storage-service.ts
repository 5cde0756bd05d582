import { assertNever, EngineError } from '../../base/index.ts';
import { release } from '../../format/index.ts';
import type { Storage, StorageFile } from '../../repository/index.ts';
import { Allowance } from './allowance.ts';
import type { Heard, Method, Words } from './calls.ts';
import { misunderstood } from './target-service.ts';
import { fileWords, heard, openWords, pathWords, readWords, renameWords, truncateWords, writeWords } from './words.ts';

export const storageMethods = [
	'open',
	'close',
	'size',
	'read',
	'write',
	'truncate',
	'sync',
	'list',
	'rename',
	'remove',
	'space',
] as const satisfies readonly Method[];
export type StorageMethod = (typeof storageMethods)[number];
export const isStorageMethod = (method: Method): method is StorageMethod => (storageMethods as readonly Method[]).includes(method);
const readingMethods: ReadonlySet<StorageMethod> = new Set(['open', 'close', 'size', 'read']);

/** Bytes that reads may take in memory until the other side has taken them. */
const readAheadBytes = 32 * 1024 * 1024;
const maxOpenFiles = 1000;

/** The port to where backup files lie, for who asks through a session. */
export class StorageService {
	readonly #storage: Storage;
	readonly #only: ReadonlySet<string> | null;
	readonly #files = new Map<number, StorageFile>();
	readonly #reads = new Allowance(readAheadBytes);
	#nextFile = 0;

	/** @param only the files that may be read, and nothing else be done; null: everything may */
	constructor(storage: Storage, only: ReadonlySet<string> | null) {
		this.#storage = storage;
		this.#only = only;
	}

	async answer(method: StorageMethod, { json, bytes }: Heard): Promise<Words> {
		const storage = this.#storage;
		if (this.#only && !readingMethods.has(method)) throw refused();
		switch (method) {
			case 'open': {
				const { path, mode } = heard(openWords, json);
				if (this.#only && (mode !== 'read' || !this.#only.has(path))) throw refused();
				if (this.#files.size >= maxOpenFiles) throw misunderstood('too many open files');
				const number = this.#nextFile++;
				this.#files.set(number, await storage.open(path, mode));
				return { json: { file: number } };
			}
			case 'close': {
				const file = this.#file(json);
				this.#files.delete(heard(fileWords, json).file);
				await file[Symbol.asyncDispose]();
				return {};
			}
			case 'size':
				return { json: { sizeBytes: await this.#file(json).sizeBytes() } };
			case 'read': {
				const { offset, bytes: wanted } = heard(readWords, json);
				const file = this.#file(json);
				await this.#reads.take(wanted);
				const target = Buffer.allocUnsafeSlow(wanted);
				const taken = (): void => {
					this.#reads.give(wanted);
					release(target);
				};
				try {
					return { bytes: [target.subarray(0, await file.read(target, offset))], taken };
				} catch (error) {
					taken();
					throw error;
				}
			}
			case 'write':
				await this.#file(json).write(bytes, heard(writeWords, json).offset);
				release(bytes);
				return {};
			case 'truncate':
				await this.#file(json).truncate(heard(truncateWords, json).sizeBytes);
				return {};
			case 'sync':
				await this.#file(json).sync();
				return {};
			case 'list':
				return { json: { entries: await storage.list(heard(pathWords, json).path) } };
			case 'rename': {
				const { from, to, replace } = heard(renameWords, json);
				await storage.rename(from, to, { replace });
				return {};
			}
			case 'remove':
				await storage.remove(heard(pathWords, json).path);
				return {};
			case 'space':
				return { json: await storage.space() };
			default:
				return assertNever(method);
		}
	}

	/** To be called when nothing is asked any more. */
	async end(): Promise<void> {
		await Promise.allSettled([...this.#files.values()].map((file) => file[Symbol.asyncDispose]())); // nobody waits for them any more
		this.#files.clear();
	}

	#file(json: unknown): StorageFile {
		const file = this.#files.get(heard(fileWords, json).file);
		if (!file) throw misunderstood('a file that is not open');
		return file;
	}
}

const refused = (): EngineError =>
	new EngineError('auth.refused', 'Only the files of the restore point may be read, and nothing else be done with the repository.');
