import { type Clock, EngineError, toErrorShape } from '../base/index.ts';
import type { Configuration, StoredKey } from '../config/index.ts';
import type { EncryptionKey, JobSettings, Relocking, RepositorySettings, Secret } from '../contract/index.ts';
import { createMasterKey, type KeyRing, type MasterKey, openLock, type PasswordCost, withNewRecoveryKey, withPassword } from '../format/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { ChainUse } from './chain-use.ts';
import type { EventBus } from './events.ts';
import type { ChainRecord, ChainStore } from './ports.ts';

export type KeysParts = {
	readonly config: Pick<Configuration<ChainRecord>, 'keys' | 'jobs' | 'repositories'>;
	readonly catalogue: Catalogue;
	readonly chainStore: ChainStore;
	readonly chainUse: ChainUse;
	readonly bus: EventBus;
	readonly clock: Clock;
	/** Of passwords that are set from now on; absent: what attackers deserve. */
	readonly passwordCost?: PasswordCost | undefined;
};

/** The keys of this installation and what may be done with them. Secrets go in, and none but a new recovery key comes out. */
export interface Keys {
	list(): Promise<EncryptionKey[]>;
	create(password: string): Promise<{ keyId: string; recoveryKey: string }>;
	/** `not-found.key`. */
	changePassword(keyId: string, password: string): Promise<Relocking>;
	newRecoveryKey(keyId: string): Promise<Relocking & { recoveryKey: string }>;
	/** Gives the present secrets to the chains that a change before could not reach. */
	relock(keyId: string): Promise<Relocking>;
	/** `auth.wrong-secret`, `not-found.key`. */
	confirmRecoveryKey(keyId: string, recoveryKey: string): Promise<void>;
	/** Takes in the keys of chains that lie in a repository. `auth.wrong-secret`, `not-found.repository`. @returns their ids */
	unlock(repositoryId: string, secret: Secret): Promise<string[]>;
	/** `usage.conflict` while a job or a repository uses it. */
	remove(keyId: string): Promise<void>;
}

/** The keys at hand, as they go with a repository to whoever reads or writes there. */
export class HeldKeys {
	#keys: readonly StoredKey[] = [];

	get ring(): KeyRing {
		return this.#keys;
	}

	async load({ keys }: Pick<Configuration<ChainRecord>, 'keys'>): Promise<void> {
		this.#keys = await keys.list();
	}

	/** @throws `not-found.key` */
	get(keyId: string): StoredKey {
		const key = this.#keys.find(({ id }) => id === keyId);
		if (key) return key;
		throw new EngineError('not-found.key', `There is no encryption key ${keyId} in this installation.`, {
			hint: 'List the keys with "holdfast key list", or unlock the repository whose chains need it.',
			data: { field: 'encryptionKeyId', keyId },
		});
	}

	get all(): readonly StoredKey[] {
		return this.#keys;
	}
}

/** The key that a job's chains get: its own, else that of its repository; null: they are not encrypted. */
export const keyIdFor = (job: Pick<JobSettings, 'encryptionKeyId'>, repository: Pick<RepositorySettings, 'encryptionKeyId'>): string | null =>
	job.encryptionKeyId ?? repository.encryptionKeyId;

