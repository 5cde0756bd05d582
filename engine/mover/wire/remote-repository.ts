import type { Clock } from '../../base/index.ts';
import { release } from '../../format/index.ts';
import {
	type Storage,
	type StorageEntry,
	type StorageFile,
	type StorageProperties,
	type StorageSpace,
	type Vault,
	writeTemporary,
} from '../../repository/index.ts';
import type { TaskShares } from '../throttle/index.ts';
import { Calls } from './calls.ts';
import { type Connect, openSession } from './client.ts';
import { dial } from './dial.ts';
import { keepPace } from './pace.ts';
import type { RemotePlace } from './place.ts';
import type { Session } from './session.ts';
import { fileWords, heard, listWords, pieceBytes, propertiesWords, sayPlace, sizeWords, spaceWords } from './words.ts';

export type ReachOptions = {
	readonly signal?: AbortSignal | undefined;
	/** How connections are made; by TLS to the mover's address unless a test knows another way. */
	readonly connect?: Connect | undefined;
	readonly clock?: Clock | undefined;
};

/** A repository that a data mover on another machine holds: a session with it, and its storage. */
export class RemoteRepository implements AsyncDisposable {
	readonly session: Session;
	readonly calls: Calls;
	readonly storage: Storage;
	readonly #place: RemotePlace;
	#pace: Disposable | null = null;

	private constructor(place: RemotePlace, session: Session, calls: Calls, properties: StorageProperties) {
		this.#place = place;
		this.session = session;
		this.calls = calls;
		this.storage = new RemoteStorage(calls, properties);
	}

	/** @throws `connection.*`, `auth.*`, `repository.unreachable` */
	static async reach(place: RemotePlace, { signal, connect = dial(place.mover), clock }: ReachOptions = {}): Promise<RemoteRepository> {
		const calls: Calls = new Calls(() => session);
		const session: Session = await openSession({
			connect,
			peer: place.mover.name,
			product: place.product,
			connectionCount: place.connectionCount,
			onMessage: (message) => calls.take(message),
			clock,
			signal,
		});
		session.ended.addEventListener('abort', () => calls.end(session.ended.reason), { once: true });
		try {
			const { json } = await calls.ask('place', { json: sayPlace(place) });
			const properties = heard(propertiesWords, json);
			return new RemoteRepository(place, session, calls, { ...properties, place: `${properties.place} on ${place.mover.name}` });
		} catch (error) {
			session.end();
			throw error;
		}
	}

	get isEnded(): boolean {
		return this.session.ended.aborted;
	}

	/** For all that reads and writes repositories. */
	get vault(): Vault {
		return { storage: this.storage, keys: this.#place.keys };
	}

	/** What is done over there keeps to these shares from now on. */
	async keepPace(shares: TaskShares): Promise<void> {
		this.#pace = await keepPace(this.calls, shares);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#pace?.[Symbol.dispose]();
		this.session.end();
	}
}

/** The port to where backup files lie, over a session. */
export class RemoteStorage implements Storage {
	readonly properties: StorageProperties;
	readonly #calls: Pick<Calls, 'ask'>;

	constructor(calls: Pick<Calls, 'ask'>, properties: StorageProperties) {
		this.#calls = calls;
		this.properties = properties;
	}

	async list(folder: string): Promise<readonly StorageEntry[]> {
		return heard(listWords, (await this.#calls.ask('list', { json: { path: folder } })).json).entries;
	}

	async open(path: string, mode: 'read' | 'update' | 'create'): Promise<StorageFile> {
		const { file } = heard(fileWords, (await this.#calls.ask('open', { json: { path, mode } })).json);
		return new RemoteFile(path, file, this.#calls);
	}

	async replace(path: string, bytes: Uint8Array): Promise<void> {
		const temporary = await writeTemporary(this, path, bytes);
		await this.rename(temporary, path, { replace: true });
	}

	async rename(from: string, to: string, { replace = false }: { readonly replace?: boolean } = {}): Promise<void> {
		await this.#calls.ask('rename', { json: { from, to, replace } });
	}

	async remove(path: string): Promise<void> {
		await this.#calls.ask('remove', { json: { path } });
	}

	async space(): Promise<StorageSpace> {
		return heard(spaceWords, (await this.#calls.ask('space')).json);
	}
}

/** Reads and writes are cut into pieces that go over all connections at once. */
class RemoteFile implements StorageFile {
	readonly path: string;
	readonly #file: number;
	readonly #calls: Pick<Calls, 'ask'>;

	constructor(path: string, file: number, calls: Pick<Calls, 'ask'>) {
		this.path = path;
		this.#file = file;
		this.#calls = calls;
	}

	async sizeBytes(): Promise<number> {
		return heard(sizeWords, (await this.#calls.ask('size', { json: { file: this.#file } })).json).sizeBytes;
	}

	async read(target: Uint8Array, offset: number): Promise<number> {
		const counts = await Promise.all(
			pieces(target).map(async ({ at, piece }) => {
				const { bytes } = await this.#calls.ask('read', { json: { file: this.#file, offset: offset + at, bytes: piece.byteLength } });
				const count = Math.min(bytes.byteLength, piece.byteLength);
				piece.set(bytes.subarray(0, count));
				release(bytes);
				return { at, count };
			}),
		);
		return counts.reduce((end, { at, count }) => (at <= end ? Math.max(end, at + count) : end), 0); // behind the end of the file there is nothing
	}

	async write(bytes: Uint8Array, offset: number): Promise<void> {
		await Promise.all(pieces(bytes).map(({ at, piece }) => this.#calls.ask('write', { json: { file: this.#file, offset: offset + at }, bytes: [piece] })));
	}

	/** What moves much within the repository is asked of its host as a step. */
	async copyFrom(): Promise<boolean> {
		return false;
	}

	async truncate(sizeBytes: number): Promise<void> {
		await this.#calls.ask('truncate', { json: { file: this.#file, sizeBytes } });
	}

	async sync(): Promise<void> {
		await this.#calls.ask('sync', { json: { file: this.#file } });
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#calls.ask('close', { json: { file: this.#file } }).catch(() => undefined); // the session has ended, and with it the file is closed
	}
}

function pieces(bytes: Uint8Array): { readonly at: number; readonly piece: Uint8Array }[] {
	const count = Math.ceil(bytes.byteLength / pieceBytes);
	return Array.from({ length: count }, (_, i) => ({ at: i * pieceBytes, piece: bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes) }));
}
