import type { EngineApi } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** What chains are encrypted with. */
export function createKeysApi({ keys }: Pick<ApiParts, 'keys'>, repositories: Pick<EngineApi['repositories'], 'get'>): EngineApi['keys'] {
	return {
		list: () => keys.list(),
		create: ({ password }) => keys.create(password),
		changePassword: ({ keyId, password }) => keys.changePassword(keyId, password),
		newRecoveryKey: ({ keyId }) => keys.newRecoveryKey(keyId),
		relock: ({ keyId }) => keys.relock(keyId),
		confirmRecoveryKey: ({ keyId, recoveryKey }) => keys.confirmRecoveryKey(keyId, recoveryKey),
		async unlock({ repositoryId, secret }, options) {
			const keyIds = await keys.unlock(repositoryId, secret);
			return { keyIds, repository: await repositories.get({ id: repositoryId }, options) };
		},
		remove: ({ keyId }) => keys.remove(keyId),
	};
}
