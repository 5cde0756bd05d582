import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { assertNever, EngineError } from '../../base/index.ts';
import type { RestorePlan, RunMode } from '../../contract/index.ts';
import { type KeyedFolder, LocalFolder } from '../../repository/index.ts';
import type { ObjectOutcome, ObjectSource, TaskObserver } from '../task.ts';
import { createShare, type Share, setShare, type TaskShares } from '../throttle/index.ts';
import { type AnswerOptions, Calls, type Heard, type Method, type Words } from './calls.ts';
import { type GiveBackWords, type giveBackOutcome, giveBackWords } from './give-back-words.ts';
import type { Peer, ServedSession } from './host.ts';
import {
	endReadingWords,
	type GrantWords,
	type grantAnswer,
	grantWords,
	machineWish,
	type ProtectWords,
	type protectNews,
	type protectOutcomes,
	protectWords,
	type ReadingWish,
	type RemoteMachineWish,
	readingAnswer,
	type readingNews,
	readingWish,
} from './protect-words.ts';
import { type HostWork, observerOver } from './remote-work.ts';
import type { Session } from './session.ts';
import { isStorageMethod, StorageService } from './storage-service.ts';
import { isTargetMethod, misunderstood, TargetService } from './target-service.ts';
import { type BeginWords, heard, paceWords, placeWords, workWords } from './words.ts';

export type RepositoryHostOptions = {
	/**
	 * Whether a peer may use a folder of this machine.
	 * @param identity of the repository that it must be
	 * @returns its path as it is to be opened @throws `auth.refused`, `repository.unreachable`
	 */
	readonly admit: (peer: Peer, path: string, identity?: string) => Promise<string> | string;
	/** What is done here by itself for who asks. `work` is checked; the outcome goes back as it is. */
	readonly work: (work: HostWork, place: KeyedFolder, observer: TaskObserver, options: { signal: AbortSignal; shares: TaskShares }) => Promise<unknown>;
	/** Null: nothing of this machine is protected, and nothing written to it. */
	readonly machine: HostedMachine | null;
};

/** What is read and written here for who asks. */
export interface HostedMachine {
	/** @throws `auth.refused` unless the peer may have anything of this machine read or written */
	admit(peer: Peer): void;
	/** @param asker who has the target when it is the one that asks */
	protect(
		words: ProtectWords,
		asker: Pick<Calls, 'ask'>,
		observers: readonly TaskObserver[],
		options: { readonly signal: AbortSignal; readonly shares: TaskShares },
	): Promise<readonly ObjectOutcome[]>;
	/** Disposing it releases what was made. @throws `snapshot.*` */
	openReading(
		wish: ReadingWish,
		options: { readonly signal: AbortSignal; readonly onNote: (message: string, isWarning: boolean) => void },
	): Promise<HeldReading>;
	/** Of a virtual machine, whose host is here. As `openReading`, with one source. @throws also `source.*`, `not-found.vm` */
	openMachine(
		wish: RemoteMachineWish,
		options: { readonly signal: AbortSignal; readonly onNote: (message: string, isWarning: boolean) => void },
	): Promise<HeldReading>;
	/** @param asker who has the backup files when it is the one that asks @returns of a plan, what would be done @throws `restore.*`, `repository.*` */
	giveBack(
		words: GiveBackWords,
		asker: Pick<Calls, 'ask'>,
		observer: TaskObserver,
		options: { readonly signal: AbortSignal; readonly shares: TaskShares },
	): Promise<RestorePlan | null>;
}

export interface HeldReading extends AsyncDisposable {
	readonly sources: readonly ObjectSource[];
	/** Aborted, with the reason, when what is read is not what it was at its instant any more. */
	readonly lost: AbortSignal;
	/** All was read. */
	complete(): Promise<void>;
}

/** Another machine may do this in this folder. */
type Grant = {
	readonly owner: RepositorySession;
	readonly peerId: string;
	readonly path: string;
	readonly folder: KeyedFolder;
	readonly may: GrantWords['may'];
};

/** Holds repositories of this machine for peers: the target side of their backup runs, and storage to read from. */
export class RepositoryHost {
	readonly #options: RepositoryHostOptions;
	readonly #shared: Shared = { runs: new Map(), sessions: new Set(), grants: new Map() };

	constructor(options: RepositoryHostOptions) {
		this.#options = options;
	}

