import { assertNever, EngineError } from '../../base/index.ts';
import { directoryBytes, hashBytes, maxChunksPerRecord, type PlacedChunk, parseRecordHeader, recordHeaderBytes } from '../../format/index.ts';
import { type KeyedFolder, LocalFolder, type Storage, type StorageFile } from '../../repository/index.ts';
import { LocalRun } from '../target-run.ts';
import type { TaskObserver } from '../task.ts';
import { createShare, type Share, setShare, type TaskShares } from '../throttle/index.ts';
import type { SealedRecord } from '../worker-pool.ts';
import { Allowance } from './allowance.ts';
import { type AnswerOptions, Calls, type Heard, type Method, type Words } from './calls.ts';
import type { Peer, ServedSession } from './host.ts';
import { type HostWork, observerOver } from './remote-work.ts';
import type { Session } from './session.ts';
import {
	beginWords,
	type begunWords,
	commitWords,
	fileWords,
	heard,
	openWords,
	paceWords,
	pathWords,
	placeWords,
	readWords,
	renameWords,
	sayChainKeys,
	truncateWords,
	workWords,
	writeWords,
} from './words.ts';

export type RepositoryHostOptions = {
	/** Whether a peer may use a folder of this machine. @returns its path as it is to be opened @throws `auth.refused`, `repository.unreachable` */
	readonly admit: (peer: Peer, path: string) => Promise<string> | string;
	/** What is done here by itself for who asks. `work` is checked; the outcome goes back as it is. */
	readonly work: (work: HostWork, place: KeyedFolder, observer: TaskObserver, options: { signal: AbortSignal; shares: TaskShares }) => Promise<unknown>;
};

/** Bytes that reads of one session may take in memory until the other side has taken them. */
const readAheadBytes = 32 * 1024 * 1024;
const maxOpenFiles = 1000;

/** Holds repositories of this machine for peers: the target side of their backup runs, and storage to read from. */
export class RepositoryHost {
	readonly #options: RepositoryHostOptions;
	/** By folder and job: of two runs of one job the older belongs to a session that has lost its other side. */
	readonly #runs = new Map<string, RepositorySession>();
	readonly #sessions = new Set<RepositorySession>();

	constructor(options: RepositoryHostOptions) {
		this.#options = options;
	}

	/** To be given to a `WireHost`. */
	serve(peer: Peer, session: () => Session): ServedSession {
		const served = new RepositorySession(peer, session, this.#options, this.#runs, this.#sessions);
		this.#sessions.add(served);
		return served;
	}
}

class RepositorySession implements ServedSession {
	readonly #peer: Peer;
	readonly #session: () => Session;
	readonly #options: RepositoryHostOptions;
	readonly #runs: Map<string, RepositorySession>;
	readonly #sessions: Set<RepositorySession>;
	readonly #shares: { readonly read: Share; readonly write: Share } = { read: createShare(), write: createShare() };
	readonly #calls: Calls;
	readonly #inWork = new Set<Promise<unknown>>();
	readonly #files = new Map<number, StorageFile>();
	readonly #reads = new Allowance(readAheadBytes);
	#nextFile = 0;
	#clientId: string | null = null;
	#folder: KeyedFolder | null = null;
	#storage: Storage | null = null;
	#run: LocalRun | null = null;
	#runKey: string | null = null;
	#isBeginning = false;
	#ending: Promise<void> | null = null;

