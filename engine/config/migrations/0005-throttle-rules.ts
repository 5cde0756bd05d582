import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const strict = sql`strict`;

/** Rules that cap traffic between ranges of addresses; entities as jobs and repositories are. */
export const throttleRules: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('throttle_rules')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('revision', 'integer', (column) => column.notNull())
			.addColumn('name_key', 'text', (column) => column.notNull().unique())
			.addColumn('created_at', 'integer', (column) => column.notNull())
			.addColumn('settings', 'text', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
