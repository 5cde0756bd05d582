import { assert, EngineError, systemClock } from '../../base/index.ts';
import { type ChainCipher, cipherOf, nameChunk, type PointManifest, sameHash } from '../../format/index.ts';
import type { ChainRunSpec, ChunkReader, StepOptions } from '../../repository/index.ts';
import { LaneMeter } from '../meter.ts';
import type { Doubts, KnownChunks, LimitOptions, TargetRun } from '../target-run.ts';
import { RateLimiter } from '../throttle/index.ts';
import type { SealedRecord } from '../worker-pool.ts';
import type { Calls } from './calls.ts';
import type { RemotePlace } from './place.ts';
import { type ReachOptions, RemoteRepository } from './remote-repository.ts';
import { sayRecord } from './target-service.ts';
import { type BeginWords, beginWords, begunWords, busyWords, heard, newsWords, verdictWords } from './words.ts';

/** How long the other side may take to clean up after a run that is given up. */
const abortMs = 30_000;

type BeginOptions = LimitOptions & { readonly signal: AbortSignal };

/** The way to who holds the repository. Disposing it ends the run there. */
export interface TargetLink extends AsyncDisposable {
	readonly calls: Pick<Calls, 'ask'>;
	readonly isEnded: boolean;
}

/** A run into a repository that lies on another machine. */
export class RemoteRun implements TargetRun {
	readonly #link: TargetLink;
	readonly #begun: typeof begunWords._zod.output;
	readonly cipher: ChainCipher | null;
	readonly base: ChunkReader | null;
	readonly doubts: Doubts | null;
	readonly known: KnownChunks;
	readonly #limiter: RateLimiter | null;
	readonly #sends = new LaneMeter();
	readonly #signal: AbortSignal;
	#busyMs = 0;
	sentBytes = 0;
	#isCommitted = false;

	private constructor(link: TargetLink, begun: typeof begunWords._zod.output, { shares, signal }: BeginOptions) {
		this.#limiter = shares?.write ? new RateLimiter(shares.write) : null;
		this.#signal = signal;
		this.#link = link;
		this.#begun = begun;
		this.cipher = cipherOf(begun.keys);
		this.base = begun.hasBase ? { readChunk: (hash) => this.#readChunk(hash) } : null;
		this.known = begun.hasBase ? { kind: 'ask', ask: (hashes) => this.#ask(hashes) } : { kind: 'indexes', indexes: [], lost: null };
		this.doubts =
			begun.lostChunks === null
				? null
				: {
						lostChunks: begun.lostChunks,
						isHurt: async (extents) => this.#verdict('isHurt', extents),
						isDiskHurt: async (root) => this.#verdict('isDiskHurt', root),
					};
	}

	/** @throws `connection.*`, `auth.*`, `repository.*` */
	static async begin(place: RemotePlace, spec: Omit<ChainRunSpec, 'repositoryPath'>, options: ReachOptions & BeginOptions): Promise<RemoteRun> {
		const repository = await RemoteRepository.reach(place, options);
		try {
			// it sends no faster than it may write; what the other side reads of the repository is limited there
			await repository.keepPace({ read: options.shares?.read ?? null, write: null });
		} catch (error) {
			await repository[Symbol.asyncDispose]();
			throw error;
		}
		return RemoteRun.over(repository, spec, options);
	}

	/** Takes the link over. @throws `connection.*`, `repository.*` */
	static async over(link: TargetLink, spec: Omit<ChainRunSpec, 'repositoryPath'>, options: BeginOptions): Promise<RemoteRun> {
		try {
			const said: BeginWords = beginWords.parse(spec); // what else the caller's object holds stays here
			const begun = heard(begunWords, (await link.calls.ask('begin', { json: said }, options)).json);
			if (begun.previous.length !== spec.objects.length)
				throw new EngineError('connection.lost', 'The other side tells of other objects than it was asked about.');
			return new RemoteRun(link, begun, options);
		} catch (error) {
			await link[Symbol.asyncDispose]();
			throw error;
		}
	}

	get actual(): 'full' | 'increment' {
		return this.#begun.actual;
	}

	get fallbackReason(): string {
		return this.#begun.fallbackReason;
	}

	get previous(): readonly (PointManifest | null)[] {
		return this.#begun.previous;
	}

	async #ask(hashes: Uint8Array): Promise<Uint8Array> {
		return (await this.#link.calls.ask('has', { bytes: [hashes] })).bytes;
	}

	async #readChunk(hash: Uint8Array): Promise<Uint8Array> {
		const { bytes } = await this.#link.calls.ask('readChunk', { bytes: [hash] });
		if (!sameHash(nameChunk(bytes, this.cipher), hash))
			throw new EngineError('repository.damaged', 'A chunk that was read on the other side is not what its name says.');
		return bytes;
	}

	async #verdict(method: 'isHurt' | 'isDiskHurt', bytes: Uint8Array): Promise<boolean> {
		return heard(verdictWords, (await this.#link.calls.ask(method, { bytes: [bytes] })).json).isHurt;
	}

	get times(): TargetRun['times'] {
		return { networkMs: Math.max(0, this.#sends.workMs - this.#busyMs), writeMs: this.#busyMs, throttledMs: this.#sends.heldMs };
	}

	async append(record: SealedRecord): Promise<void> {
		assert(!this.#isCommitted, 'a committed run takes no more records');
		await this.#letPass(record.sealed.byteLength);
		this.sentBytes += record.sealed.byteLength;
		const { json } = await this.#sends.working(() => this.#link.calls.ask('append', { bytes: sayRecord(record) }));
		this.#busyMs = Math.max(this.#busyMs, heard(busyWords, json).busyMs);
	}

	/** The limit of the repository and of the way there holds back what is sent. */
	async #letPass(bytes: number): Promise<void> {
		const limiter = this.#limiter;
		for (let left = bytes; limiter && left > 0; ) left -= await this.#sends.held(() => limiter.take(left, { signal: this.#signal }));
	}

	async commit(points: readonly PointManifest[], { signal, progress }: StepOptions): Promise<void> {
		const onNews = (json: unknown): void => {
			const news = heard(newsWords, json);
			if (news.what === 'begins') progress?.begins(news.part);
			else progress?.[news.what](news.bytes);
		};
		await this.#link.calls.ask('commit', { json: { points } }, { signal, onNews });
		this.#isCommitted = true;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (!this.#isCommitted && !this.#link.isEnded) {
			const patience = new AbortController();
			const limit = systemClock.sleep(abortMs, { signal: patience.signal }).catch(() => undefined); // it was in time
			await Promise.race([this.#link.calls.ask('abort').catch(() => undefined), limit]); // the session's end does the same, only later
			patience.abort();
		}
		await this.#link[Symbol.asyncDispose]();
	}
}
