import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { strict } from './entity-table.ts';

/** What holds for the whole backup server: one row, or none as long as nothing was changed. */
export const serverSettings: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('server_settings')
			.addColumn('id', 'integer', (column) => column.primaryKey())
			.addColumn('revision', 'integer', (column) => column.notNull())
			.addColumn('settings', 'text', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