	constructor(peer: Peer, session: () => Session, options: RepositoryHostOptions, runs: Map<string, RepositorySession>, sessions: Set<RepositorySession>) {
		this.#peer = peer;
		this.#session = session;
		this.#options = options;
		this.#runs = runs;
		this.#sessions = sessions;
		this.#calls = new Calls(session, (method, words, more) => {
			const answering = this.#answer(method, words, more);
			this.#inWork.add(answering);
			const done = (): void => void this.#inWork.delete(answering);
			answering.then(done, done);
			return answering;
		});
	}

	take(message: Buffer): Promise<void> {
		return this.#calls.take(message);
	}

	/** What was not committed leaves no trace. Resolves when nothing works any more. */
	ended(): Promise<void> {
		this.#ending ??= (async () => {
			this.#calls.end(this.#session().ended.reason);
			await Promise.allSettled(this.#inWork);
			this.#sessions.delete(this);
			await this.#endRun();
			await Promise.allSettled([...this.#files.values()].map((file) => file[Symbol.asyncDispose]())); // nobody waits for them any more
			this.#files.clear();
		})();
		return this.#ending;
	}

	async #endRun(): Promise<void> {
		const run = this.#run;
		this.#run = null;
		try {
			await run?.[Symbol.asyncDispose]();
		} finally {
			if (this.#runKey !== null && this.#runs.get(this.#runKey) === this) this.#runs.delete(this.#runKey);
			this.#runKey = null;
		}
	}

	async #answer(method: Method, words: Heard, options: AnswerOptions): Promise<Words> {
		switch (method) {
			case 'place':
				return this.#takePlace(words);
			case 'begin':
				return this.#begin(words);
			case 'has':
				if (words.bytes.byteLength % hashBytes !== 0) throw misunderstood('hashes');
				return { bytes: [this.#runNow.has(words.bytes)] };
			case 'append': {
				const run = this.#runNow;
				await run.append(parseRecord(words.bytes, run));
				return { json: { busyMs: run.times.writeMs } };
			}
			case 'commit':
				return this.#commit(words, options);
			case 'abort':
				await this.#endRun();
				return {};
			case 'work':
				return this.#work(words, options);
			case 'pace': {
				const { read, write } = heard(paceWords, words.json);
				setShare(this.#shares.read, read);
				setShare(this.#shares.write, write);
				return {};
			}
			case 'readChunk': {
				const { base } = this.#runNow;
				if (!base) throw misunderstood('a chunk where there is no chain');
				return { bytes: [await base.readChunk(words.bytes)] };
			}
			case 'isHurt':
				return { json: { isHurt: (await this.#runNow.doubts?.isHurt(words.bytes)) ?? false } };
			case 'isDiskHurt':
				return { json: { isHurt: (await this.#runNow.doubts?.isDiskHurt(words.bytes)) ?? false } };
			default:
				return this.#answerFromStorage(method, words);
		}
	}

	async #takePlace({ json }: Heard): Promise<Words> {
		const { path, keys, clientId } = heard(placeWords, json);
		if (this.#clientId !== null) throw misunderstood('a second repository');
		this.#clientId = clientId;
		const admitted = await this.#options.admit(this.#peer, path);
		// one process at a time speaks for a machine: what an earlier one began has nobody left who waits for it
		const orphans = [...this.#sessions].filter((other) => other.#peer.id === this.#peer.id && other.#clientId !== null && other.#clientId !== clientId);
		await Promise.allSettled(orphans.map((other) => other.#endAsOrphan()));
		this.#folder = { path: admitted, keys };
		this.#storage = new LocalFolder(this.#folder.path);
		return { json: this.#storage.properties };
	}

	#endAsOrphan(): Promise<void> {
		this.#session().end(new EngineError('connection.lost', 'the process that asked has been started anew'));
		return this.ended();
	}

	async #work({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const work = heard(workWords, json);
		if (!this.#folder) throw misunderstood('work before it is said where');
		return { json: await this.#options.work(work, this.#folder, observerOver(news), { signal, shares: this.#shares }) };
	}

	async #begin({ json }: Heard): Promise<Words> {
		const spec = heard(beginWords, json);
		if (!this.#folder || this.#run || this.#isBeginning) throw misunderstood('a second run');
		this.#isBeginning = true;
		try {
			const key = `${this.#folder.path}\0${spec.job.id}`;
			for (let other = this.#runs.get(key); other; other = this.#runs.get(key)) {
				other.#session().end(new EngineError('busy.job', 'the job was begun anew'));
				await other.ended();
			}
			this.#runs.set(key, this);
			this.#runKey = key;
			const run = await LocalRun.begin({ ...spec, repositoryPath: this.#folder }, { shares: this.#shares });
			this.#run = run;
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
		} catch (error) {
			await this.#endRun();
			throw error;
		} finally {
			this.#isBeginning = false;
		}
	}

	async #commit({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const { points } = heard(commitWords, json);
		const progress = {
			begins: (part: string) => news({ what: 'begins', part }),
			expects: (bytes: number) => news({ what: 'expects', bytes }),
			moved: (bytes: number) => news({ what: 'moved', bytes }),
		};
		await this.#runNow.commit(points, { signal, progress });
		await this.#endRun();
		return {};
	}

	get #runNow(): LocalRun {
		if (!this.#run) throw misunderstood('a run that has not begun');
		return this.#run;
	}

	async #answerFromStorage(
		method: 'open' | 'close' | 'size' | 'read' | 'write' | 'truncate' | 'sync' | 'list' | 'rename' | 'remove' | 'space',
		{ json, bytes }: Heard,
	): Promise<Words> {
		const storage = this.#storage;
		if (!storage) throw misunderstood('storage before it is said where');
		switch (method) {
			case 'open': {
				const { path, mode } = heard(openWords, json);
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
				const taken = (): void => this.#reads.give(wanted);
				try {
					const target = Buffer.allocUnsafeSlow(wanted);
					return { bytes: [target.subarray(0, await file.read(target, offset))], taken };
				} catch (error) {
					taken();
					throw error;
				}
			}
			case 'write':
				await this.#file(json).write(bytes, heard(writeWords, json).offset);
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

	#file(json: unknown): StorageFile {
		const file = this.#files.get(heard(fileWords, json).file);
		if (!file) throw misunderstood('a file that is not open');
		return file;
	}
}

const misunderstood = (what: string): EngineError =>
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