	/** To be given to a `WireHost`. */
	serve(peer: Peer, session: () => Session): ServedSession {
		const served = new RepositorySession(peer, session, this.#options, this.#shared);
		this.#shared.sessions.add(served);
		return served;
	}
}

/** What the sessions of a host know of each other. */
type Shared = {
	/** By folder, job and objects: of two runs of the same the older belongs to a session that has lost its other side. */
	readonly runs: Map<string, RepositorySession>;
	readonly sessions: Set<RepositorySession>;
	/** By their names. */
	readonly grants: Map<string, Grant>;
};

class RepositorySession implements ServedSession {
	readonly #peer: Peer;
	readonly #session: () => Session;
	readonly #options: RepositoryHostOptions;
	readonly #shared: Shared;
	readonly #shares: { readonly read: Share; readonly write: Share } = { read: createShare(), write: createShare() };
	readonly #calls: Calls;
	readonly #inWork = new Set<Promise<unknown>>();
	#clientId: string | null = null;
	#folder: KeyedFolder | null = null;
	#storage: StorageService | null = null;
	#target: TargetService | null = null;
	#grant: Grant | null = null;
	#reading: HeldReading | null = null;
	#runKey: string | null = null;
	#ending: Promise<void> | null = null;

	constructor(peer: Peer, session: () => Session, options: RepositoryHostOptions, shared: Shared) {
		this.#peer = peer;
		this.#session = session;
		this.#options = options;
		this.#shared = shared;
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
			const { sessions, runs, grants } = this.#shared;
			sessions.delete(this);
			await this.#target?.end();
			if (this.#runKey !== null && runs.get(this.#runKey) === this) runs.delete(this.#runKey);
			await this.#reading?.[Symbol.asyncDispose]();
			const granted = [...grants].filter(([, { owner }]) => owner === this);
			for (const [name] of granted) grants.delete(name);
			const users = [...sessions].filter((other) => granted.some(([, grant]) => other.#grant === grant));
			await Promise.allSettled(users.map((other) => other.#endEarly('the backup server does not wait for the run any more')));
			await this.#storage?.end();
		})();
		return this.#ending;
	}

	async #answer(method: Method, words: Heard, options: AnswerOptions): Promise<Words> {
		if (isTargetMethod(method)) {
			if (!this.#target) throw misunderstood('a run before it is said where');
			return this.#target.answer(method, words, options);
		}
		if (isStorageMethod(method)) {
			if (!this.#storage) throw misunderstood('storage before it is said where');
			return this.#storage.answer(method, words);
		}
		switch (method) {
			case 'place':
				return this.#takePlace(words);
			case 'work':
				return this.#work(words, options);
			case 'pace': {
				const { read, write } = heard(paceWords, words.json);
				setShare(this.#shares.read, read);
				setShare(this.#shares.write, write);
				return {};
			}
			case 'grant':
				return this.#giveGrant(words);
			case 'protect':
				return this.#protect(words, options);
			case 'openReading':
				return this.#openReading(readingWish, words, options, (machine, wish, more) => machine.openReading(wish, more));
			case 'openMachine':
				return this.#openReading(machineWish, words, options, (machine, wish, more) => machine.openMachine(wish, more));
			case 'endReading':
				return this.#endReading(words);
			case 'watchReading':
				return this.#watchReading(options);
			case 'giveBack':
				return this.#giveBack(words, options);
			default:
				return assertNever(method);
		}
	}

	async #takePlace({ json }: Heard): Promise<Words> {
		const { path, keys, clientId, identity, grant: name } = heard(placeWords, json);
		if (this.#folder || this.#target || this.#storage) throw misunderstood('a second repository');
		const grant = name === undefined ? null : this.#shared.grants.get(name);
		if (grant === undefined || (grant && (grant.peerId !== this.#peer.id || grant.path !== path)))
			throw new EngineError('auth.refused', `What is to be done in ${path} was not announced, or the backup server has given it up.`);
		const folder = grant ? grant.folder : { path: await this.#options.admit(this.#peer, path, identity), keys };
		await this.#claim(clientId);
		this.#grant = grant;
		const storage = new LocalFolder(folder.path);
		const { may = null } = grant ?? {};
		if (may?.kind !== 'read')
			this.#target = new TargetService({ folder, shares: this.#shares, only: may?.run ?? null, onBegin: (spec) => this.#makeWay(folder, spec) });
		if (may?.kind !== 'write') this.#storage = new StorageService(storage, may && new Set(may.files));
		if (!grant) this.#folder = folder;
		return { json: storage.properties };
	}

	/** One process at a time speaks for a machine: what an earlier one began has nobody left who waits for it. */
	async #claim(clientId: string): Promise<void> {
		if (this.#clientId !== null) throw misunderstood('a second beginning');
		this.#clientId = clientId;
		const isOrphan = (other: RepositorySession): boolean => other.#peer.id === this.#peer.id && other.#clientId !== null && other.#clientId !== clientId;
		const orphans = [...this.#shared.sessions].filter(isOrphan);
		await Promise.allSettled(orphans.map((other) => other.#endEarly('the process that asked has been started anew')));
	}

	#endEarly(why: string): Promise<void> {
		this.#session().end(new EngineError('connection.lost', why));
		return this.ended();
	}

	async #makeWay({ path }: KeyedFolder, { job, objects }: BeginWords): Promise<void> {
		const key = JSON.stringify([path, job.id, objects]);
		const { runs } = this.#shared;
		for (let other = runs.get(key); other && other !== this; other = runs.get(key)) {
			other.#session().end(new EngineError('busy.job', 'the job was begun anew'));
			await other.ended();
		}
		runs.set(key, this);
		this.#runKey = key;
	}

	async #giveGrant({ json }: Heard): Promise<Words> {
		const { peerId, may } = heard(grantWords, json);
		if (!this.#folder) throw misunderstood('a grant before it is said where');
		const grant = randomBytes(16).toString('hex');
		this.#shared.grants.set(grant, { owner: this, peerId, path: this.#folder.path, folder: this.#folder, may });
		return { json: { grant } satisfies typeof grantAnswer._zod.input };
	}

	get #machine(): HostedMachine {
		const { machine } = this.#options;
		if (machine === null) throw new EngineError('connection.refused', 'Nothing of this machine is protected, and nothing written to it.');
		machine.admit(this.#peer);
		return machine;
	}

	async #protect({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const machine = this.#machine;
		const words = heard(protectWords, json);
		await this.#claim(words.clientId);
		const observers = words.run.objects.map((_, observer) => {
			const tell = (told: typeof protectNews._zod.input.news): void => news({ observer, news: told } satisfies typeof protectNews._zod.input);
			return { ...observerOver(tell), mode: (of: RunMode) => tell({ what: 'mode', of }) };
		});
		const outcomes: typeof protectOutcomes._zod.input = [...(await machine.protect(words, this.#calls, observers, { signal, shares: this.#shares }))];
		return { json: outcomes };
	}

	async #endReading({ json }: Heard): Promise<Words> {
		const { isRead } = heard(endReadingWords, json);
		const reading = this.#reading;
		this.#reading = null;
		try {
			if (isRead) await reading?.complete();
		} finally {
			await reading?.[Symbol.asyncDispose]();
		}
		return {};
	}

	/** Fails when the reading is lost; otherwise it ends with the session. */
	async #watchReading({ signal }: AnswerOptions): Promise<Words> {
		if (!this.#reading) throw misunderstood('a reading before it is said of what');
		const { lost } = this.#reading;
		await new Promise<void>((resolve) => {
			const over = AbortSignal.any([lost, signal]);
			over.addEventListener('abort', () => resolve(), { once: true });
			if (over.aborted) resolve();
		});
		lost.throwIfAborted();
		return {};
	}

	async #openReading<Wish extends { readonly clientId: string }>(
		schema: z.ZodType<Wish>,
		{ json }: Heard,
		{ signal, news }: AnswerOptions,
		open: (machine: HostedMachine, wish: Wish, options: Parameters<HostedMachine['openReading']>[1]) => Promise<HeldReading>,
	): Promise<Words> {
		const machine = this.#machine;
		const wish = heard(schema, json);
		await this.#claim(wish.clientId);
		const onNote = (message: string, isWarning: boolean): void => news({ message, isWarning } satisfies typeof readingNews._zod.input);
		this.#reading = await open(machine, wish, { signal, onNote });
		return { json: readingAnswer.parse({ sources: this.#reading.sources }) };
	}

	async #work({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const work = heard(workWords, json);
		if (!this.#folder) throw misunderstood('work before it is said where');
		return { json: await this.#options.work(work, this.#folder, observerOver(news), { signal, shares: this.#shares }) };
	}

	async #giveBack({ json }: Heard, { signal, news }: AnswerOptions): Promise<Words> {
		const machine = this.#machine;
		const words = heard(giveBackWords, json);
		await this.#claim(words.clientId);
		const plan = await machine.giveBack(words, this.#calls, observerOver(news), { signal, shares: this.#shares });
		return { json: { plan } satisfies typeof giveBackOutcome._zod.input };
	}
}
