import { systemClock } from '../../base/index.ts';
import type { Calls } from './calls.ts';
import type { SourceMachine } from './place.ts';
import { type OpenedReading, type ReadingWish, type RemoteMachineWish, readingAnswer, readingNews } from './protect-words.ts';
import { reachMachine } from './reach-machine.ts';
import type { ReachOptions } from './remote-repository.ts';
import type { Session } from './session.ts';
import { heard } from './words.ts';

/** How long the other side may take to release what it holds. */
const endMs = 60_000;

type OpenOptions = ReachOptions & { readonly signal: AbortSignal; readonly onNote: (message: string, isWarning: boolean) => void };

/** Snapshots that a data mover on another machine has made of what lies there. It holds them until this is disposed, or the session is lost for good. */
export class RemoteReading implements AsyncDisposable {
	readonly sources: OpenedReading['sources'];
	readonly #lost = new AbortController();
	readonly #calls: Calls;
	readonly #session: Session;
	#isOver = false;

	private constructor({ sources }: OpenedReading, calls: Calls, session: Session) {
		this.sources = sources;
		this.#calls = calls;
		this.#session = session;
		calls.ask('watchReading').then(
			() => undefined, // it has ended
			(error: unknown) => {
				if (!this.#isOver) this.#lost.abort(error);
			},
		);
	}

	/** Aborted, with the reason, when a snapshot has run full there, or the data mover that holds it is lost for good. */
	get lost(): AbortSignal {
		return this.#lost.signal;
	}

	/** @throws `snapshot.*`, `connection.*`, `auth.*`, the signal's reason */
	static open(machine: SourceMachine, wish: Omit<ReadingWish, 'clientId'>, options: OpenOptions): Promise<RemoteReading> {
		return RemoteReading.#begin(machine, 'openReading', wish, options);
	}

	/** Of a virtual machine, whose host is there: `sources` has one, with its snapshot. @throws as `open`, and `source.*`, `not-found.vm` */
	static openMachine(machine: SourceMachine, wish: Omit<RemoteMachineWish, 'clientId'>, options: OpenOptions): Promise<RemoteReading> {
		return RemoteReading.#begin(machine, 'openMachine', wish, options);
	}

	static async #begin(
		machine: SourceMachine,
		method: 'openReading' | 'openMachine',
		wish: object,
		{ signal, onNote, ...reach }: OpenOptions,
	): Promise<RemoteReading> {
		const { calls, session } = await reachMachine(machine, { ...reach, signal });
		try {
			const onNews = (json: unknown): void => {
				const { message, isWarning } = heard(readingNews, json);
				onNote(message, isWarning);
			};
			const { json } = await calls.ask(method, { json: { clientId: machine.clientId, ...wish } }, { signal, onNews });
			return new RemoteReading(heard(readingAnswer, json), calls, session);
		} catch (error) {
			session.end();
			throw error;
		}
	}

	/** All was read: applications are told, and snapshots released. */
	async complete(): Promise<void> {
		await this.#end(true);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#end(false).catch(() => undefined); // the end of the session does the same, only later
		this.#session.end();
	}

	async #end(isRead: boolean): Promise<void> {
		if (this.#isOver) return;
		this.#isOver = true;
		const patience = new AbortController();
		const limit = systemClock.sleep(endMs, { signal: patience.signal }).catch(() => undefined); // it was in time
		await Promise.race([this.#calls.ask('endReading', { json: { isRead } }), limit]).finally(() => patience.abort());
	}
}
