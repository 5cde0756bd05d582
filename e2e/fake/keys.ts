import { EngineError } from '../../engine/base/index.ts';
import type { EncryptionKey, EngineApi, JobSettings, Relocking, Repository } from '../../engine/contract/index.ts';
import { financeKeyId, vaultKeyId } from './site.ts';

/** Keys that encrypt nothing: for screens. Every recovery key is the same one. */
export const fakeRecoveryKey = '4GK0ZT-9QXW2M-7HRB5C-E1JN8V-PA3DYS-06KFT2';
type FakeKey = Pick<EncryptionKey, 'id' | 'createdAt' | 'recoveryKeyConfirmedAt'>;

/** One that all is well with, one whose recovery key nobody has confirmed, one that is not used. */
export const siteKeys = (at: number): FakeKey[] => [
	{ id: financeKeyId, createdAt: at, recoveryKeyConfirmedAt: at + 60_000 },
	{ id: vaultKeyId, createdAt: at + 8 * 86_400_000, recoveryKeyConfirmedAt: null },
	{ id: '1f00d3c2b1a09f8e', createdAt: at - 90 * 86_400_000, recoveryKeyConfirmedAt: at - 90 * 86_400_000 },
];
const fakePassword = 'correct horse battery staple';

export function createFakeKeys(
	jobs: () => readonly { id: string; settings: JobSettings }[],
	repositories: () => readonly Repository[],
	present: readonly FakeKey[],
	onUnlocked: () => void,
): EngineApi['keys'] {
	const keys = new Map(present.map((key) => [key.id, key]));
	/** A chain of the vault is being read when its password is changed the first time. */
	const reached = new Set<string>();
	const get = (keyId: string) => {
		const key = keys.get(keyId);
		if (!key) throw new EngineError('not-found.key', `There is no encryption key ${keyId} in this installation.`);
		return key;
	};
	const relock = (keyId: string): Relocking => {
		const isFirst = keyId === vaultKeyId && !reached.has(keyId);
		reached.add(keyId);
		const chainId = 'chain-home-3';
		return { chainCount: 9, pending: isFirst ? [{ chainId, repository: 'Vault', message: `The chain ${chainId} is being read.` }] : [] };
	};
	const usersOf = (keyId: string): EncryptionKey['usedBy'] => [
		...jobs().flatMap(({ id, settings }) => (settings.encryptionKeyId === keyId ? [{ kind: 'job' as const, id, name: settings.name }] : [])),
		...repositories().flatMap(({ id, settings }) => (settings.encryptionKeyId === keyId ? [{ kind: 'repository' as const, id, name: settings.name }] : [])),
	];
	return {
		list: async () => [...keys.values()].map((key) => ({ ...key, usedBy: usersOf(key.id), chainCount: usersOf(key.id).length })),
		async create() {
			const id = (0x5e17_0000 + keys.size).toString(16).padEnd(16, 'c');
			keys.set(id, { id, createdAt: Date.now(), recoveryKeyConfirmedAt: null });
			return { keyId: id, recoveryKey: fakeRecoveryKey };
		},
		async changePassword({ keyId }) {
			return relock(get(keyId).id);
		},
		async newRecoveryKey({ keyId }) {
			keys.set(keyId, { ...get(keyId), recoveryKeyConfirmedAt: null });
			return { recoveryKey: fakeRecoveryKey, ...relock(keyId) };
		},
		async relock({ keyId }) {
			return { chainCount: usersOf(get(keyId).id).length, pending: [] };
		},
		async confirmRecoveryKey({ keyId, recoveryKey }) {
			if (recoveryKey.replace(/[\s-]/g, '').toUpperCase() !== fakeRecoveryKey.replaceAll('-', ''))
				throw new EngineError('auth.wrong-secret', 'This is the recovery key of something else.', { data: { field: 'recoveryKey' } });
			keys.set(keyId, { ...get(keyId), recoveryKeyConfirmedAt: Date.now() });
		},
		async unlock({ repositoryId, secret }) {
			const repository = repositories().find(({ id }) => id === repositoryId);
			if (!repository) throw new EngineError('not-found.repository', `There is no repository ${repositoryId}.`);
			if ('password' in secret && secret.password !== fakePassword)
				throw new EngineError('auth.wrong-secret', `This password opens no chain in “${repository.settings.name}”.`, { data: { field: 'secret' } });
			keys.set(financeKeyId, { id: financeKeyId, createdAt: Date.now(), recoveryKeyConfirmedAt: null });
			onUnlocked();
			return { keyIds: [financeKeyId], repository };
		},
		async remove({ keyId }) {
			if (usersOf(get(keyId).id).length > 0) throw new EngineError('usage.conflict', `The key ${keyId} is in use.`);
			keys.delete(keyId);
		},
	};
}
