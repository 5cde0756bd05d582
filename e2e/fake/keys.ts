import { EngineError } from '../../engine/base/index.ts';
import type { EncryptionKey, EngineApi, JobSettings, Repository } from '../../engine/contract/index.ts';

/** Keys that encrypt nothing: for screens. Every recovery key is the same one. */
export const fakeRecoveryKey = '4GK0ZT-9QXW2M-7HRB5C-E1JN8V-PA3DYS-06KFT2';
const fakePassword = 'correct horse battery staple';

export function createFakeKeys(
	jobs: () => readonly { id: string; settings: JobSettings }[],
	repositories: () => readonly Repository[],
	createdAt: number,
): EngineApi['keys'] {
	const keys = new Map<string, Pick<EncryptionKey, 'id' | 'createdAt' | 'recoveryKeyConfirmedAt'>>();
	const get = (keyId: string) => {
		const key = keys.get(keyId);
		if (!key) throw new EngineError('not-found.key', `There is no encryption key ${keyId} in this installation.`);
		return key;
	};
	const usersOf = (keyId: string): EncryptionKey['usedBy'] => [
		...jobs().flatMap(({ id, settings }) => (settings.encryptionKeyId === keyId ? [{ kind: 'job' as const, id, name: settings.name }] : [])),
		...repositories().flatMap(({ id, settings }) => (settings.encryptionKeyId === keyId ? [{ kind: 'repository' as const, id, name: settings.name }] : [])),
	];
	return {
		list: async () => [...keys.values()].map((key) => ({ ...key, usedBy: usersOf(key.id), chainCount: usersOf(key.id).length })),
		async create() {
			const id = (0x5e17_0000 + keys.size).toString(16).padEnd(16, 'c');
			keys.set(id, { id, createdAt, recoveryKeyConfirmedAt: null });
			return { keyId: id, recoveryKey: fakeRecoveryKey };
		},
		async changePassword({ keyId }) {
			return { chainCount: usersOf(get(keyId).id).length, pending: [] };
		},
		async newRecoveryKey({ keyId }) {
			keys.set(keyId, { ...get(keyId), recoveryKeyConfirmedAt: null });
			return { recoveryKey: fakeRecoveryKey, chainCount: usersOf(keyId).length, pending: [] };
		},
		async confirmRecoveryKey({ keyId, recoveryKey }) {
			if (recoveryKey.replace(/[\s-]/g, '').toUpperCase() !== fakeRecoveryKey.replaceAll('-', ''))
				throw new EngineError('auth.wrong-secret', 'This is the recovery key of something else.', { data: { field: 'recoveryKey' } });
			keys.set(keyId, { ...get(keyId), recoveryKeyConfirmedAt: createdAt });
		},
		async unlock({ repositoryId, secret }) {
			const repository = repositories().find(({ id }) => id === repositoryId);
			if (!repository) throw new EngineError('not-found.repository', `There is no repository ${repositoryId}.`);
			if ('password' in secret && secret.password !== fakePassword)
				throw new EngineError('auth.wrong-secret', `This password opens no chain in “${repository.settings.name}”.`, { data: { field: 'secret' } });
			return { keyIds: [...keys.keys()], repository };
		},
		async remove({ keyId }) {
			if (usersOf(get(keyId).id).length > 0) throw new EngineError('usage.conflict', `The key ${keyId} is in use.`);
			keys.delete(keyId);
		},
	};
}
