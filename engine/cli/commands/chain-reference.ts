import type { ChainReference } from '../../contract/index.ts';
import type { Client } from '../connection.ts';
import { findRepository } from '../lookup.ts';

export type ChainOptions = { readonly repository?: string };
export const ofRepository = ['--repository <name>', 'the repository that is meant, where a copy of it holds the same chain'] as const;

export const chainReference = async (client: Client, id: string, repository: string | undefined): Promise<ChainReference> => ({
	id,
	...(repository !== undefined && { repositoryId: (await findRepository(client, repository)).id }),
});
