import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createEntityTable, strict } from './entity-table.ts';

/** Managed machines (entities as jobs are), what was last heard of them, the tokens that pair them, and what signs their certificates. */
export const machines: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await createEntityTable(db, 'machines');
		await db.schema
			.createTable('machine_states')
			.addColumn('machine_id', 'text', (column) => column.primaryKey().references('machines.id').onDelete('cascade'))
			.addColumn('seen_at', 'integer')
			.addColumn('status', 'text')
			.addColumn('problem', 'text')
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('pairing_tokens')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('secret_hash', 'text', (column) => column.notNull())
			.addColumn('expires_at', 'integer', (column) => column.notNull())
			.addColumn('used_at', 'integer')
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('machine_authorities')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('created_at', 'integer', (column) => column.notNull())
			.addColumn('certificate', 'text', (column) => column.notNull())
			.addColumn('sealed_key', 'blob', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
