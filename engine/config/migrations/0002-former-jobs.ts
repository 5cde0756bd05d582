import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const formerJobs: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('former_jobs')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('name', 'text', (column) => column.notNull())
			.addColumn('removed_at', 'integer', (column) => column.notNull())
			.modifyEnd(sql`strict`)
			.execute();
	},
};
