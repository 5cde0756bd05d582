import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalFolder } from '../storage/local-folder.ts';
import type { Storage, StorageEntry, StorageFile, StorageSpace } from '../storage/storage.ts';
import type { Random } from './random.ts';

/** Not an engine error, so that no code of ours can take it for a failure that it knows how to handle. */
export class Death extends Error {}

type Change = { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array } | { readonly kind: 'truncate'; readonly sizeBytes: number };
/** A file since it was last durable. */
type Unsynced = { durable: Buffer; changes: Change[]; isNameDurable: boolean };

const sectorBytes = 512;

/**
 * A folder whose user dies at the k-th change, as if the power failed: of what was written since a file was last synced each write is lost,
 * kept or torn by chance, a file whose folder was never synced may be gone, and the change at which it died has happened or not.
 * From then on everything is refused; what lies in the folder is what the next start finds.
 */
export class MortalStorage implements Storage {
	readonly properties;
	readonly #folder: LocalFolder;
	readonly #root: string;
	readonly #random: Random;
	/** What is behind the files that were given out. */
	readonly #files = new WeakMap<StorageFile, StorageFile>();
	readonly #unsynced = new Map<string, Unsynced>();
	#changesLeft: number;
	#last: Promise<unknown> = Promise.resolve();
	/** Kinds of all changes so far, in their order; the last one is the one at which it died. */
	readonly changes: string[] = [];
	isDead = false;

	/** @param dieAt number of the change, from 1 on, that is not survived; infinity never */
	constructor(root: string, random: Random, dieAt = Number.POSITIVE_INFINITY) {
		this.#root = root;
		this.#folder = new LocalFolder(root);
		this.properties = this.#folder.properties;
		this.#random = random;
		this.#changesLeft = dieAt;
	}

