import type { ErrorShape } from '../contract/index.ts';
import type { Database } from './database.ts';

/** A chain as the repository described it when it was last read. The store does not look inside. */
export type CachedChain = { readonly id: string };
export type CatalogueProblem = { readonly path: string; readonly error: ErrorShape };
export type CachedCatalogue<Chain extends CachedChain> = { readonly readAt: number; readonly chains: Chain[]; readonly problems: CatalogueProblem[] };

/** What the repositories held when they were last read: a cache, the repositories' own files are the truth. */
export interface CatalogueStore<Chain extends CachedChain> {
	read(repositoryId: string): Promise<CachedCatalogue<Chain> | undefined>;
	replace(repositoryId: string, catalogue: CachedCatalogue<Chain>): Promise<void>;
}

export function createCatalogueStore<Chain extends CachedChain>(db: Database): CatalogueStore<Chain> {
	return {
		async read(repositoryId) {
			const state = await db.selectFrom('catalogue_state').selectAll().where('repository_id', '=', repositoryId).executeTakeFirst();
			if (state === undefined) return undefined;
			const rows = await db.selectFrom('chains').select('record').where('repository_id', '=', repositoryId).orderBy('id').execute();
			return {
				readAt: state.read_at,
				problems: JSON.parse(state.problems) as CatalogueProblem[],
				chains: rows.map(({ record }) => JSON.parse(record) as Chain),
			};
		},
		async replace(repositoryId, { readAt, chains, problems }) {
			await db.transaction().execute(async (tx) => {
				const stored = await tx.selectFrom('chains').select(['id', 'record']).where('repository_id', '=', repositoryId).execute();
				const before = new Map(stored.map(({ id, record }) => [id, record]));
				for (const chain of chains) {
					const record = JSON.stringify(chain);
					if (before.get(chain.id) !== record) {
						await tx
							.insertInto('chains')
							.values({ id: chain.id, repository_id: repositoryId, record })
							.onConflict((conflict) => conflict.columns(['repository_id', 'id']).doUpdateSet({ record }))
							.execute();
					}
					before.delete(chain.id);
				}
				for (const id of before.keys()) await tx.deleteFrom('chains').where('repository_id', '=', repositoryId).where('id', '=', id).execute();
				const state = { read_at: readAt, problems: JSON.stringify(problems) };
				await tx
					.insertInto('catalogue_state')
					.values({ repository_id: repositoryId, ...state })
					.onConflict((conflict) => conflict.column('repository_id').doUpdateSet(state))
					.execute();
			});
		},
	};
}
