import { EngineError } from '../base/index.ts';
import { type ChainHead, type ChainMetadata, encodeChainMetadata, type FileIndex, type PointManifest, ringOf } from '../format/index.ts';
import { readCommittedFile, readIndex } from './backup-file.ts';
import { type ChainHandle, ChainReader } from './chain-reader.ts';
import { partName, readChains, readMetadata, type StoredChain, unknownChain } from './chain-store.ts';
import { putChainRight } from './clean-up.ts';
import { openVault, type RepositoryPlace, type Vault } from './storage/open-storage.ts';
import type { Storage } from './storage/storage.ts';

export type StoredFile = ChainMetadata['files'][number];

/** A chain with its indexes, for the steps that move chunks between its files. The caller holds the chain for itself. */
export class OpenChain {
	readonly storage: Storage;
	stored: StoredChain;

	constructor(storage: Storage, stored: StoredChain) {
		this.storage = storage;
		this.stored = stored;
	}

	/** @throws `not-found.chain`, `repository.*` */
	static async find(place: RepositoryPlace, chainId: string): Promise<OpenChain> {
		const vault = openVault(place);
		const { chains, folders } = await readChains(vault);
		const stored = chains.find(({ metadata }) => metadata.chain.id === chainId);
		if (!stored) throw unknownChain(chainId);
		return new OpenChain(vault.storage, await putChainRight(vault.storage, stored, folders.get(stored.folder) ?? [], chains));
	}

	/** As its metadata describes it, for those who only read: nothing is put right. @throws `not-found.chain`, `repository.*` */
	static async look(vault: Vault, chainId: string): Promise<OpenChain> {
		const stored = (await readChains(vault)).chains.find(({ metadata }) => metadata.chain.id === chainId);
		if (!stored) throw unknownChain(chainId);
		return new OpenChain(vault.storage, stored);
	}

	get files(): readonly StoredFile[] {
		return this.stored.metadata.files;
	}

	get full(): StoredFile {
		const full = this.files.find(({ kind }) => kind === 'full');
		if (!full) throw new EngineError('repository.damaged', `The chain ${this.stored.metadata.chain.id} has no full backup file.`);
		return full;
	}

	pathOf(file: StoredFile): string {
		return `${this.stored.folder}/${file.name}`;
	}

	/** Indexes of the given files, as they are committed. */
	async indexes(files: readonly StoredFile[]): Promise<FileIndex[]> {
		const indexes: FileIndex[] = [];
		for (const stored of files) {
			await using file = await this.storage.open(this.pathOf(stored), 'read');
			const committed = await readCommittedFile(file, ringOf(this.stored.seal));
			if (!committed) throw new EngineError('repository.damaged', `${this.pathOf(stored)} was never completed.`);
			indexes.push(await readIndex(file, committed));
		}
		return indexes;
	}

	reader(files: readonly StoredFile[], indexes: readonly FileIndex[]): ChainReader {
		return this.readerOf(files.map((file, i) => ({ path: this.pathOf(file), index: (indexes[i] as FileIndex).buffer })));
	}

	/** Of files that need not be listed. */
	readerOf(files: ChainHandle['files']): ChainReader {
		return new ChainReader({ repositoryPath: this.storage.properties.place, keys: this.stored.seal?.cipher.keys ?? null, files }, this.storage);
	}

	/** Points of the given files, each once. */
	points(files: readonly StoredFile[]): PointManifest[] {
		return files.flatMap((file) => file.points);
	}

	/**
	 * Writes the new list of files beside the old one, before the change that it describes: a disk that is full is met while nothing has happened.
	 * `apply` makes it the list, which needs no room; disposed before that it is gone.
	 * @throws `busy.chain` when the chain has become another job's since it was opened
	 */
	async prepareFiles(files: readonly StoredFile[], chain: ChainHead = this.stored.metadata.chain): Promise<PreparedFiles> {
		await this.refuseIfTakenOver();
		const metadata: ChainMetadata = { chain, files: [...files] };
		const part = partName(this.stored.path, chain.job.id);
		const { storage } = this;
		let isApplied = false;
		const prepared = {
			apply: async (): Promise<void> => {
				await storage.rename(part, this.stored.path, { replace: true });
				isApplied = true;
				this.stored = { ...this.stored, metadata };
			},
			[Symbol.asyncDispose]: async (): Promise<void> => {
				if (!isApplied) await storage.remove(part).catch(() => undefined); // the next clean-up removes it
			},
		};
		try {
			await storage.remove(part);
			await using file = await storage.open(part, 'create');
			await file.write(encodeChainMetadata(metadata, this.stored.seal), 0);
			await file.sync();
		} catch (error) {
			await prepared[Symbol.asyncDispose]();
			throw error;
		}
		return prepared;
	}

	/** @throws `busy.chain` when the chain has become another job's since it was opened */
	async refuseIfTakenOver(): Promise<void> {
		const { chain } = (await readMetadata(this.storage, this.stored.path, ringOf(this.stored.seal))).metadata;
		if (chain.job.id !== this.stored.metadata.chain.job.id) throw takenOver(this.stored.metadata.chain, chain);
	}
}

/** Another installation has mapped a job of its own to the chain. */
export const takenOver = (before: ChainHead, now: ChainHead): EngineError =>
	new EngineError('busy.chain', `The chain of “${before.job.name}” was taken over by the job “${now.job.name}” while this session ran.`, {
		hint: 'Let only one engine run the jobs of a chain. The next run begins a new chain.',
	});

export type PreparedFiles = AsyncDisposable & { apply(): Promise<void> };