	/** One thing after the other: a change that is under way while another one dies would outlive the death. */
	#inTurn<T>(action: () => Promise<T>): Promise<T> {
		const turn = this.#last.then(() => {
			if (this.isDead) throw new Death('Dead already.');
			return action();
		});
		this.#last = turn.catch(() => undefined);
		return turn;
	}

	/** @param partly what of the change may have happened when it is the last one */
	#change<T>(kind: string, action: () => Promise<T>, partly: () => Promise<unknown> = action): Promise<T> {
		return this.#inTurn(async () => {
			this.changes.push(kind);
			if (--this.#changesLeft > 0) return action();
			if (this.#random.chance(0.6)) await partly();
			this.#die();
			throw new Death(`Died at change ${this.changes.length}, ${kind}.`);
		});
	}

	#die(): void {
		this.isDead = true;
		for (const [path, { durable, changes, isNameDurable }] of this.#unsynced) {
			if (!isNameDurable && this.#random.chance(0.3)) rmSync(join(this.#root, path), { force: true });
			else writeFileSync(join(this.#root, path), this.#afterPowerLoss(durable, changes));
		}
	}

	#afterPowerLoss(durable: Buffer, changes: readonly Change[]): Buffer {
		let image = durable;
		const fate = this.#random.below(4); // each write has its own, but all lost and all kept are worth a case of their own
		for (const change of changes) {
			const isKept = fate === 0 ? true : fate === 1 ? false : this.#random.chance(0.6);
			if (!isKept) continue;
			if (change.kind === 'truncate') {
				image = image.subarray(0, Math.min(image.byteLength, change.sizeBytes));
				continue;
			}
			const { offset, bytes } = change;
			const grown = Buffer.alloc(Math.max(image.byteLength, offset + bytes.byteLength));
			image.copy(grown);
			if (fate >= 2 && this.#random.chance(0.3)) this.#tear(grown, offset, bytes);
			else grown.set(bytes, offset);
			image = grown;
		}
		return image;
	}

	/** Some sectors arrive, some do not. */
	#tear(image: Buffer, offset: number, bytes: Uint8Array): void {
		for (let at = 0; at < bytes.byteLength; ) {
			const length = Math.min(bytes.byteLength - at, sectorBytes - ((offset + at) % sectorBytes));
			if (this.#random.chance(0.5)) image.set(bytes.subarray(at, at + length), offset + at);
			at += length;
		}
	}

	/** Syncing a folder makes every name in it durable. */
	#namesAreDurable(path: string): void {
		for (const [other, state] of this.#unsynced) if (dirname(other) === dirname(path)) state.isNameDurable = true;
	}

	list(folder: string): Promise<readonly StorageEntry[]> {
		return this.#inTurn(() => this.#folder.list(folder));
	}

	async open(path: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile> {
		const open = (): Promise<StorageFile> => this.#folder.open(path, mode);
		if (mode === 'read') return this.#mortal(await this.#inTurn(open));
		if (mode === 'update') {
			const file = await this.#inTurn(open);
			if (!this.#unsynced.has(path)) this.#unsynced.set(path, { durable: readFileSync(join(this.#root, path)), changes: [], isNameDurable: true });
			return this.#mortal(file);
		}
		return this.#change(
			'create',
			async () => {
				const file = await open();
				this.#unsynced.set(path, { durable: Buffer.alloc(0), changes: [], isNameDurable: false });
				return this.#mortal(file);
			},
			async () => (await open())[Symbol.asyncDispose](),
		);
	}

	#mortal(file: StorageFile): StorageFile {
		const state = this.#unsynced.get(file.path);
		const changes = (): Change[] => state?.changes ?? [];
		const mortal: StorageFile = {
			path: file.path,
			sizeBytes: () => this.#inTurn(() => file.sizeBytes()),
			read: (target, offset) => this.#inTurn(() => file.read(target, offset)),
			write: (bytes, offset) => {
				const apply = (): Promise<void> => {
					changes().push({ kind: 'write', offset, bytes: Uint8Array.from(bytes) });
					return file.write(bytes, offset);
				};
				return this.#change('write', apply);
			},
			copyFrom: (source, sourceOffset, length, offset) => {
				const inner = this.#files.get(source) ?? source;
				const apply = async (): Promise<boolean> => {
					const bytes = Buffer.alloc(length);
					const there = bytes.subarray(0, await inner.read(bytes, sourceOffset));
					changes().push({ kind: 'write', offset, bytes: there });
					return file.copyFrom(inner, sourceOffset, length, offset);
				};
				return this.#change('copy', apply);
			},
			truncate: (sizeBytes) => {
				const apply = (): Promise<void> => {
					changes().push({ kind: 'truncate', sizeBytes });
					return file.truncate(sizeBytes);
				};
				return this.#change('truncate', apply);
			},
			sync: () =>
				this.#change('sync', async () => {
					await file.sync();
					if (!state) return;
					state.durable = readFileSync(join(this.#root, this.#pathOf(state)));
					state.changes = [];
				}),
			[Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
		};
		this.#files.set(mortal, file);
		return mortal;
	}

	/** The name that a file has now. */
	#pathOf(state: Unsynced): string {
		for (const [path, other] of this.#unsynced) if (other === state) return path;
		throw new Error('The file is gone.');
	}

	replace(path: string, bytes: Uint8Array): Promise<void> {
		return this.#change(
			'replace',
			async () => {
				await this.#folder.replace(path, bytes);
				this.#namesAreDurable(path);
			},
			async () => {
				if (this.#random.chance(0.4)) return this.#folder.replace(path, bytes);
				const temporary = join(this.#root, `${path}.${Buffer.from(this.#random.bytes(6)).toString('hex')}.tmp`);
				mkdirSync(dirname(temporary), { recursive: true });
				writeFileSync(temporary, bytes.subarray(0, this.#random.below(bytes.byteLength + 1)));
			},
		);
	}

	rename(from: string, to: string, options?: { readonly replace?: boolean }): Promise<void> {
		return this.#change('rename', async () => {
			await this.#folder.rename(from, to, options);
			const state = this.#unsynced.get(from);
			this.#unsynced.delete(from);
			this.#unsynced.delete(to);
			if (state) this.#unsynced.set(to, state);
			this.#namesAreDurable(to);
		});
	}

	remove(path: string): Promise<void> {
		return this.#change('remove', async () => {
			await this.#folder.remove(path);
			this.#unsynced.delete(path);
			this.#namesAreDurable(path);
		});
	}

	space(): Promise<StorageSpace> {
		return this.#inTurn(() => this.#folder.space());
	}
}
