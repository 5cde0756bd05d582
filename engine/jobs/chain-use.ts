import { EngineError } from '../base/index.ts';

/** Keeps retention from deleting a chain that a restore or a check reads. Readers share; deleting excludes. */
export interface ChainUse {
	/** `busy.chain` while the chain is being deleted. */
	read(chainId: string): Disposable;
	/** Undefined while somebody reads it. */
	tryRemove(chainId: string): Disposable | undefined;
}

export function createChainUse(): ChainUse {
	const readers = new Map<string, number>();
	const removing = new Set<string>();
	return {
		read(chainId) {
			if (removing.has(chainId)) {
				throw new EngineError('busy.chain', `The chain ${chainId} is being removed by retention.`, { hint: 'Choose a newer restore point.' });
			}
			readers.set(chainId, (readers.get(chainId) ?? 0) + 1);
			return {
				[Symbol.dispose]() {
					const left = (readers.get(chainId) ?? 1) - 1;
					if (left > 0) readers.set(chainId, left);
					else readers.delete(chainId);
				},
			};
		},
		tryRemove(chainId) {
			if (readers.has(chainId) || removing.has(chainId)) return undefined;
			removing.add(chainId);
			return { [Symbol.dispose]: () => void removing.delete(chainId) };
		},
	};
}
