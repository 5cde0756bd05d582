import { EngineError } from '../../base/index.ts';
import {
	directoryBytes,
	hashBytes,
	maxChunksPerRecord,
	type PlacedChunk,
	type PointManifest,
	parseRecordHeader,
	recordHeaderBytes,
	release,
} from '../../format/index.ts';
import type { RepositoryFolder } from '../../repository/index.ts';
import { LocalRun } from '../target-run.ts';
import type { TaskShares } from '../throttle/index.ts';
import type { SealedRecord } from '../worker-pool.ts';
import type { AnswerOptions, Heard, Method, Words } from './calls.ts';
import { type BeginWords, beginWords, type begunWords, commitWords, heard, sayChainKeys } from './words.ts';

export const targetMethods = ['begin', 'has', 'append', 'commit', 'readChunk', 'isHurt', 'isDiskHurt', 'abort'] as const satisfies readonly Method[];
export type TargetMethod = (typeof targetMethods)[number];
export const isTargetMethod = (method: Method): method is TargetMethod => (targetMethods as readonly Method[]).includes(method);

export type TargetServiceOptions = {
	readonly folder: RepositoryFolder;
	readonly shares: TaskShares;
	/** The one run that may be made, whatever the other side asks for; null: the other side says which. */
	readonly only: BeginWords | null;
	/** Called before a run begins; resolves when no older one of the job is at work. */
	readonly onBegin: (spec: BeginWords) => Promise<void>;
};

/** The target side of one backup run into a repository of this machine, for a source side that asks through a session. */
export class TargetService {
	readonly #options: TargetServiceOptions;
	#run: LocalRun | null = null;
	#spec: BeginWords | null = null;
	#isBeginning = false;
	readonly #inWork = new Set<Promise<unknown>>();

	constructor(options: TargetServiceOptions) {
		this.#options = options;
	}

	answer(method: TargetMethod, words: Heard, options: AnswerOptions): Promise<Words> {
		const answering = this.#answer(method, words, options);
		this.#inWork.add(answering);
		const done = (): void => void this.#inWork.delete(answering);
		answering.then(done, done);
		return answering;
	}

	async #answer(method: TargetMethod, words: Heard, options: AnswerOptions): Promise<Words> {
		switch (method) {
			case 'begin':
				return this.#begin(words);
			case 'has':
				if (words.bytes.byteLength % hashBytes !== 0) throw misunderstood('hashes');
				return { bytes: [this.#runNow.has(words.bytes)] };
			case 'append': {
				const run = this.#runNow;
				await run.append(parseRecord(words.bytes, run));
				release(words.bytes);
				return { json: { busyMs: run.times.writeMs } };
			}
			case 'commit':
				return this.#commit(words, options);
			case 'abort':
				await this.#drop();
				return {};
			case 'readChunk': {
				const { base } = this.#runNow;
				if (!base) throw misunderstood('a chunk where there is no chain');
				return { bytes: [await base.readChunk(words.bytes)] };
			}
			case 'isHurt':
				return { json: { isHurt: (await this.#runNow.doubts?.isHurt(words.bytes)) ?? false } };
			case 'isDiskHurt':
				return { json: { isHurt: (await this.#runNow.doubts?.isDiskHurt(words.bytes)) ?? false } };
		}
	}

	/** What was not committed leaves no trace. To be called when nothing is asked any more. */
	async end(): Promise<void> {
		await Promise.allSettled(this.#inWork);
		await this.#drop();
	}

	async #drop(): Promise<void> {
		const run = this.#run;
		this.#run = null;
		await run?.[Symbol.asyncDispose]();
	}

	async #begin({ json }: Heard): Promise<Words> {
		if (this.#run || this.#isBeginning) throw misunderstood('a second run');
		this.#isBeginning = true;
		try {
			const spec = this.#options.only ?? heard(beginWords, json);
			await this.#options.onBegin(spec);
			const run = await LocalRun.begin({ ...spec, repositoryPath: this.#options.folder }, { shares: this.#options.shares });
			this.#run = run;
			this.#spec = spec;
			const { actual, fallbackReason, previous, cipher, base, doubts } = run;
			const begun: typeof begunWords._zod.input = {
				actual,
				fallbackReason,
				previous: [...previous],
				keys: cipher ? sayChainKeys(cipher.keys) : null,
				hasBase: base !== null,
				lostChunks: doubts?.lostChunks ?? null,
			};
			return { json: begun };
		} finally {
			this.#isBeginning = false;
		}
	}

	async #commit({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const { points } = heard(commitWords, json);
		const run = this.#runNow;
		refuseForeign(points, this.#spec);
		const progress = {
			begins: (part: string) => news({ what: 'begins', part }),
			expects: (bytes: number) => news({ what: 'expects', bytes }),
			moved: (bytes: number) => news({ what: 'moved', bytes }),
		};
		await run.commit(points, { signal, progress });
		await this.#drop();
		return {};
	}

	get #runNow(): LocalRun {
		if (!this.#run) throw misunderstood('a run that has not begun');
		return this.#run;
	}
}

/** Of each object that the run was begun for there is one point, and of others none. */
function refuseForeign(points: readonly PointManifest[], spec: BeginWords | null): void {
	const isOwn =
		points.length === spec?.objects.length && points.every(({ object }, i) => spec.objects[i]?.kind === object.kind && spec.objects[i]?.path === object.path);
	if (!isOwn) throw misunderstood('points of other objects than it has begun with');
}

export const misunderstood = (what: string): EngineError =>
	new EngineError('connection.lost', `The other side does not keep to the protocol: it asks for ${what}.`, {
		hint: 'Update Holdfast on both sides to the same version.',
	});

/**
 * A record as it is to lie in the file, before it the names of its chunks:
 * number of chunks, u32 · per chunk: hash, 32 bytes; length, u32 · the record with its header.
 */
export function sayRecord({ sealed, chunks }: SealedRecord): Uint8Array[] {
	const names = Buffer.alloc(4 + chunks.length * entryBytes);
	names.writeUInt32LE(chunks.length, 0);
	chunks.forEach(({ hash, rawBytes }, i) => {
		names.set(hash, 4 + i * entryBytes);
		names.writeUInt32LE(rawBytes, 4 + i * entryBytes + hashBytes);
	});
	return [names, sealed];
}
const entryBytes = hashBytes + 4;

function parseRecord(bytes: Buffer, { cipher }: LocalRun): SealedRecord {
	const count = bytes.byteLength < 4 ? 0 : bytes.readUInt32LE(0);
	if (count === 0 || count > maxChunksPerRecord || bytes.byteLength < 4 + count * entryBytes) throw misunderstood('a record without chunks');
	const sealed = bytes.subarray(4 + count * entryBytes);
	const header = parseRecordHeader(sealed, 'a record from the wire', 0, cipher);
	const chunks: PlacedChunk[] = [];
	let rawOffset = 0;
	for (let i = 0; i < count; i++) {
		const at = 4 + i * entryBytes;
		const rawBytes = bytes.readUInt32LE(at + hashBytes);
		chunks.push({ hash: bytes.subarray(at, at + hashBytes), rawOffset, rawBytes });
		rawOffset += rawBytes;
	}
	if (header.type !== 'chunks' || rawOffset + directoryBytes(count) !== header.rawBytes || sealed.byteLength !== recordHeaderBytes + header.storedBytes)
		throw misunderstood('a record whose parts do not fit together');
	return { sealed, header, chunks };
}