export function createKeys(held: HeldKeys, { config, catalogue, chainStore, chainUse, bus, clock, passwordCost }: KeysParts): Keys {
	async function put(key: MasterKey, { createdAt, recoveryKeyConfirmedAt }: Pick<StoredKey, 'createdAt' | 'recoveryKeyConfirmedAt'>): Promise<void> {
		await config.keys.put({ ...key, createdAt, recoveryKeyConfirmedAt });
		await held.load(config);
		bus.emit({ kind: 'key', id: key.id });
		bus.emit({ kind: 'overview', id: null });
	}

	/** Every chain of the key, in every repository, gets the key's present slots. */
	async function relock(keyId: string): Promise<Relocking> {
		const pending: Relocking['pending'] = [];
		let chainCount = 0;
		for (const { id: repositoryId, settings } of await config.repositories.list()) {
			const { chains } = await catalogue.refresh(repositoryId);
			for (const { id: chainId } of chains.filter((chain) => chain.keyId === keyId)) {
				chainCount++;
				try {
					using seat = chainUse.tryWrite(chainId, 'a change of its secrets');
					using alone = seat.tryAlone();
					if (alone === undefined) throw new EngineError('busy.chain', `The chain ${chainId} is being read.`);
					await chainStore.relock(settings, chainId);
				} catch (error) {
					pending.push({ chainId, repository: settings.name, message: toErrorShape(error).message });
				}
			}
		}
		return { chainCount, pending };
	}

	/** What each key is used by: one look at the settings, however many keys there are. */
	async function users(): Promise<(keyId: string) => EncryptionKey['usedBy']> {
		const [jobs, repositories] = await Promise.all([config.jobs.list(), config.repositories.list()]);
		const all = [
			...jobs.map((job) => ({ kind: 'job' as const, ...job })),
			...repositories.map((repository) => ({ kind: 'repository' as const, ...repository })),
		];
		return (keyId) => all.filter(({ settings }) => settings.encryptionKeyId === keyId).map(({ kind, id, settings }) => ({ kind, id, name: settings.name }));
	}

	return {
		async list() {
			const chains = (await catalogue.all()).flatMap((view) => view.chains);
			const usedBy = await users();
			return held.all.map(({ id, createdAt, recoveryKeyConfirmedAt }) => {
				const chainCount = chains.filter(({ keyId }) => keyId === id).length;
				return { id, createdAt, recoveryKeyConfirmedAt, usedBy: usedBy(id), chainCount };
			});
		},
		async create(password) {
			const { key, recoveryKey } = await createMasterKey(password, passwordCost);
			await put(key, { createdAt: clock.now(), recoveryKeyConfirmedAt: null });
			return { keyId: key.id, recoveryKey };
		},
		async changePassword(keyId, password) {
			const before = held.get(keyId);
			await put(await withPassword(before, password, passwordCost), before);
			return relock(keyId);
		},
		async newRecoveryKey(keyId) {
			const before = held.get(keyId);
			const { key, recoveryKey } = await withNewRecoveryKey(before);
			await put(key, { createdAt: before.createdAt, recoveryKeyConfirmedAt: null });
			return { recoveryKey, ...(await relock(keyId)) };
		},
		relock: async (keyId) => relock(held.get(keyId).id),
		async confirmRecoveryKey(keyId, recoveryKey) {
			const key = held.get(keyId);
			if ((await openLock(key, { recoveryKey })) === null) {
				throw new EngineError('auth.wrong-secret', 'This is the recovery key of something else.', {
					hint: 'If the right one is lost, make a new one: that of before then opens nothing any more.',
					data: { field: 'recoveryKey' },
				});
			}
			await put(key, { createdAt: key.createdAt, recoveryKeyConfirmedAt: clock.now() });
		},
		async unlock(repositoryId, secret) {
			const { settings } = await config.repositories.get(repositoryId);
			const locks = new Map((await chainStore.locks(settings)).map(({ lock }) => [lock.keyId, lock]));
			if (locks.size === 0)
				throw new EngineError('usage.conflict', `The repository “${settings.name}” holds no encrypted chain.`, { hint: 'There is nothing to unlock.' });
			const opened: string[] = [];
			for (const lock of locks.values()) {
				const key = await openLock(lock, secret);
				if (key?.id !== lock.keyId) continue;
				// slots that this installation holds may be newer than those of a file
				const known = held.all.find(({ id }) => id === key.id);
				if (known === undefined) await put(key, { createdAt: clock.now(), recoveryKeyConfirmedAt: 'recoveryKey' in secret ? clock.now() : null });
				opened.push(key.id);
			}
			await catalogue.refresh(repositoryId);
			if (opened.length > 0) return opened;
			throw new EngineError('auth.wrong-secret', `This ${'password' in secret ? 'password' : 'recovery key'} opens no chain in “${settings.name}”.`, {
				hint: 'Passwords count upper and lower case. The recovery key opens what the password opens.',
				data: { field: 'secret' },
			});
		},
		async remove(keyId) {
			held.get(keyId);
			const inUse = (await users())(keyId);
			if (inUse.length > 0) {
				throw new EngineError('usage.conflict', `The key ${keyId} is used by ${inUse.map(({ kind, name }) => `the ${kind} “${name}”`).join(', ')}.`, {
					hint: 'Give them another key, or none, first.',
					data: { users: inUse },
				});
			}
			await config.keys.remove(keyId);
			await held.load(config);
			for (const { repositoryId } of await catalogue.all()) await catalogue.refresh(repositoryId);
			bus.emit({ kind: 'key', id: keyId });
		},
	};
}
