import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const strict = sql`strict`;

/** Devices that are served; entities as jobs and repositories are. */
export const devices: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('devices')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('revision', 'integer', (column) => column.notNull())
			.addColumn('name_key', 'text', (column) => column.notNull().unique())
			.addColumn('created_at', 'integer', (column) => column.notNull())
			.addColumn('settings', 'text', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
