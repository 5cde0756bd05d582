import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { strict } from './entity-table.ts';

/** What must be undone after a snapshot, and what was chosen for single volumes. */
export const snapshots: Migration = {
	async up(db: Kysely<unknown>): Promise<void> {
		await db.schema
			.createTable('snapshot_journal')
			.addColumn('id', 'text', (column) => column.primaryKey())
			.addColumn('entry', 'text', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
		await db.schema
			.createTable('volume_settings')
			.addColumn('volume_id', 'text', (column) => column.primaryKey())
			.addColumn('provider', 'text', (column) => column.notNull())
			.addColumn('max_snapshots', 'integer', (column) => column.notNull())
			.modifyEnd(strict)
			.execute();
	},
};
