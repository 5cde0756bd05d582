import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const encryptionKeys: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('encryption_keys')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('created_at', 'integer', (column) => column.notNull())
			.addColumn('sealed_secret', 'blob', (column) => column.notNull())
			.addColumn('slots', 'text', (column) => column.notNull())
			.addColumn('recovery_confirmed_at', 'integer')
			.modifyEnd(sql`strict`)
			.execute();
	},
};
