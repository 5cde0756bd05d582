import { type ChainCipher, FileIndex, hashBytes, type PointManifest } from '../format/index.ts';
import { ChainReader, ChainRun, type ChainRunSpec, type ChunkReader, openVault, type RepositoryPlace, type StepOptions } from '../repository/index.ts';
import { noShares, StorageGate, type TaskShares } from './throttle/index.ts';
import type { SealedRecord } from './worker-pool.ts';

/** How a run recognises what the chain holds already: by indexes in memory that threads share, or by asking. */
export type KnownChunks =
	| {
			readonly kind: 'indexes';
			readonly indexes: readonly SharedArrayBuffer[];
			/** What those name in vain. */
			readonly lost: SharedArrayBuffer | null;
	  }
	/** Takes hashes one after the other; gives one byte for each, 1 where the chunk need not be sent. */
	| { readonly kind: 'ask'; readonly ask: (hashes: Uint8Array) => Promise<Uint8Array> };

/** Of a chain of which parts are damaged: what must be read again although it seems to be there. */
export interface Doubts {
	/** Chunks of which no copy is whole. */
	readonly lostChunks: number;
	isHurt(extents: Uint8Array): Promise<boolean>;
	isDiskHurt(root: Uint8Array): Promise<boolean>;
}

/**
 * The target side of a backup run as the source side sees it: in the same process, or on another machine (wire/remote-run.ts).
 * Records may be appended concurrently. Disposed before `commit` has resolved it leaves the chain as it was and no file behind.
 */
export interface TargetRun extends AsyncDisposable {
	readonly actual: 'full' | 'increment';
	/** Why the actual mode is not the requested one; empty when it is. */
	readonly fallbackReason: string;
	/** Newest manifest per object, in the order of the objects; null where there is none to compare with. */
	readonly previous: readonly (PointManifest | null)[];
	/** Of the chain; null when it is not encrypted. */
	readonly cipher: ChainCipher | null;
	/** What the run builds on; null for an active full. */
	readonly base: ChunkReader | null;
	readonly doubts: Doubts | null;
	readonly known: KnownChunks;
	/** Milliseconds since it began: records were on their way, were being written, were held back by a limit. */
	readonly times: { readonly networkMs: number; readonly writeMs: number; readonly throttledMs: number };
	/** Bytes of records that have been taken on. */
	readonly sentBytes: number;
	/** Not yet durable when it resolves. The record must not change before that. @throws `repository.*`, `connection.lost` */
	append(record: SealedRecord): Promise<void>;
	/** Makes the points part of the chain. All appends must have resolved. @throws `repository.*`, `busy.chain`, `connection.lost`, the signal's reason */
	commit(points: readonly PointManifest[], options: StepOptions): Promise<void>;
}

/** What the run may move, and until when it may wait to be let pass. */
export type LimitOptions = { readonly shares?: TaskShares | undefined; readonly signal?: AbortSignal | undefined };

/** A run into a repository of this machine. */
export class LocalRun implements TargetRun {
	readonly #run: ChainRun;
	readonly #gate: StorageGate;
	readonly base: ChainReader | null;
	readonly known: Extract<KnownChunks, { kind: 'indexes' }>;
	readonly doubts: Doubts | null;
	readonly #indexes: readonly FileIndex[];

	private constructor(run: ChainRun, gate: StorageGate) {
		this.#run = run;
		this.#gate = gate;
		const { base, distrust } = run;
		const reader = base && new ChainReader(base);
		this.base = reader;
		this.known = { kind: 'indexes', indexes: base?.files.map(({ index }) => index) ?? [], lost: distrust?.lost.buffer ?? null };
		this.#indexes = this.known.indexes.map((index) => new FileIndex(index));
		this.doubts =
			distrust && reader
				? {
						lostChunks: distrust.lost.chunkCount,
						isHurt: (extents) => distrust.isHurt(extents, reader),
						isDiskHurt: (root) => distrust.isDiskHurt(root, reader),
					}
				: null;
	}

	/** @param place where it really is, if not where the spec says @throws `repository.*` */
	static async begin(spec: ChainRunSpec, options: LimitOptions = {}, place: RepositoryPlace = spec.repositoryPath): Promise<LocalRun> {
		const { storage, keys } = openVault(place);
		const gate = new StorageGate(storage, options.shares ?? noShares, { signal: options.signal });
		return new LocalRun(await ChainRun.begin(spec, { storage: gate.storage, keys }), gate);
	}

	get actual(): 'full' | 'increment' {
		return this.#run.actual;
	}

	get fallbackReason(): string {
		return this.#run.fallbackReason;
	}

	get previous(): readonly (PointManifest | null)[] {
		return this.#run.previous;
	}

	get cipher(): ChainCipher | null {
		return this.#run.writer.cipher;
	}

	get times(): TargetRun['times'] {
		return { networkMs: 0, ...this.#gate.times };
	}

	get sentBytes(): number {
		return this.#gate.writtenBytes;
	}

	/** One byte for each of the hashes, 1 where the chain has the chunk and it can be relied on. */
	has(hashes: Uint8Array): Uint8Array {
		const lost = this.#run.distrust?.lost;
		const answers = new Uint8Array(hashes.byteLength / hashBytes);
		for (let i = 0; i < answers.length; i++) {
			const hash = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
			if (!lost?.has(hash) && this.#indexes.some((index) => index.has(hash))) answers[i] = 1;
		}
		return answers;
	}

	append({ sealed, header, chunks }: SealedRecord): Promise<void> {
		return this.#run.writer.append(sealed, header, chunks);
	}

	async commit(points: readonly PointManifest[], options: StepOptions): Promise<void> {
		await this.#run.commit(points, options);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.base?.[Symbol.asyncDispose]();
		await this.#run[Symbol.asyncDispose]();
	}
}
