import type { Database } from './database.ts';

/** Jobs that were removed here: what they left in repositories is told apart from what came from another installation. */
export interface FormerJobStore {
	put(job: { readonly id: string; readonly name: string; readonly removedAt: number }): Promise<void>;
	ids(): Promise<ReadonlySet<string>>;
}

export const createFormerJobStore = (db: Database): FormerJobStore => ({
	async put({ id, name, removedAt }) {
		await db
			.insertInto('former_jobs')
			.values({ id, name, removed_at: removedAt })
			.onConflict((conflict) => conflict.column('id').doUpdateSet({ name, removed_at: removedAt }))
			.execute();
	},
	async ids() {
		return new Set((await db.selectFrom('former_jobs').select('id').execute()).map(({ id }) => id));
	},
});
